// What may be shared of a manifest: the fields that are read, and no others.

import { preStopOf } from './hook.js';
import { defined } from './model.js';
import { PROBES } from './shape.js';

/** Some fields of an object, if there is one. */
const pick = (object, ...fields) => object && defined(Object.fromEntries(fields.map((field) => [field, object[field]])));
const all = (list, of) => list?.map(of);

function probeOf(probe) {
	if (!probe) return undefined;
	const { httpGet, tcpSocket, exec, grpc, ...times } = probe;
	return defined({
		httpGet: pick(httpGet, 'path', 'port', 'scheme'),
		tcpSocket: pick(tcpSocket, 'port'),
		grpc: pick(grpc, 'port'),
		exec: exec && { command: ['true'] },
		...times,
	});
}

function hookOf(hook, grace) {
	const { sleep, httpGet, tcpSocket } = hook;
	return defined({
		sleep,
		httpGet: pick(httpGet, 'port'),
		tcpSocket: pick(tcpSocket, 'port'),
		exec: hook.exec && { command: preStopOf(hook, grace).command },
	});
}

function containerOf({ name, image, ports, lifecycle, restartPolicy, ...container }, grace) {
	return defined({
		name,
		image,
		restartPolicy,
		ports: all(ports, (port) => pick(port, 'name', 'containerPort', 'hostPort', 'protocol')),
		...Object.fromEntries(PROBES.map((kind) => [kind, probeOf(container[kind])])),
		lifecycle: lifecycle?.preStop && { preStop: hookOf(lifecycle.preStop, grace) },
	});
}

function podOf({ containers, initContainers, affinity, hostNetwork, volumes = [], topologySpreadConstraints, terminationGracePeriodSeconds }) {
	const sidecars = initContainers?.filter(({ restartPolicy }) => restartPolicy === 'Always');
	const required = affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
	const { terminationGracePeriodSeconds: grace = 30 } = { terminationGracePeriodSeconds };
	const held = volumes.filter((volume) => !volume.secret && !volume.configMap && !volume.projected && !volume.hostPath && !volume.emptyDir);
	return defined({
		terminationGracePeriodSeconds,
		hostNetwork,
		affinity: required && { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
		topologySpreadConstraints,
		containers: all(containers, (it) => containerOf(it, grace)),
		initContainers: sidecars?.length ? all(sidecars, (it) => containerOf(it, grace)) : undefined,
		volumes: held.length ? held : undefined,
	});
}

/** The route, as far as it says that there is one. */
const routeOf = ({ apiVersion, kind, metadata }, service, namespace) => ({
	apiVersion,
	kind,
	metadata: defined({ name: typeof metadata?.name === 'string' ? metadata.name : 'route', namespace }),
	spec: { name: service?.metadata.name },
});

/**
 * The objects of a manifest of the same model.
 * @param {any} deployment as its type says
 * @param {any} beside what stands beside it
 * @returns {any[]}
 */
export function keptOf({ metadata, spec }, { service, route, autoscaler, budget, claimed }) {
	const { namespace } = metadata;
	const named = (name) => defined({ name, namespace });
	const { labels } = spec.template.metadata;
	const { kind: scaler = '', name: scalerName, min, max } = autoscaler ?? {};
	const limits = scaler === 'ScaledObject' ? { minReplicaCount: min, maxReplicaCount: max } : { minReplicas: min, maxReplicas: max };
	const fields = ['type', 'clusterIP', 'selector', 'sessionAffinity', 'externalTrafficPolicy', 'publishNotReadyAddresses'];
	const ports = all(service?.spec.ports, (port) => pick(port, 'name', 'appProtocol', 'port', 'targetPort'));
	return JSON.parse(
		JSON.stringify([
			{
				apiVersion: 'apps/v1',
				kind: 'Deployment',
				metadata: named(metadata.name),
				spec: {
					...pick(spec, 'replicas', 'minReadySeconds', 'progressDeadlineSeconds', 'selector', 'strategy'),
					template: { metadata: { labels }, spec: podOf(spec.template.spec) },
				},
			},
			service && { apiVersion: 'v1', kind: 'Service', metadata: named(service.metadata.name), spec: { ...pick(service.spec, ...fields), ports } },
			route && routeOf(route, service, namespace),
			autoscaler && { apiVersion: 'v1', kind: scaler, metadata: named(scalerName), spec: { scaleTargetRef: { name: metadata.name }, ...limits } },
			budget && {
				apiVersion: 'policy/v1',
				kind: 'PodDisruptionBudget',
				metadata: named(budget.name),
				spec: { ...pick(budget, 'minAvailable', 'maxUnavailable'), selector: { matchLabels: labels } },
			},
			...claimed.map(({ name, modes }) => ({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: named(name), spec: { accessModes: modes } })),
		]).replace(/,null(?=[,\]])/g, ''),
	);
}
