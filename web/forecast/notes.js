// What a forecast assumes of a manifest, or does not model, in sentences.

import { PROBES } from '../cluster/pods.js';
import { preStopOf } from './hook.js';
import { handlerOf, runningOf } from './model.js';
import { say } from './parse.js';

/** The fields that can matter to what is forecast, of a pod and of a container; all others are dropped without a word. */
const MATTERS = {
	pod: ['affinity', 'nodeName', 'nodeSelector', 'resources', 'schedulingGates', 'topologySpreadConstraints'],
	container: ['resources', 'restartPolicyRules'],
};
/** The most objects or fields that are named at once. */
const MOST = 8;

/** Some names in a sentence. */
function listed(names) {
	const rest = names.length - MOST;
	return `${names.slice(0, MOST).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** What is noted of the probes and hooks of a container. */
function ofContainer(
	{ name, lifecycle: { postStart, preStop, stopSignal } = /** @type {any} */ ({}), ...container },
	{ hostNetwork, terminationGracePeriodSeconds: grace = 30 },
) {
	const probes = PROBES.filter((kind) => container[kind]).map((kind) => ({ kind, probe: container[kind], handler: handlerOf(container[kind]) }));
	const unheard = probes.filter(({ handler }) => handler === 'exec' || handler === 'grpc');
	const elsewhere = probes.filter(({ probe }) => (probe.httpGet ?? probe.tcpSocket)?.host && !hostNetwork);
	const hook = preStop && preStopOf(preStop, grace);
	return [
		...unheard.map(({ kind, handler }) => `The ${kind} of ${name} is assumed to succeed while its program works, because its ${handler} cannot be run here.`),
		...elsewhere.map(
			({ kind, probe }) =>
				`The ${kind} of ${name} names a host: the kubelet asks ${say((probe.httpGet ?? probe.tcpSocket).host)} from its node, not the pod. The forecast asks the pod.`,
		),
		...(hook && !hook.isDrain ? [`The preStop hook of ${name} ${hook.text ?? 'does not sleep'}, so it is assumed to take no time.`] : []),
		...(postStart ? [`The postStart hook of ${name} is not run. Count its time as part of the start.`] : []),
		...(stopSignal ? [`The stopSignal of ${name} is not modelled: it gets SIGTERM.`] : []),
	];
}

/** What is noted of a Service. */
function ofService({ service, hasServices }, traits) {
	if (!service) return hasServices && traits.isServed ? ['No Service here selects these pods, so one is assumed.'] : [];
	const { externalTrafficPolicy } = service.spec;
	return [
		...(traits.reaches ? [`The Service ${traits.service} reaches ${traits.reaches}.`] : []),
		...(traits.isHeadless
			? ['Its Service is headless (clusterIP: None), so clients choose among the addresses of pods themselves. That is not modelled.']
			: []),
		...(traits.isSticky ? ['Its Service keeps each client on one pod (sessionAffinity), which is not modelled.'] : []),
		...(externalTrafficPolicy === 'Local'
			? ['With externalTrafficPolicy: Local, nodes without a pod refuse requests from outside, which is not modelled.']
			: []),
	];
}

/** What is noted of what runs beside the Deployment. */
function ofNeighbours({ autoscaler, budget }, spec, replicas) {
	const notes = [];
	if (autoscaler) {
		const { kind, name, min } = autoscaler;
		const instead = spec.replicas && spec.replicas !== replicas ? `, whatever spec.replicas says (${spec.replicas})` : '';
		notes.push(`${kind} ${name} sets the number of replicas. Its minimum of ${min} is forecast${min ? instead : ' as 1, since 0 replicas serve nobody'}.`);
	}
	if (budget) notes.push(`PodDisruptionBudget ${budget.name} limits evictions, and nothing else.`);
	return notes;
}

/**
 * All that is to be noted.
 * @param {any} deployment as its type says
 * @param {any} beside what stands beside it
 * @param {import('./traits.js').Traits} traits
 * @param {number} replicas as modelled
 * @param {string[]} unknown the places of fields that Kubernetes does not know
 */
export function notesOf({ spec }, beside, traits, replicas, unknown) {
	const pod = spec.template.spec;
	const running = runningOf(pod);
	const init = (pod.initContainers ?? []).filter((it) => !running.includes(it)).map(({ name }) => name);
	const fields = [
		...MATTERS.pod.filter((field) => pod[field] && (field !== 'affinity' || JSON.stringify(pod[field]).includes('"required'))),
		...MATTERS.container.filter((field) => running.some((it) => it[field] && Object.keys(it[field]).length)),
	];
	return [
		...unknown.slice(0, MOST).map((path) => `Unknown field ${say(path)}: kubectl apply refuses it.`),
		...running.flatMap((it) => ofContainer(it, pod)),
		...(init.length
			? [`Not run: the init container${init.length > 1 ? 's' : ''} ${listed(init)}. Count ${init.length > 1 ? 'their' : 'its'} time as part of the start.`]
			: []),
		...(pod.readinessGates?.length ? ['Its readinessGates are not modelled: unless something sets them, its pods never get ready.'] : []),
		...ofService(beside, traits),
		...ofNeighbours(beside, spec, replicas),
		...(fields.length ? [`Not modelled: ${listed([...new Set(fields)])}.`] : []),
		...(beside.rest.length ? [`Not modelled: ${listed(beside.rest)}.`] : []),
	];
}
