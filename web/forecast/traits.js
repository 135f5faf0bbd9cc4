// Facts of a manifest that decide which advice makes sense, beyond what is modelled.

import { PROBES } from '../cluster/pods.js';
import { preStopOf } from './hook.js';
import { handlerOf, runningOf } from './model.js';
import { selects } from './shape.js';

const HOSTNAME = 'kubernetes.io/hostname';
/** Volumes that are disks, which one node has at a time. */
const DISKS = ['awsElasticBlockStore', 'azureDisk', 'cinder', 'fc', 'gcePersistentDisk', 'iscsi', 'rbd', 'vsphereVolume'];

/**
 * `isServed`: whether users can send requests, as there is a port, a probe of one, or a Service, and not for metrics alone.
 * `reaches`: why the Service reaches nobody all the same, as in "The Service reaches …".
 * `only`: why no second pod may run beside the old one, in words for "…, since …".
 * `exclusive`: why no two of its pods fit on one node, likewise.
 * `spread`: keys of nodes over which pods have to be spread evenly, or wait.
 * `autoscaler`: what sets the number of replicas; `budget`: what limits evictions.
 * `preStop`: what the hook of the main container does; `probes`: what each of its probes asks by, in the manifest.
 * `isHeadless`, `isSticky`: whether clients choose among the pods' addresses themselves, or are kept with one pod.
 * `service`: the name of the Service, if the manifest has one.
 * @typedef {{ isServed: boolean, reaches?: string, only?: string, exclusive?: string, spread?: string[],
 *   autoscaler?: { kind: string, name: string, min: number, max: number },
 *   budget?: { name: string, minAvailable?: number | string, maxUnavailable?: number | string },
 *   preStop?: import('./hook.js').PreStop, probes: Partial<Record<'startupProbe' | 'readinessProbe' | 'livenessProbe',
 *   'httpGet' | 'tcpSocket' | 'exec' | 'grpc'>>, isHeadless: boolean, isSticky: boolean, service?: string }} Traits
 */

/** The claims of a pod, with the names of their volumes. */
export const claimsOf = ({ volumes = [] }) => volumes.flatMap(({ persistentVolumeClaim: { claimName = '' } = {} }) => (claimName ? [claimName] : []));

/** Why no second pod may mount a volume of the first. */
function heldOf(pod, claimed, isSingle) {
	const modes = new Map(claimed.map(({ metadata, spec }) => [metadata.name, spec.accessModes ?? []]));
	for (const name of claimsOf(pod)) {
		const known = modes.get(name);
		if (known?.includes('ReadWriteMany') || known?.includes('ReadOnlyMany')) continue;
		if (known?.includes('ReadWriteOncePod')) return `its volume ${name} can be mounted by one pod at a time`;
		if (known) return `its volume ${name} can be mounted by one node at a time`;
		if (isSingle) return `its volume ${name} may be one that a single node can mount`;
	}
	const disk = (pod.volumes ?? []).find((volume) => DISKS.some((kind) => volume[kind] && !volume[kind].readOnly));
	return disk && `its volume ${disk.name} is a disk that one node at a time can mount`;
}

/** The port that a pod takes on its node. */
function hostPortOf({ hostNetwork, ...pod }) {
	const [port] = runningOf(/** @type {any} */ (pod)).flatMap(({ ports = [] }) =>
		ports.map(({ hostPort, containerPort }) => hostPort ?? (hostNetwork ? containerPort : 0)),
	);
	return port || undefined;
}

/** Why no two pods fit on one node, by what the scheduler is told. */
function exclusiveOf(pod, labels) {
	const port = hostPortOf(pod);
	if (port) return `its port ${port} is one of the node's, which one pod at a time can have`;
	const terms = pod.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
	const isOwn = ({ topologyKey, labelSelector, namespaces, namespaceSelector }) =>
		topologyKey === HOSTNAME && labelSelector && !namespaces && !namespaceSelector && selects(labelSelector, labels);
	return terms.some(isOwn) ? 'its pods may not share a node (podAntiAffinity)' : undefined;
}

/** Whether any of these ports is there for more than metrics. */
const isForUsers = (ports) => ports.some(({ name = '' }) => !/^(http-)?(metrics|prometheus|prom|monitoring)$/.test(name));

/** Why a Service reaches nobody: a targetPort is the name of no port, or nothing listens where it says. */
function reachesOf(service, containers) {
	const targets = (service?.spec.ports ?? []).map(({ port, targetPort = port }) => targetPort);
	const isNowhere = (target) => typeof target === 'string' && !containers.some(({ ports = [] }) => ports.some(({ name }) => name === target));
	return targets.length && targets.every(isNowhere) ? `none of its ports: no container has a port called ${targets[0]}` : undefined;
}

/**
 * @param {any} spec of the Deployment, as its type says
 * @param {string} main the name of its main container
 * @param {any} beside what stands beside it
 * @returns {Traits}
 */
export function traitsOf({ replicas = 1, strategy, template }, main, { service, autoscaler, budget, claimed }) {
	const { spec: pod, metadata } = template;
	const containers = runningOf(pod);
	const container = containers.find(({ name }) => name === main);
	const probes = PROBES.filter((kind) => container[kind]).map((kind) => [kind, handlerOf(container[kind])]);
	const hostPort = hostPortOf(pod);
	const isSingle = strategy?.type === 'Recreate' || replicas <= 1;
	const spread = (pod.topologySpreadConstraints ?? []).filter(({ whenUnsatisfiable = 'DoNotSchedule' }) => whenUnsatisfiable === 'DoNotSchedule');
	const isAsked = (it) => (it.ports?.length ? isForUsers(it.ports) : PROBES.some((kind) => it[kind] && !it[kind].exec));
	const { preStop } = container.lifecycle ?? {};
	const held = heldOf(pod, claimed, isSingle);
	return JSON.parse(
		JSON.stringify({
			isServed: service ? isForUsers(service.spec.ports ?? [{}]) : containers.some(isAsked),
			reaches: reachesOf(service, containers),
			only: held ?? (hostPort && isSingle ? `its port ${hostPort} on the node is taken for as long as the old pod runs` : undefined),
			exclusive: exclusiveOf(pod, metadata.labels),
			spread: spread.length ? spread.map(({ topologyKey = '' }) => topologyKey) : undefined,
			autoscaler,
			budget,
			preStop: preStop && { ...preStopOf(preStop, pod.terminationGracePeriodSeconds ?? 30), command: undefined },
			probes: Object.fromEntries(probes),
			isHeadless: service?.spec.clusterIP === 'None',
			isSticky: service?.spec.sessionAffinity === 'ClientIP',
			service: service?.metadata.name,
		}),
	);
}
