// Waits for what becomes of a Deployment's pods, for as long as anything may still happen.

import { isReady, PROBES, restartsOf } from '../cluster/pods.js';

/** How much longer than the numbers of a manifest say anything may take, in seconds. */
export const SLACK = 15;
/** After how many restarts of a container by one fault it is hopeless. */
const HOPELESS = 3;

export class Watch {
	/** Since when all replicas are ready, in seconds. */
	readySince = Number.NaN;

	/**
	 * @param {import('../cluster/cluster.js').Kubernetes} kubernetes
	 * @param {any} settings
	 */
	constructor(kubernetes, settings) {
		this.kubernetes = kubernetes;
		this.settings = settings;
		kubernetes.onChange(() => {
			if (!this.areAllReady) this.readySince = Number.NaN;
			else if (Number.isNaN(this.readySince)) this.readySince = this.now;
		});
	}

	get pods() {
		return /** @type {any[]} */ ([...this.kubernetes.pods.values()]);
	}
	get spec() {
		return this.kubernetes.deployment.spec;
	}
	get restarts() {
		return this.pods.reduce((sum, pod) => sum + restartsOf(pod), 0);
	}
	get areAllReady() {
		const { replicas } = this.spec;
		return this.pods.length === replicas && this.pods.every(isReady);
	}
	get now() {
		return this.kubernetes.clock.nowMs() / 1000;
	}
	sleep(seconds) {
		return this.kubernetes.clock.wait(seconds * 1000);
	}

	/** For how long nothing may change until nothing will, in seconds: what starts, probes, hooks and back-off can take. */
	get patience() {
		const { minReadySeconds = 0, template } = this.spec;
		const { start, slow, news, answer } = this.settings;
		const { terminationGracePeriodSeconds = 30, containers } = template.spec;
		const probes = containers.map((container) => PROBES.reduce((sum, kind) => sum + patienceOf(container[kind]), 0));
		const pause = pauseAfter(Math.max(0, ...this.pods.map(restartsOf)));
		return Math.max(...probes) + Math.max(start, slow) + terminationGracePeriodSeconds + minReadySeconds + news + answer + pause + SLACK;
	}

	/** Waits until something holds; returns when, or nothing if it is hopeless. */
	until(holds, patience = () => this.patience) {
		const before = new Map(this.pods.map((pod) => [pod.metadata.name, restartsOf(pod)]));
		const isHopeless = () => this.pods.some((pod) => restartsOf(pod) - (before.get(pod.metadata.name) ?? 0) >= HOPELESS);
		const { clock } = this.kubernetes;
		return new Promise((resolve) => {
			let timer = 0;
			const settle = (at) => {
				forget();
				clock.clearTimeout(timer);
				resolve(at);
			};
			const check = () => {
				clock.clearTimeout(timer);
				if (holds()) return settle(this.now);
				if (isHopeless()) return settle();
				const seconds = patience();
				if (seconds < Infinity) timer = clock.setTimeout(settle, seconds * 1000);
			};
			const forget = this.kubernetes.onChange(check);
			check();
		});
	}

	/** Writes into a row, as `name`, after how many seconds something held, if it did. */
	async note(row, name, start, holds, patience = undefined) {
		const at = await this.until(holds, patience);
		if (at !== undefined) row[name] = at - start;
	}

	/** Writes into a row after how many seconds all were ready again, for good, if one was not. */
	async noteReady(row, start) {
		if (row.unready === undefined || (await this.until(() => this.areAllReady)) === undefined) return;
		row.ready = this.readySince - start;
	}
}

/** How long a probe can take until it has failed, or succeeded again, in seconds. */
function patienceOf(probe) {
	if (!probe) return 0;
	const { initialDelaySeconds = 0, periodSeconds = 10, failureThreshold = 3, successThreshold = 1 } = probe;
	return initialDelaySeconds + periodSeconds * (Math.max(failureThreshold, successThreshold) + 1);
}

/** The kubelet's pause before a container's next start after so many, in seconds: none, 10, 20, … 300. */
const pauseAfter = (restarts) => (restarts ? Math.min(10 * 2 ** (restarts - 1), 300) : 0);
