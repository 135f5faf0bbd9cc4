// A Kubernetes cluster in this process: webernetes has the real controllers, kubelets and probes, and the component
// plays the image of a Deployment.

import { BaseImage, Cluster, PatchStrategy, setHeaderOptions } from '@ngrok/webernetes';
import { BROKEN, Program, SLOW } from '../forecast/program.js';
import { SPIN_HEALTH } from './component.js';
import { COMPONENT } from '../forecast/questions.js';

/** What webernetes models, of what a manifest may hold. */
const MODELLED = new Set(['Deployment', 'Service']);

/**
 * How many instances all replicas of a Deployment may have at once. V8 has room for about a hundred, since each of them
 * reserves gigabytes of addresses. So a replica here has fewer than its manifest says, and as many waits fewer.
 */
const ROOM = 75;
/** How many each may have, however many replicas there are: more than users ask for at once. */
const LEAST = 6;

/** The header in which webernetes' kubelet says which probe asks. */
const PROBE = 'x-webernetes-health-check';

const MERGE = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);

/** @typedef {import('@ngrok/webernetes').V1Pod} Pod */

/** Whether a pod is ready, and is to stay. */
export const isReady = ({ metadata, status }) =>
	!metadata.deletionTimestamp && status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

/** How often the containers of a pod were restarted. */
export const restartsOf = ({ status }) => (status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0);

/** The status of a pod as `kubectl get pods` prints it. */
export function statusOf({ metadata, status }) {
	if (metadata.deletionTimestamp) return 'Terminating';
	const [{ state = undefined } = {}] = status?.containerStatuses ?? [];
	if (state?.terminated) return state.terminated.exitCode ? 'Error' : 'Completed'; // webernetes gives no reason
	return state?.waiting?.reason ?? status?.phase ?? 'Pending';
}

export class Kubernetes {
	/** The pods of the Deployment, by name, the oldest first. @type {Map<string, Pod>} */
	pods = new Map();
	/** The replicas that listen, by address. @type {Map<string, Program>} */
	replicas = new Map();
	/** What the replicas have logged, by the name of their pod, without the oldest. @type {Map<string, string[]>} */
	logs = new Map();
	/** Hears what each probe was answered. */
	onProbe = (_pod, _isGood) => {};
	#listeners = new Set();
	#informers = [];

