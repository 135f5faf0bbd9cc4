// A Kubernetes cluster in this process: webernetes has the real controllers, kubelets and probes, and the component
// plays the image of a Deployment.

import { BaseImage, Cluster, PatchStrategy, setHeaderOptions } from '@ngrok/webernetes';
import { Replica } from './replica.js';

/** What webernetes models, of what a manifest may hold. */
const MODELLED = new Set(['Deployment', 'Namespace', 'Pod', 'ReplicaSet', 'Service']);

/**
 * By how much a replica here is smaller than its manifest says, in instances and in waits. V8 has room for some hundred
 * instances, since each of them reserves gigabytes of addresses. Whatever comes when there are more gets 500.
 */
const SCALE = 20;

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
	/** The replicas that listen, by address. @type {Map<string, Replica>} */
	replicas = new Map();
	/** What the replicas have logged, by the name of their pod, without the oldest. @type {Map<string, string[]>} */
	logs = new Map();
	#listeners = new Set();
	#informers = [];

	/**
	 * Starts a cluster, and applies `objects`, among them a Deployment.
	 * @param {any[]} objects parsed manifests
	 * @param {Map<string, WebAssembly.Module>} modules the component's
	 * @param {boolean} [isStepped] whether its clock stands still, and is stepped
	 */
	constructor(objects, modules, isStepped = false) {
		const modelled = objects.filter(({ kind }) => MODELLED.has(kind)).map(inNamespace);
		// kubectl expects a namespace to exist.
		const namespaces = new Set(modelled.map(({ metadata }) => metadata.namespace));
		for (const { kind, metadata } of modelled) if (kind === 'Namespace') namespaces.delete(metadata.name);
		namespaces.delete('default');
		this.objects = [...Array.from(namespaces, (name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })), ...modelled];
		this.ignored = objects.filter(({ kind }) => !MODELLED.has(kind)).map(({ kind }) => kind);
		this.deployment = this.objects.find(({ kind }) => kind === 'Deployment');
		this.deployment.spec.replicas ??= 1;
		this.modules = modules;
		this.cluster = new Cluster();
		this.clock = this.cluster.clock;
		if (isStepped) this.cluster.pause();
	}

	async start() {
		const { containers } = this.deployment.spec.template.spec;
		for (const name of new Set(containers.map(({ image }) => image))) this.cluster.registerImage(this.#image(name));
		await this.cluster.init();
		this.watch('pods', (type, pod) => {
			if (type === 'delete') this.pods.delete(pod.metadata.name);
			else this.pods.set(pod.metadata.name, pod);
			for (const listener of this.#listeners) listener();
		});
		await this.apply(this.objects);
	}

	/** As kubectl apply does. */
	async apply(manifest) {
		const objects = manifest.map(inNamespace);
		await this.cluster.apply(objects);
		this.deployment = objects.find(({ kind }) => kind === 'Deployment') ?? this.deployment;
	}

	/** Patches the Deployment, as kubectl patch --type merge does. */
	async patch(body) {
		const { name, namespace } = this.deployment.metadata;
		await this.cluster.api.appsv1.patchNamespacedDeployment({ name, namespace, body }, MERGE);
	}

	/** Deletes a pod, as kubectl delete does. */
	async delete({ metadata: { name, namespace } }) {
		await this.cluster.api.corev1.deleteNamespacedPod({ name, namespace });
	}

	/** Tells of each change of a kind of object, from those that there are on. */
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

	/** The component as an image of that name: Spin's host, for as long as the container runs. */
	#image(reference) {
		const [, imageName, imageVersion = 'latest'] = /^(.*?)(?::([^:/]+))?$/.exec(reference);
		const kubernetes = this;
		return class extends BaseImage {
			static imageName = imageName;
			static imageVersion = imageVersion;
			defaultCommand = ['/'];

			async exec(context, argv) {
				if (argv[0] !== '/') return super.exec(context, argv);
				return kubernetes.#run(context);
			}
		};
	}

	/** Runs a replica until it ends by itself, with exit code 0, or is killed. */
	async #run(context) {
		const {
			env,
			container: { apiContainer },
			pod: { ip, name },
		} = context;
		if (this.replicas.has(ip)) return context.waitUntilKilled(); // a sidecar, which has no part in this
		const log = this.logs.get(name) ?? [];
		this.logs.set(name, log);
		const replica = new Replica(this.modules, variablesOf(env, name), Number(env.get('SPIN_MAX_INSTANCE_COUNT') ?? Infinity) / SCALE, this.clock, (text) => {
			log.push(text);
			log.splice(0, log.length - 100);
		});
		context.listenHttp(portOf(env, apiContainer), (_, { method, url, host, header }) => answerText(replica, { method, url, host, header }));
		this.replicas.set(ip, replica);
		const killed = context.waitUntilKilled();
		const code = await Promise.race([replica.ended.then(() => 0), killed]);
		if (this.replicas.get(ip) === replica) this.replicas.delete(ip);
		replica.end();
		return code;
	}
}

/** An object with a namespace, as kubectl gives it one. */
const inNamespace = (object) => ({ ...object, metadata: { ...object.metadata, namespace: object.metadata?.namespace ?? 'default' } });

/** Spin's variables, which take their values from the environment, where their names are in capitals. */
function variablesOf(env, hostname) {
	const variables = { chaos_token: '', max_waits: '0', hostname };
	for (const [name, value] of env) variables[name.toLowerCase()] = value;
	variables.hostname = hostname;
	variables.max_waits = String(Math.ceil(Number(variables.max_waits) / SCALE));
	return variables;
}

/** The port of its own that a container listens on, as Spin is told, or else its first one. */
const portOf = (env, { ports = [] }) => Number(/\d+$/.exec(env.get('SPIN_HTTP_LISTEN_ADDR') ?? '')?.[0] ?? ports[0]?.containerPort ?? 80);

/** Answers what comes by the cluster's own network, such as a probe: it knows texts alone, so no gzip. */
async function answerText(replica, { method, url, host, header }) {
	const headers = Object.entries(header).flatMap(([name, values]) => values.map((value) => [name.toLowerCase(), value]));
	const answer = await replica.answer({
		method,
		target: url.pathname + url.search,
		authority: host,
		headers: headers.filter(([name]) => name !== 'accept-encoding'),
	});
	return { status: answer.status, header: Object.fromEntries(answer.headers.map(([name, value]) => [name, [value]])), body: (await answer.body?.text()) ?? '' };
}
