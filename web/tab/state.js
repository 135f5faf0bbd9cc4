// What the pages are told of the cluster.

import { isReady, readyOf, restartsOf, statusOf } from '../cluster/pods.js';
import { CAN_WAIT } from '../cluster/wasi.js';

/** How many moments a page shows: a minute, or all of a fault that takes longer. */
const SHOWN = 120;
/** How many events are kept. */
const EVENTS = 100;

/** The events and ReplicaSets of a cluster, by name. */
export class Watched {
	events = new Map();
	replicaSets = new Map();

	/**
	 * @param {import('../cluster/cluster.js').Kubernetes} kubernetes
	 * @param {() => void} tell is called whenever one of them has changed
	 */
	constructor(kubernetes, tell) {
		kubernetes.watch('replicasets', (type, set) => {
			if (type === 'delete') this.replicaSets.delete(set.metadata.name);
			else this.replicaSets.set(set.metadata.name, set);
			tell();
		});
		kubernetes.watch('events', (_, event) => {
			this.events.set(event.metadata.name, event);
			if (this.events.size > EVENTS) this.events.delete(this.events.keys().next().value);
			tell();
		});
	}
}

const timeOf = (date) => new Date(date).getTime();

const podOf = (pod, logs) => ({
	name: pod.metadata.name,
	isReady: isReady(pod),
	ready: readyOf(pod),
	status: statusOf(pod),
	restarts: restartsOf(pod),
	since: timeOf(pod.metadata.creationTimestamp),
	log: logs.get(pod.metadata.name) ?? [],
});

const setOf = ({ metadata: { name }, spec, status }) => ({ name, desired: spec.replicas, ready: status?.readyReplicas ?? 0 });

const eventOf = ({ metadata, type, reason, involvedObject: { kind, name }, message, firstTimestamp, lastTimestamp, count = 1 }) => {
	const [since, at] = [firstTimestamp, lastTimestamp].map((time) => timeOf(time ?? metadata.creationTimestamp));
	return { since, at, count, type, reason, object: `${kind.toLowerCase()}/${name}`, message };
};

/**
 * What there is right now.
 * @param {import('./session.js').Session} session
 */
export async function stateOf(session) {
	const { kubernetes, drill, watched, started } = await session.cluster();
	const { speed, faults, busy } = session;
	const { recorder } = drill;
	const length = busy && faults[0].at ? recorder.momentsOf(faults[0]).length : 0;
	return {
		started,
		now: kubernetes.clock.nowMs(),
		speed,
		busy,
		faults,
		moments: recorder.moments.slice(-Math.max(SHOWN, length)),
		canWait: CAN_WAIT,
		replicas: kubernetes.deployment.spec.replicas,
		pods: Array.from(kubernetes.pods.values(), (pod) => podOf(pod, kubernetes.logs)),
		replicaSets: Array.from(watched.replicaSets.values(), setOf),
		events: Array.from(watched.events.values(), eventOf).reverse(),
	};
}
