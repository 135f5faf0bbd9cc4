// What is modelled of a Deployment, and the Service of its pods.

import { PROBES } from '../cluster/pods.js';
import { preStopOf } from './hook.js';

/** An image that webernetes takes: a registry, a path, a tag and a digest. */
const IMAGE = /^[\w.-]+(:\d+)?(\/[a-z0-9._-]+)*(:\w[\w.-]{0,127})?(@sha256:[a-f0-9]{64})?$/;
const HANDLERS = ['httpGet', 'tcpSocket', 'exec', 'grpc'];

/** What a probe asks by. */
export const handlerOf = (probe) => HANDLERS.find((kind) => probe[kind]);

/** An object without what is undefined. */
const defined = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

/** The containers of a pod that run for as long as it does: native sidecars among them. */
export const runningOf = ({ containers, initContainers = [] }) => [...containers, ...initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')];

/** A probe, as it is modelled: one that runs a program or speaks gRPC asks by HTTP whether the program is healthy. */
function probeOf(probe, ports) {
	const { httpGet, tcpSocket, exec, grpc, ...times } = probe;
	// 0 is as good as missing.
	const rest = Object.fromEntries(Object.entries(times).filter(([, it]) => it));
	if (httpGet) return { httpGet: { path: httpGet.path ?? '/', port: httpGet.port }, ...rest };
	if (tcpSocket) return { tcpSocket: { port: tcpSocket.port }, ...rest };
	return { httpGet: { path: '/health', port: grpc?.port ?? ports[0]?.containerPort ?? 80 }, ...rest };
}

function containerOf({ name, image, ports = [], lifecycle, ...container }, grace) {
	const seconds = lifecycle?.preStop ? preStopOf(lifecycle.preStop, grace).seconds : 0;
	const probes = PROBES.filter((kind) => container[kind]).map((kind) => [kind, probeOf(container[kind], ports)]);
	return defined({
		name,
		image: IMAGE.test(image) ? image : name,
		ports: ports.length ? ports.map(({ name, containerPort }) => defined({ name, containerPort })) : undefined,
		...Object.fromEntries(probes),
		lifecycle: seconds ? { preStop: { sleep: { seconds } } } : undefined,
	});
}

/**
 * The container that serves users: the one with the port that the Service means; or else the first with a port and a
 * readiness probe, with a probe, or with a port.
 */
export function mainOf(containers, service) {
	const targets = (service?.spec.ports ?? []).map(({ port, targetPort = port }) => targetPort);
	const has = ({ ports = [] }, target) => ports.some(({ name, containerPort }) => target === name || target === containerPort);
	const asks = (container) => PROBES.some((kind) => container[kind]);
	const main =
		targets.map((target) => containers.find((it) => has(it, target))).find(Boolean) ??
		containers.find(({ ports, readinessProbe }) => ports?.length && readinessProbe) ??
		containers.find(asks) ??
		containers.find(({ ports }) => ports?.length) ??
		containers[0];
	return main.name;
}

/**
 * A Deployment as it is modelled, of one that is valid, and the Service that selects its pods.
 * @returns {any[]}
 */
export function objectsOf({ metadata, spec }, replicas, service) {
	const { minReadySeconds, selector, strategy = {}, template } = spec;
	const { name, namespace = 'default' } = metadata;
	const { terminationGracePeriodSeconds: grace = 30 } = template.spec;
	const { type = 'RollingUpdate', rollingUpdate: { maxSurge = '25%', maxUnavailable = '25%' } = {} } = strategy;
	const { labels } = template.metadata;
	const containers = runningOf(template.spec).map((it) => containerOf(it, grace));
	const deployment = defined({
		replicas,
		minReadySeconds: minReadySeconds || undefined,
		selector: selector.matchExpressions ? { matchLabels: labels } : selector,
		strategy: type === 'Recreate' ? { type } : { type, rollingUpdate: { maxSurge, maxUnavailable } },
		template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: grace, containers } },
	});
	const main = containers.find((it) => it.name === mainOf(containers, service));
	const ports = (service?.spec.ports ?? [{ port: main.ports?.[0]?.containerPort ?? 80 }]).map(({ name, port, targetPort }) =>
		defined({ name, port, targetPort }),
	);
	return [
		{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace }, spec: deployment },
		{
			apiVersion: 'v1',
			kind: 'Service',
			metadata: { name: service?.metadata.name ?? name, namespace },
			spec: { selector: service?.spec.selector ?? labels, publishNotReadyAddresses: service?.spec.publishNotReadyAddresses === true, ports },
		},
	];
}
