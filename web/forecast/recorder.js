// Writes down what users got, and what the pods were like meanwhile.

import { isReady, statusOf } from '../cluster/pods.js';

/** How long a moment of the picture is, in milliseconds, and how many are kept. */
export const MOMENT = 500;
const MOMENTS = 2400;
/** How much of what was before a fault belongs to it, in milliseconds. */
const BEFORE = 3000;

/**
 * What a fault has cost, in requests, and how long it took, in seconds from when it was injected. `causes` are those of
 * the requests that were lost, and `restarts` those of containers; `at` and `until` are in milliseconds.
 * @typedef {{ fault: string, replicas?: number, unready?: number, replaced?: number, ready?: number, sent: number,
 *   lost: number, retried: number, refused: number, bad: number, causes: Record<string, number>, restarts: number,
 *   at?: number, until?: number }} Row
 *
 * What there was at some time, in milliseconds, and what users got since the moment before.
 * @typedef {{ at: number, good: number, lost: number, refused: number, bad: number,
 *   pods: { name: string, state: string, isEndpoint: boolean, probes: boolean[] }[] }} Moment
 */

/** @returns {Row} */
export const rowOf = (fault, replicas = undefined) => ({
	fault,
	replicas,
	unready: undefined,
	replaced: undefined,
	ready: undefined,
	sent: 0,
	lost: 0,
	retried: 0,
	refused: 0,
	bad: 0,
	causes: {},
	restarts: 0,
});

const momentOf = () => ({ good: 0, bad: 0, refused: 0, lost: 0 });

export class Recorder {
	#kubernetes;
	#route;
	#moment = momentOf();
	#probes = new Map();
	#isOver = false;
	/** The row of the fault under way; without one, nobody looks at it. */
	row = rowOf('');
	/** The last moments. @type {Moment[]} */
	moments = [];

	/**
	 * @param {import('../cluster/cluster.js').Kubernetes} kubernetes
	 * @param {import('../cluster/route.js').Service | import('../cluster/route.js').ReverseProxy} route
	 */
	constructor(kubernetes, route) {
		this.#kubernetes = kubernetes;
		this.#route = route;
		kubernetes.onProbe((name, isGood) => this.#probes.set(name, [...(this.#probes.get(name) ?? []), isGood]));
	}

	/** Counts what came of a request for the fault that is under way by then. */
	count({ status = 0, isRetried = false, isFailed = false, cause = 'error' }) {
		const { row } = this;
		const outcome = status === 503 ? 'refused' : status !== 200 ? 'lost' : isFailed ? 'bad' : 'good';
		row.sent++;
		if (isRetried) row.retried++;
		if (outcome !== 'good') row[outcome]++;
		if (outcome === 'lost') row.causes[cause] = (row.causes[cause] ?? 0) + 1;
		this.#moment[outcome]++;
	}

	/** Writes down one moment after the other. */
	async start() {
		const { clock } = this.#kubernetes;
		while (!this.#isOver) {
			await clock.wait(MOMENT);
			const pods = Array.from(this.#kubernetes.pods.values(), (pod) => {
				const { name } = pod.metadata;
				const isEndpoint = this.#route.endpoints.includes(pod.status?.podIP ?? '');
				return { name, state: this.#stateOf(pod), isEndpoint, probes: this.#probes.get(name) ?? [] };
			});
			this.moments.push({ at: clock.nowMs(), pods, ...this.#moment });
			this.moments.splice(0, this.moments.length - MOMENTS);
			this.#moment = momentOf();
			this.#probes.clear();
		}
	}
	stop() {
		this.#isOver = true;
		this.row = rowOf('');
	}

	/** The moments since shortly before a fault was injected. */
	momentsOf({ at = 0 }) {
		return this.moments.filter((moment) => moment.at > at - BEFORE);
	}

	#stateOf(pod) {
		if (pod.metadata.deletionTimestamp) return 'terminating';
		const replica = this.#kubernetes.replicaOf(pod);
		if (!replica) return statusOf(pod) === 'CrashLoopBackOff' ? 'backing off' : 'starting';
		if (replica.isFailed) return 'broken';
		return isReady(pod) ? 'ready' : 'not ready';
	}
}
