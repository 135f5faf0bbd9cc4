// A Kubernetes cluster in this process: webernetes has the real controllers, kubelets and probes, and programs of ours
// play the images of a Deployment.

import { Cluster, PatchStrategy, setHeaderOptions } from '@ngrok/webernetes';
import { answerOf, imageOf, portsOf } from './container.js';
import { mendNodes, mendProbes, without80 } from './kubelet.js';
import { isReady, versionOf } from './pods.js';

/** What webernetes models, of what a manifest may hold. */
const MODELLED = new Set(['Deployment', 'Service']);

/** How long after its end a pod that is deleted keeps its address, in milliseconds: soon nobody is left to refuse a connection. */
const TEARDOWN = 100;

const MERGE = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);

/**
 * A program in a container. It can be reached from when `started` resolves until it has ended; `answer` throws, with
 * the cause `refused` or `cut`, where there is none. `terminate` is SIGTERM, `end` SIGKILL, or the program's own doing.
 * @typedef {{ started: Promise<void>, ended: Promise<number>, isFailed: boolean, isComputing?: boolean, isListening: boolean,
 *   answer(request: Request): Promise<Answer>, terminate(): void, end(code?: number): void, break(): void, quit(): void }} Program
 * @typedef {{ method: string, target: string, authority: string, headers: [string, string][], probe?: string }} Request
 * @typedef {{ status: number, isFailed: boolean, headers?: [string, string][], body?: Blob | null }} Answer
 * What a program is told of where it runs: `version` is its image's tag.
 * @typedef {{ name: string, container: string, version: string, env: Map<string, string>,
 *   clock: { wait(ms: number): Promise<void>, nowMs(): number }, log(text: string): void }} Seat
 * @typedef {import('@ngrok/webernetes').V1Pod} Pod
 */

export class Kubernetes {
	/** The pods of the Deployment, by name, the oldest first. @type {Map<string, Pod>} */
	pods = new Map();
	/** The programs that users can reach, by the address of their pod. @type {Map<string, Program>} */
	replicas = new Map();
	/** What the programs have logged, by the name of their pod, without the oldest. @type {Map<string, string[]>} */
	logs = new Map();
	#programs = new Set();
	#addresses = new Set();
	#listeners = new Set();
	#probeListeners = new Set();
	#informers = [];