	/**
	 * Starts a cluster, and applies `objects`, among them a Deployment.
	 * @param {any[]} objects parsed manifests
	 * @param {Map<string, WebAssembly.Module>} modules the component's
	 * @param {import('../forecast/questions.js').Settings} [program] what no manifest says of the program
	 * @param {boolean} [isStepped] whether its clock stands still, and is stepped
	 */
	constructor(objects, modules, program = COMPONENT, isStepped = false) {
		const modelled = objects.filter(({ kind }) => MODELLED.has(kind)).map(inNamespace);
		// kubectl expects a namespace to exist.
		const namespaces = new Set(modelled.map(({ metadata }) => metadata.namespace).filter((name) => name !== 'default'));
		this.objects = [...Array.from(namespaces, (name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })), ...modelled];
		this.deployment = this.objects.find(({ kind }) => kind === 'Deployment');
		this.deployment.spec.replicas ??= 1;
		this.modules = modules;
		this.program = program;
		this.cluster = new Cluster();
		this.clock = this.cluster.clock;
		if (isStepped) this.cluster.pause();
	}

	async start() {
		const { containers } = this.deployment.spec.template.spec;
		const played = this.container.image;
		for (const name of new Set([...containers.map(({ image }) => image), versionOf(played, BROKEN), versionOf(played, SLOW)])) {
			this.cluster.registerImage(this.#image(name));
		}
		await this.cluster.init();
		this.watch('pods', (type, pod) => {
			if (type === 'delete') this.pods.delete(pod.metadata.name);
			else this.pods.set(pod.metadata.name, pod);
			for (const listener of this.#listeners) listener();
		});
		await this.apply(this.objects);
	}

	/** The container that the component plays: the first with a probe, or else with a port. The others only run. */
	get container() {
		return playedOf(this.deployment);
	}

	/** How many times smaller than its manifest says each replica is. */
	get #scale() {
		const { env = [] } = this.container;
		const most = Number(env.find(({ name }) => name === 'SPIN_MAX_INSTANCE_COUNT')?.value) || this.program.most;
		return { most, scale: Math.max(1, (most * Math.max(1, this.deployment.spec.replicas)) / ROOM) };
	}
	/** How many requests at once a replica has room for. Whatever comes when there are more gets 500. */
	get room() {
		const { most, scale } = this.#scale;
		return Math.min(most, Math.max(LEAST, Math.round(most / scale)));
	}

	/** As kubectl apply does. */
	async apply(manifest) {
		const objects = manifest.map(inNamespace);
		await this.cluster.apply(without80(objects)).catch((error) => {
			throw new Error(error.body?.message ?? error.message); // what the API says, without the HTTP around it
		});
		this.deployment = objects.find(({ kind }) => kind === 'Deployment') ?? this.deployment;
	}

	/** Patches the Deployment, as kubectl patch --type merge does. */
	async patch(body) {
		const { name, namespace } = this.deployment.metadata;
		await this.cluster.api.appsv1.patchNamespacedDeployment({ name, namespace, body: without80(body) }, MERGE);
	}

	/** Deletes a pod, as kubectl delete does. */
	async delete({ metadata: { name, namespace } }) {
		await this.cluster.api.corev1.deleteNamespacedPod({ name, namespace });
	}

	/** Reports every change to a kind of object, starting with the objects that already exist. */
	watch(resource, callback) {
		const { namespace } = this.deployment.metadata;
		this.#informers.push(this.cluster.informer(resource, callback, { namespace }));
	}

	/** Calls `listener` whenever a pod has changed; returns what ends that. */
	onChange(listener) {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	/**
	 * The replica in a pod, if it listens.
	 * @param {Pod} pod
	 */
	replicaOf(pod) {
		return this.replicas.get(pod.status?.podIP ?? '');
	}

	async close() {
		for (const informer of this.#informers) await informer.stop();
		for (const replica of this.replicas.values()) replica.end();
		await this.cluster.close();
	}

	/** The component as an image of that name: a program, for as long as the container runs. */
	#image(reference) {
		const [, imageName, imageVersion = 'latest'] = splitImage(reference);
		const run = (context, terminated) => this.#run(context, terminated, imageVersion);
		return class extends BaseImage {
			static imageName = imageName;
			static imageVersion = imageVersion;
			defaultCommand = ['/'];
			#terminated = Promise.withResolvers();

			async exec(context, argv) {
				return argv[0] === '/' ? run(context, this.#terminated.promise) : super.exec(context, argv);
			}
			signalHandler(_, signal) {
				if (signal === 'SIGTERM') this.#terminated.resolve(143);
			}
		};
	}

	/** Runs a container until it ends by itself, acts on SIGTERM, or is killed; returns its exit code. */
	async #run(context, terminated, version) {
		const {
			env,
			container: { apiContainer },
			pod: { ip, name },
		} = context;
		const killed = context.waitUntilKilled();
		if (apiContainer.name !== this.container.name) return Promise.race([killed, terminated]);
		const { start, slow } = this.program;
		const started = start || version === SLOW ? this.clock.wait((version === SLOW ? slow : start) * 1000) : undefined;
		const code = await Promise.race([started, killed, terminated]);
		if (code !== undefined) return code;

		const log = this.logs.get(name) ?? [];
		this.logs.set(name, log);
		const { scale } = this.#scale;
		const replica = new Program(this.program, this.modules, variablesOf(env, name, scale), this.room, this.clock, (text) => {
			log.push(text);
			log.splice(0, log.length - 100);
		});
		if (version === BROKEN) await replica.break();
		for (const port of portsOf(env, apiContainer)) context.listenHttp(port, (_, request) => this.#answer(name, replica, request));
		this.replicas.set(ip, replica);
		terminated.then(() => replica.terminate());
		const ended = await Promise.race([replica.ended, killed]);
		if (this.replicas.get(ip) === replica) this.replicas.delete(ip);
		replica.end();
		return ended;
	}

	/** Answers what comes by the cluster's own network, such as a probe: it knows texts alone, so no gzip. */
	async #answer(name, replica, { method, url, host, header }) {
		const headers = Object.entries(header).flatMap(([name, values]) => values.map((value) => [name.toLowerCase(), value]));
		const isProbe = headers.some(([name]) => name === PROBE);
		const answer = await replica.answer({
			method,
			// Whatever path somebody's program has for it.
			target: isProbe && url.pathname !== SPIN_HEALTH ? '/health' : url.pathname + url.search,
			authority: host,
			headers: headers.filter(([name]) => name !== 'accept-encoding'),
		});
		if (isProbe) this.onProbe(name, answer.status < 400);
		return {
			status: answer.status,
			header: Object.fromEntries(answer.headers.map(([name, value]) => [name, [value]])),
			body: (await answer.body?.text()) ?? '',
		};
	}
}

/** The probes that a container may have. */
export const PROBES = ['startupProbe', 'readinessProbe', 'livenessProbe'];

/** The container of a Deployment that the component plays. */
export function playedOf({ spec }) {
	const { containers } = spec.template.spec;
	return containers.find((container) => PROBES.some((kind) => container[kind])) ?? containers.find(({ ports }) => ports?.length) ?? containers[0];
}

/** The whole of an image's name, its name, and its tag or the digits of its digest. */
const splitImage = (reference) => /^(.*?)(?::([^:/]+))?$/.exec(reference);

/** The name of another version of an image. */
export const versionOf = (reference, version) => `${splitImage(reference)?.[1].replace(/@.*/, '')}:${version}`;

/** Objects with another port in place of 80, since webernetes 0.3.5 refuses probes of it: a URL does not spell it out. */
const without80 = (objects) => JSON.parse(JSON.stringify(objects, (key, value) => (/^(containerP|p)ort$/.test(key) && Number(value) === 80 ? 65_080 : value)));

/** An object with a namespace, as kubectl gives it one. */
const inNamespace = (object) => ({ ...object, metadata: { ...object.metadata, namespace: object.metadata?.namespace ?? 'default' } });

/** Spin's variables, which take their values from the environment, where their names are in capitals. */
function variablesOf(env, hostname, scale) {
	const variables = { chaos_token: '', max_waits: '0', hostname };
	for (const [name, value] of env) variables[name.toLowerCase()] = value;
	variables.hostname = hostname;
	variables.max_waits = String(Math.ceil(Number(variables.max_waits) / scale));
	return variables;
}

/** The ports that a container listens on: as Spin is told, or else all that its manifest names. */
function portsOf(env, { ports = [], ...container }) {
	const told = /\d+$/.exec(env.get('SPIN_HTTP_LISTEN_ADDR') ?? '');
	if (told) return [Number(told[0])];
	const asked = PROBES.map((kind) => Number((container[kind]?.httpGet ?? container[kind]?.tcpSocket)?.port));
	const known = new Set([...ports.map(({ containerPort }) => containerPort), ...asked.filter(Boolean)]);
	return known.size ? known : [80];
}
