// A Deployment on a real cluster, as a drill sees it.

import { restartsOf } from '../cluster/pods.js';
import { Trouble } from './kubectl.js';

/** How long to wait before the API server is asked again after a watch has ended, in milliseconds. */
const PAUSE = 300;

const CLOCK = {
	nowMs: () => Date.now(),
	wait: (ms) =>
		new Promise((resolve) => {
			setTimeout(resolve, ms);
		}),
	setTimeout: (act, ms) => setTimeout(act, ms),
	clearTimeout: (handle) => clearTimeout(handle),
};

/** What `Kubernetes` in web/cluster/cluster.js is to a drill, on a cluster that is there. */
export class RealCluster {
	/** The pods of the Deployment, by name. @type {Map<string, import('@ngrok/webernetes').V1Pod>} */
	pods = new Map();
	clock = CLOCK;
	/** The pod that was told to quit. */
	leaving = '';
	#kubectl;
	#listeners = new Set();
	#failed = new Map();
	#written = Promise.resolve();
	#isOver = false;

	/**
	 * @param {import('./kubectl.js').Kubectl} kubectl
	 * @param {any} deployment
	 * @param {string} main the name of the container that serves users
	 */
	constructor(kubectl, deployment, main) {
		this.#kubectl = kubectl;
		this.deployment = deployment;
		this.main = main;
	}

	/** Follows the Deployment and its pods. */
	async start() {
		const { name, namespace } = this.deployment.metadata;
		const pods = `/api/v1/namespaces/${namespace}/pods`;
		const { matchLabels = {} } = this.deployment.spec.selector; // Whose pods they are, their owners say.
		const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
		const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
		await this.#follow(deployments, `fieldSelector=metadata.name%3D${name}`, (_, deployment) => {
			this.deployment = deployment;
		});
		await this.#follow(pods, `labelSelector=${encodeURIComponent(labels.join())}`, (type, pod) => this.#see(type, pod));
	}

	/** Calls `change` for all objects of a list, and whenever one of them has changed. */
	async #follow(path, query, change) {
		const list = async () => {
			const { items, metadata } = await this.#kubectl.api(`${path}?${query}`);
			const names = items.map(({ metadata: { name } }) => name);
			for (const [name, pod] of this.pods) if (path.endsWith('/pods') && !names.includes(name)) change('DELETED', pod);
			for (const item of items) change('ADDED', item);
			this.#tell();
			return metadata.resourceVersion;
		};
		let version = await list();
		const watch = async () => {
			for await (const { type, object } of this.#kubectl.events(`${path}?${query}&watch=1&timeoutSeconds=60&resourceVersion=${version}`)) {
				if (!object?.spec) return; // It is too long ago, or not allowed.
				change(type, object);
				this.#tell();
			}
		};
		const follow = async () => {
			while (!this.#isOver) {
				await watch().catch(() => {}); // The API server may be away for a moment.
				await CLOCK.wait(PAUSE);
				if (!this.#isOver) version = await list().catch(() => version);
			}
		};
		follow();
	}

	#see(type, pod) {
		const { name, labels, ownerReferences = [] } = pod.metadata;
		const isOurs = ownerReferences.some((owner) => owner.name === `${this.deployment.metadata.name}-${labels?.['pod-template-hash']}`);
		const isOver = ['Failed', 'Succeeded'].includes(pod.status?.phase); // Evicted by a node, for example.
		if (type === 'DELETED' || isOver) this.pods.delete(name);
		else if (isOurs) this.pods.set(name, pod);
	}

	get container() {
		return this.deployment.spec.template.spec.containers.find(({ name }) => name === this.main);
	}

	onChange(listener) {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}
	#tell() {
		for (const listener of this.#listeners) listener();
	}
	/** Nobody sees the probes of a real kubelet. */
	onProbe(_listener) {}

	/** Writes something; whoever closes this waits until it is written. */
	#write(...args) {
		const written = /** @type {any} */ (this.#kubectl).api(...args);
		this.#written = written.catch(() => {});
		return written;
	}

	/** As kubectl patch --type merge does. */
	async patch(body) {
		const { name, namespace } = this.deployment.metadata;
		this.deployment = await this.#write(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`, 'PATCH', body, 'application/merge-patch+json');
		this.#tell();
	}

	#pathOf({ metadata: { name, namespace } }) {
		return `/api/v1/namespaces/${namespace}/pods/${name}`;
	}
	async delete(pod) {
		await this.#write(this.#pathOf(pod), 'DELETE');
	}

	/** Evicts a pod, as kubectl drain does; returns whether its budget allows it. */
	async evict(pod) {
		const { name, namespace } = pod.metadata;
		const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
		try {
			await this.#write(`${this.#pathOf(pod)}/eviction`, 'POST', eviction);
		} catch (error) {
			if (error.status === 429) return false;
			if (error.status !== 404) throw error; // It has gone by itself.
		}
		return true;
	}

	/** Whether a pod was told to fail, and has not been restarted since. */
	hasFailed(name) {
		const pod = this.pods.get(name);
		return pod !== undefined && this.#failed.get(name) === restartsOf(pod);
	}

	/** Where the API server passes requests on to a pod. */
	pathTo(pod) {
		return `${this.#pathOf(pod)}:${this.container.ports[0].containerPort}/proxy`;
	}

	/** What serves users in a pod of k8s/, and can be told to fail and to quit. */
	replicaOf(pod) {
		const { name } = pod.metadata;
		return { isFailed: this.hasFailed(name), break: () => this.#post(pod, 'fail', 200), quit: () => this.#post(pod, 'quit', 202) };
	}

	/** Posts as a client would, but to one replica. The API server's proxy drops tokens, so k8s/ must have none. */
	async #post(pod, what, expected) {
		const { name } = pod.metadata;
		if (what === 'fail') this.#failed.set(name, restartsOf(pod));
		else this.leaving = name;
		const { status, text } = await this.#kubectl.ask(`${this.pathTo(pod)}/${what}`, { method: 'POST' }).catch(({ message }) => ({ status: message, text: '' }));
		if (status !== expected) throw new Trouble(`${name} answered /${what} with ${status} ${text}`);
	}

	/** Stops following, once all is written that was about to be. */
	async close() {
		this.#isOver = true;
		await this.#written;
	}
}
