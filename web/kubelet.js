// A small kubelet. It does what host/src/demo/kubelet.rs does, after the same documentation: "Configure Liveness,
// Readiness and Startup Probes", and "Pod Lifecycle" for termination and the restart back-off.

import { Replica } from './replica.js';

/** The path that Spin answers itself, whether the app is poisoned or not. */
const SPIN_HEALTH = '/.well-known/spin/health';

/**
 * By how much a replica here is smaller than the manifest says, in instances and in waits. Chromium has room for 124
 * instances, since each of them reserves gigabytes of addresses. Whatever comes when there are more gets 500.
 */
const SCALE = 20;

const NEVER = new Promise(() => {});
export const now = () => performance.now() / 1000;
export const sleep = (seconds) => new Promise((resolve) => { setTimeout(resolve, seconds * 1000) });

/** Whether a service may send requests to a pod. */
export const isEndpoint = (pod) => pod.ready && !pod.deleted;

/**
 * Makes a function that probes again and again, until as many successes or failures in a row as their threshold asks
 * for. It begins with the first period that does not lie within the initial delay, reports each failure, and never
 * returns once it `isOver`. As in Kubernetes, 0 is the default.
 */
function prober({ httpGet, initialDelaySeconds, periodSeconds, timeoutSeconds, failureThreshold, successThreshold }, replica, isOver, report) {
	const period = periodSeconds || 10;
	let due = now() + Math.ceil((initialDelaySeconds || 0) / period) * period;
	let count = 0, last;

	/** Probes once: why there is no status from 200 to 399 in time, or nothing. */
	async function probe() {
		const target = httpGet.path ?? '/';
		if (target === SPIN_HEALTH) return undefined;
		const answer = replica.answer({ method: 'GET', target, authority: 'probe', headers: [] });
		const status = await Promise.race([answer.then(({ status }) => status, () => NEVER), sleep(timeoutSeconds || 1)]);
		if (!status) return 'context deadline exceeded';
		return status < 200 || status > 399 ? `HTTP probe failed with statuscode: ${status}` : undefined;
	}

	return async () => {
		for (;;) {
			await sleep(due - now());
			do due += period; // a timer may be early by a moment
			while (due <= now());
			if (isOver()) return NEVER;
			const failure = await probe();
			if (isOver()) return NEVER;
			if (failure) report(failure);
			count = last === !failure ? count + 1 : 1;
			last = !failure;
			if (count >= (failure ? failureThreshold || 3 : successThreshold || 1)) return last;
		}
	};
}

/**
 * A node that runs the pods of a deployment, whose containers run `modules`. It calls `changed` when a pod has changed,
 * and reports events as `kubectl describe` shows them.
 */
export class Kubelet {
	pods = new Set();
	#created = 0;

	constructor({ containers: [container], terminationGracePeriodSeconds = 30 }, modules, changed, report) {
		Object.assign(this, { container, grace: terminationGracePeriodSeconds, modules, changed, report });
	}

	/** How long the preStop hook sleeps, in seconds. */
	get hook() { return this.container.lifecycle?.preStop?.sleep?.seconds ?? 0 }

	/** Creates one more pod. */
	create() {
		const pod = { name: `spin-on-k8s-${++this.#created}`, ready: false, restarts: 0, since: Date.now(), pause: 0, deletion: Promise.withResolvers() };
		this.pods.add(pod);
		this.#run(pod);
	}

	/** Deletes a pod: it is no longer an endpoint, and is removed once its container has stopped. */
	delete(pod) {
		this.#update(pod, { deleted: true, status: 'Terminating' });
		pod.deletion.resolve(this.grace);
	}

	/** Ends everything at once. */
	stop() {
		this.changed = this.report = this.create = () => {};
		for (const pod of this.pods) {
			this.delete(pod);
			pod.replica.end();
		}
	}

	#update(pod, change) {
		Object.assign(pod, change);
		this.changed();
	}

	/** Runs a pod until it is deleted. Restarts its container whenever that ends, after a pause that grows. */
	async #run(pod) {
		for (;;) {
			const start = now();
			await this.#runContainer(pod);
			this.#update(pod, { ready: false, status: pod.deleted ? 'Terminating' : 'Completed' });
			const pause = now() - start < 600 ? pod.pause : 0;
			pod.pause = Math.min(Math.max(2 * pause, 10), 300);
			if (pause && !pod.deleted) {
				this.#update(pod, { status: 'CrashLoopBackOff' });
				this.report('Warning', 'BackOff', pod, `Back-off restarting failed container api in pod ${pod.name}`);
				await Promise.race([pod.deletion.promise, sleep(pause)]);
			}
			if (pod.deleted) break;
			this.#update(pod, { restarts: pod.restarts + 1 });
		}
		this.pods.delete(pod);
		this.changed();
	}

	/** Runs a container until it ends: by itself, because a probe has failed, or because its pod is deleted. */
	async #runContainer(pod) {
		const replica = new Replica(this.modules, ...this.#environment(pod));
		this.#update(pod, { replica, status: 'Running' });
		this.report('Normal', 'Started', pod, 'Started container api');
		const started = Promise.withResolvers();
		this.#keepReady(pod, started.promise);
		const grace = await Promise.race([replica.ended, this.#failure(pod, started.resolve), pod.deletion.promise]);
		if (replica.hasEnded) return;
		// The preStop hook, within the grace period; then SIGTERM, on which Spin ends at once.
		replica.isStopping = true;
		if (pod.deleted) this.report('Normal', 'Killing', pod, 'Stopping container api');
		await Promise.race([replica.ended, sleep(Math.min(this.hook, grace))]);
		replica.end();
	}

	/** Spin's variables, whose names the manifest has in capitals, and how many instances there may be. */
	#environment(pod) {
		const variables = { chaos_token: '', hostname: pod.name, max_waits: '0' };
		for (const { name, value } of this.container.env) if (value) variables[name.toLowerCase()] = value;
		variables.max_waits = String(Math.ceil(variables.max_waits / SCALE));
		return [variables, (variables.spin_max_instance_count ?? Infinity) / SCALE];
	}

	/** A prober, if the container has such a probe. While that is being stopped, only its readiness is probed. */
	#prober(kind, pod) {
		const { replica } = pod;
		const probe = this.container[`${kind.toLowerCase()}Probe`];
		const isOver = () => replica.hasEnded || (replica.isStopping && kind !== 'Readiness');
		return probe && prober(probe, replica, isOver, (failure) => this.report('Warning', 'Unhealthy', pod, `${kind} probe failed: ${failure}`));
	}

	/**
	 * Waits until the container has started and, later, until it has to be stopped because a probe has failed. Returns
	 * how long it may take to stop.
	 */
	async #failure(pod, onStart) {
		const { startupProbe, livenessProbe } = this.container;
		const fail = (kind, probe) => {
			this.report('Normal', 'Killing', pod, `Container api failed ${kind} probe, will be restarted`);
			return probe.terminationGracePeriodSeconds ?? this.grace;
		};
		if (startupProbe && !await this.#prober('Startup', pod)()) return fail('startup', startupProbe);
		onStart();
		if (!livenessProbe) return NEVER;
		const lives = this.#prober('Liveness', pod);
		while (await lives());
		return fail('liveness', livenessProbe);
	}

	/** Keeps the pod's readiness up to date from when the container has started, also while it stops. */
	async #keepReady(pod, started) {
		await started;
		const isReady = this.#prober('Readiness', pod);
		do this.#update(pod, { ready: !isReady || await isReady() });
		while (isReady);
	}
}
