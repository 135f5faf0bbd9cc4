// What can be read off a pod.

/** The probes that a container may have, in the order in which they begin. */
export const PROBES = ['startupProbe', 'readinessProbe', 'livenessProbe'];

/** Whether a pod is ready, and is to stay. */
export const isReady = ({ metadata, status }) =>
	!metadata.deletionTimestamp && status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

const containersOf = ({ status }) => status?.containerStatuses ?? [];

/** How often the containers of a pod were restarted. */
export const restartsOf = (pod) => containersOf(pod).reduce((sum, { restartCount }) => sum + restartCount, 0);

/** How many containers of a pod are ready, of how many: the column READY of `kubectl get pods`. */
export const readyOf = (pod) => `${containersOf(pod).filter(({ ready }) => ready).length}/${pod.spec.containers.length}`;

/** The column STATUS of `kubectl get pods`. */
export function statusOf({ metadata, status }) {
	if (metadata.deletionTimestamp) return 'Terminating';
	const states = (status?.containerStatuses ?? []).map(({ state }) => state);
	const waiting = states.find((state) => state?.waiting?.reason);
	if (waiting) return waiting.waiting.reason;
	const ended = states.find((state) => state?.terminated);
	if (ended) return ended.terminated.exitCode ? 'Error' : 'Completed'; // webernetes gives no reason
	return status?.phase ?? 'Pending';
}

/** The whole of an image's name, its name, and its tag or the digits of its digest. */
export const splitImage = (reference) => /^(.*?)(?::([^:/]+))?$/.exec(reference);

/** The name of another version of an image. */
export const versionOf = (reference, version) => `${splitImage(reference)?.[1].replace(/@.*/, '')}:${version}`;