	/**
	 * Starts a cluster, and applies `objects`, among them a Deployment.
	 * @param {any[]} objects parsed manifests
	 * @param {string} main the name of the container that serves users
	 * @param {(seat: Seat) => Program} play makes the program of a container
	 * @param {boolean} [isStepped] whether its clock stands still, and is stepped
	 */
	constructor(objects, main, play, isStepped = false) {
		const modelled = objects.filter(({ kind }) => MODELLED.has(kind)).map(inNamespace);
		// kubectl expects a namespace to exist.
		const namespaces = new Set(modelled.map(({ metadata }) => metadata.namespace).filter((name) => name !== 'default'));
		this.objects = [...Array.from(namespaces, (name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })), ...modelled];
		/** The Deployment, as it was applied, patched or scaled last. */
		this.deployment = this.objects.find(({ kind }) => kind === 'Deployment');
		/** What says how many pods may be evicted. */
		this.budget = objects.find(({ kind }) => kind === 'PodDisruptionBudget')?.spec;
		this.main = main;
		this.play = play;
		this.cluster = new Cluster();
		this.clock = this.cluster.clock;
		if (isStepped) this.cluster.pause();
	}

	/** @param {string[]} [versions] other tags of the main container's image that may be rolled out */
	async start(versions = []) {
		const { containers } = this.deployment.spec.template.spec;
		const others = versions.map((version) => versionOf(this.container.image, version));
		for (const name of new Set([...containers.map(({ image }) => image), ...others]))
			this.cluster.registerImage(imageOf(name, (...running) => this.#run(...running)));
		await this.cluster.init();
		mendProbes(this.cluster);
		mendNodes(this.cluster);
		this.watch('pods', (type, pod) => {
			if (type === 'delete') this.pods.delete(pod.metadata.name);
			else this.pods.set(pod.metadata.name, pod);
			this.#tell();
		});
		this.watch('deployments', (type, deployment) => {
			if (type !== 'delete') this.deployment = deployment;
			this.#tell();
		});
		await this.apply(this.objects);
	}

	/** The container that serves users. */
	get container() {
		const { containers } = this.deployment.spec.template.spec;
		return containers.find(({ name }) => name === this.main);
	}
	/** Whether a program computes right now, and does not wait: time that is stepped has to stand still meanwhile. */
	get isComputing() {
		for (const program of this.#programs) if (program.isComputing) return true;
		return false;
	}

	/** As kubectl apply does. */
	async apply(manifest) {
		await this.cluster.apply(without80(manifest.map(inNamespace))).catch((error) => {
			throw new Error(error.body?.message ?? error.message); // what the API says, without the HTTP around it
		});
	}

	/** Patches the Deployment, as kubectl patch --type merge does. */
	async patch(body) {
		const { name, namespace } = this.deployment.metadata;
		this.deployment = await this.cluster.api.appsv1.patchNamespacedDeployment({ name, namespace, body: without80(body) }, MERGE);
	}

	/** Deletes a pod, as kubectl delete does. */
	async delete({ metadata: { name, namespace } }) {
		await this.cluster.api.corev1.deleteNamespacedPod({ name, namespace });
	}

	/** Deletes a pod, unless the budget refuses that; returns whether it did. */
	async evict(pod) {
		const { replicas } = this.deployment.spec;
		const { minAvailable, maxUnavailable } = this.budget ?? {};
		const amount = (share) => (typeof share === 'string' ? Math.ceil((Number.parseInt(share, 10) / 100) * replicas) : share);
		const least = maxUnavailable === undefined ? amount(minAvailable ?? 0) : replicas - amount(maxUnavailable);
		if ([...this.pods.values()].filter(isReady).length - Number(isReady(pod)) < least) return false;
		await this.delete(pod);
		return true;
	}

	/** Reports every change to a kind of object, starting with the objects that already exist. */
	watch(resource, callback) {
		const { namespace } = this.deployment.metadata;
		this.#informers.push(this.cluster.informer(resource, callback, { namespace }));
	}

	/** Calls `listener` whenever a pod or the Deployment has changed; returns what ends that. */
	onChange(listener) {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}
	#tell() {
		for (const listener of this.#listeners) listener();
	}
	/** Calls `listener` with the name of a pod and whether the answer was good, for each probe of what serves users. */
	onProbe(listener) {
		this.#probeListeners.add(listener);
	}
	#tellProbe(name, isGood) {
		for (const listener of this.#probeListeners) listener(name, isGood);
	}

	/**
	 * The program that serves users in a pod, if it can be reached.
	 * @param {Pod} pod
	 */
	replicaOf(pod) {
		return this.replicas.get(pod.status?.podIP ?? '');
	}

	/** Whether a pod has an address: what is sent to one that has gone is lost on its way. */
	hasAddress(address) {
		return this.#addresses.has(address);
	}

	async close() {
		for (const informer of this.#informers) await informer.stop();
		for (const program of this.#programs) program.end();
		await this.cluster.close();
	}

	/** Runs a container until it ends by itself, acts on SIGTERM, or is killed; returns its exit code. */
	async #run(context, terminated, version) {
		const { env, container, pod } = context;
		const { name } = container.apiContainer;
		const { ip } = pod; // which it has no more when it has ended
		const program = this.play({ name: pod.name, container: name, version, env, clock: this.clock, log: (text) => this.#log(pod.name, text) });
		this.#programs.add(program);
		this.#addresses.add(ip);
		const ended = Promise.race([program.ended, context.waitUntilKilled()]);
		terminated.then(() => program.terminate());
		if ((await Promise.race([program.started, ended])) === undefined) {
			for (const port of portsOf(container.apiContainer, env)) {
				const answer = (_, request) => answerOf(program, request, (isGood) => name === this.main && this.#tellProbe(pod.name, isGood));
				try {
					context.listenHttp(port, answer);
				} catch {} // Another container of the pod has it.
			}
			if (name === this.main) this.replicas.set(ip, program);
		}
		const code = await ended;
		if (this.replicas.get(ip) === program) this.replicas.delete(ip);
		program.end();
		this.#programs.delete(program);
		if (this.pods.get(pod.name)?.metadata.deletionTimestamp) this.clock.setTimeout(() => this.#addresses.delete(ip), TEARDOWN);
		return code;
	}

	#log(name, text) {
		const log = this.logs.get(name) ?? [];
		this.logs.set(name, log);
		log.push(text);
		log.splice(0, log.length - 100);
	}
}

/** An object with a namespace, as kubectl gives it one. */
const inNamespace = (object) => ({ ...object, metadata: { ...object.metadata, namespace: object.metadata?.namespace ?? 'default' } });
