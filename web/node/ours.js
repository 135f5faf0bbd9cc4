// k8s/ in a namespace of its own, which a drill makes, and removes.

import { readdirSync, readFileSync } from 'node:fs';
import { isReady } from '../cluster/pods.js';
import { parse } from '../forecast/parse.js';
import { ask, refuse, Trouble } from './kubectl.js';

const APP = 'spin-on-k8s';
const K8S = new URL('../../k8s/', import.meta.url);
/** What a drill puts on the namespace it makes. */
const LABEL = 'app.kubernetes.io/managed-by';
const MAKER = 'spin-on-k8s-drill';
const RUNTIME_CLASS = 'wasmtime-spin-v2';
/** From the body of a 503 beyond the wait limit. */
const REFUSAL = 'this replica starts at most';
/** What the component answers, by what the clients ask for. */
const RIGHT = { '/parity?int=7': /^odd$/, '/wait': /^\{"time":"[^"]+"\}$/ };
/** For how long an ingress may take until it knows us, in seconds. */
const PATIENCE = 60;

/** The manifests, with the image and the ingress that are wanted. An ingress exposes /fail and /quit, so nobody gets it unasked. */
function objectsOf(/** @type {Record<string, string>} */ { BASE_URL, INGRESS_CLASS, IMAGE }) {
	const files = readdirSync(K8S).filter((name) => name.endsWith('.yaml'));
	const objects = files.flatMap((name) => parse(readFileSync(new URL(name, K8S))).objects).filter(({ kind }) => BASE_URL || kind !== 'Ingress');
	const of = (wanted) => objects.find(({ kind }) => kind === wanted);
	if (IMAGE) of('Deployment').spec.template.spec.containers[0].image = IMAGE;
	if (!BASE_URL) return objects;
	const { hostname, protocol } = new URL(BASE_URL);
	const { spec } = of('Ingress');
	if (!/^([\d.]+|\[.*\])$/.test(hostname)) spec.rules[0].host = hostname; // A rule cannot name an IP address.
	if (protocol === 'https:') spec.tls = [{}]; // with the certificate that the ingress itself has
	if (INGRESS_CLASS) spec.ingressClassName = INGRESS_CLASS;
	return objects;
}

export class Ours {
	#kubectl;
	#isThere = false;
	#replicas;
	/** @type {Promise<any>} */
	#opening = Promise.resolve();
	rate = undefined;

	/**
	 * @param {import('./kubectl.js').Kubectl} kubectl
	 * @param {Record<string, string>} env
	 */
	constructor(kubectl, env) {
		this.#kubectl = kubectl;
		/** @type {Record<string, string>} */
		this.env = { NAMESPACE: `${APP}-drill-${Math.floor(Date.now() / 1000)}-${process.pid}`, ...env };
		if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(this.env.NAMESPACE)) refuse(`'${env.NAMESPACE}' cannot be the name of a namespace`);
		/** What is deployed. */
		this.objects = objectsOf(env);
		const { spec } = this.objects.find(({ kind }) => kind === 'Deployment');
		const { value = 0 } = spec.template.spec.containers[0].env.find(({ name }) => name === 'MAX_WAITS') ?? {};
		/** What the manifest does not say; a crowd is half as many again as all replicas start in five seconds. */
		this.defaults = {
			requests: env.BASE_URL ? 'proxy' : 'service',
			term: 'cuts',
			answer: 5,
			beyond: '503',
			most: value || undefined,
			burst: Math.ceil((value * spec.replicas * 3) / 2),
		};
		this.#replicas = spec.replicas;
		this.way = env.BASE_URL ? `to ${env.BASE_URL}` : "through the API server's service proxy";
	}

	/** The faults, each with how many replicas it takes. */
	faults() {
		const half = Math.floor(this.#replicas / 2);
		const { burst } = this.defaults;
		if (!burst) console.log('No flood: the replicas have no wait limit.');
		const all = [['control'], ['fail'], ['quit'], ['restart'], ['delete'], ['evict', this.#replicas], ['scale', half], ['scale', this.#replicas]];
		return /** @type {[string, number?][]} */ (burst ? [...all, ['flood']] : all);
	}

	/** Refuses what the cluster cannot run, and any namespace but a drill's. */
	async check() {
		const { NAMESPACE } = this.env;
		const kubectl = this.#kubectl;
		// Users without permission to read RuntimeClasses skip this check.
		if (!(await kubectl.get('runtimeclass', RUNTIME_CLASS).catch(() => true))) {
			const ways = 'if the nodes have containerd-shim-spin, run kubectl apply -f spinkube/runtimeclass.yaml; otherwise see the README';
			refuse(`without the RuntimeClass ${RUNTIME_CLASS} no node can run it: ${ways}`);
		}
		const found = await kubectl.get('namespace', NAMESPACE).catch(() => refuse(`cannot tell whose namespace ${NAMESPACE} is`));
		this.#isThere = found !== undefined;
		if (found && found.metadata.labels?.[LABEL] !== MAKER) refuse(`the namespace ${NAMESPACE} was not made by a drill; choose another, or none`);
		if (found?.metadata.deletionTimestamp) refuse(`the namespace ${NAMESPACE} is being removed`);
		const but = `you are not allowed to create namespaces in the context '${kubectl.context}'`;
		if (!found) await kubectl.run(['auth', 'can-i', 'create', 'namespaces']).catch(() => refuse(`a drill creates its own namespace, but ${but}`));
	}

	/** Says where it is going to happen; nothing of anybody's is touched. */
	async confirm() {
		console.log(`context ${this.#kubectl.context}, namespace ${this.env.NAMESPACE}, requests ${this.way}`);
	}

	/** Deploys it; returns the Deployment. */
	open() {
		const opening = this.#deploy();
		this.#opening = opening.catch(() => {});
		return opening;
	}
	async #deploy() {
		const { NAMESPACE, BASE_URL } = this.env;
		const labels = { [LABEL]: MAKER, 'pod-security.kubernetes.io/enforce': 'restricted' };
		const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } };
		if (!this.#isThere) await this.#kubectl.run(['create', '-f', '-'], JSON.stringify(namespace));
		const list = { apiVersion: 'v1', kind: 'List', items: this.objects };
		await this.#kubectl.run(['apply', '-n', NAMESPACE, '-f', '-'], JSON.stringify(list)).catch(({ message }) => {
			const hint = ' (if another ingress has the same path on the same host, delete that for the drill, or run the drill without BASE_URL)';
			throw new Trouble(message + (BASE_URL ? hint : ''));
		});
		return this.#kubectl.get('deployment', APP, '-n', NAMESPACE);
	}

	/** Waits until one of our replicas answers: someone else's may answer there. */
	async reach(cluster) {
		const { clock } = cluster;
		const end = clock.nowMs() + PATIENCE * 1000;
		for (;;) {
			const { status, headers, text } = await this.ask('/health').catch(({ message }) => ({ status: message, headers: {}, text: '' }));
			if (cluster.pods.has(String(headers['x-replica']))) return;
			const hint = this.env.BASE_URL ? ' (does the ingress need an INGRESS_CLASS? see kubectl get ingressclass)' : '';
			if (clock.nowMs() > end) throw new Trouble(`none of our replicas answers ${this.way}: ${status} ${text.split('\n', 1)[0]}${hint}`);
			await clock.wait(1000);
		}
	}

	/** Asks a replica, the way that requests go. */
	ask(target, options = {}) {
		const { BASE_URL, NAMESPACE } = this.env;
		if (BASE_URL) return ask(BASE_URL + target, options);
		return this.#kubectl.ask(`/api/v1/namespaces/${NAMESPACE}/services/${APP}:http/proxy${target}`, options);
	}

	/** Asks again for what the replica that was told to quit has refused or cut, as an ingress does with a GET. */
	async askAgain(target, cluster) {
		if (this.env.BASE_URL) {
			await cluster.clock.wait(1000); // We cannot choose, but in a moment the dead one is no longer an endpoint.
			return this.ask(target);
		}
		const other = [...cluster.pods.values()].find((pod) => isReady(pod) && pod.metadata.name !== cluster.leaving);
		return other ? this.#kubectl.ask(cluster.pathTo(other) + target) : this.ask(target);
	}

	/** What an answer counts as. Throws the cause if it counts as lost. */
	judge({ status, text, headers }, target, cluster) {
		if (status === 503 && text.includes(REFUSAL)) return { status };
		if (status === 200) return { status, isFailed: !RIGHT[target].test(text) || cluster.hasFailed(headers['x-replica']) };
		const isOfServer = /error trying to reach service/.test(text);
		const cause = /no endpoints available/.test(text) ? 'none' : isOfServer ? (/refused/.test(text) ? 'refused' : 'cut') : 'error';
		throw new Error(`${status} ${text}`, { cause });
	}

	/** Removes the namespace; by its label, so that only a drill's goes, whatever has happened. */
	async cleanUp() {
		const { NAMESPACE, KEEP } = this.env;
		await this.#opening;
		if (KEEP === '1') return console.log(`kept the namespace ${NAMESPACE}`);
		console.log(`removing the namespace ${NAMESPACE}`);
		await this.#kubectl
			.run(['delete', 'namespace', '-l', `${LABEL}=${MAKER}`, '--field-selector', `metadata.name=${NAMESPACE}`, '--timeout=120s'])
			.catch(() => {
				throw new Trouble(`please remove the namespace ${NAMESPACE} yourself`);
			});
	}
}
