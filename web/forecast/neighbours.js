// What stands beside a Deployment in a manifest, and is about its pods: a Service, what sends it requests, an autoscaler,
// a budget, claims.

import { IGNORED, refuse, say } from './parse.js';
import { checkShare } from './rules.js';
import { checkLabel, checkLabels, checkPortName, checkSubdomain, invalid, selects, shaped } from './shape.js';

/** The kinds that lead requests from outside to a Service by way of a proxy. */
const ROUTES = /^(Ingress|HTTPRoute|GRPCRoute|TLSRoute|TCPRoute|VirtualService|Route|IngressRoute|IngressRouteTCP|Mapping|HTTPProxy)$/;
/** The kinds that are read, or are named elsewhere. */
const READ = /^(Deployment|Service|PersistentVolumeClaim|HorizontalPodAutoscaler|ScaledObject|PodDisruptionBudget)$/;

/** What an object is, in a message. */
export function called({ kind, metadata }) {
	const { name = '' } = metadata ?? {};
	const isPlain = typeof name === 'string' && /^[\w.-]{0,60}$/.test(name);
	return `${typeof kind === 'string' && /^\w{1,60}$/.test(kind) ? kind : say(kind)} ${isPlain ? name : say(name)}`.trim();
}

/** The objects of a kind in the namespace of a Deployment, as their type says; places begin with what they are. */
function neighbours(others, namespace, kind) {
	const isNear = (it) => it.kind === kind && (it.metadata?.namespace ?? 'default') === (namespace ?? 'default');
	return others.filter(isNear).map((it) => {
		const path = called(it);
		return { ...it, metadata: shaped('ObjectMeta', it.metadata ?? {}, `${path}: metadata`), spec: shaped(`${kind}Spec`, it.spec ?? {}, `${path}: spec`) };
	});
}

/** Whether the name of a Service stands among what a route leads to. */
const leadsTo = (value, name) =>
	value !== null &&
	typeof value === 'object' &&
	Object.entries(value).some(([key, it]) =>
		typeof it === 'string' ? /^(name|serviceName|service|host)$/.test(key) && it.replace(/^https?:\/\//, '').split(/[.:]/, 1)[0] === name : leadsTo(it, name),
	);

/** The Service of some pods, checked, and what is not modelled of it. */
function serviceOf(services, labels) {
	const service = services.find(
		({ spec: { selector = {}, type } }) => type !== 'ExternalName' && Object.keys(selector).length && selects({ matchLabels: selector }, labels),
	);
	if (!service) return undefined;
	const path = called(service);
	checkLabels(service.spec.selector, `${path}: spec.selector`);
	const { ports = [] } = service.spec;
	for (const [index, { name, port, targetPort = port }] of ports.entries()) {
		const place = `${path}: spec.ports[${index}]`;
		if (!(port >= 1 && port <= 65_535)) invalid(`${place}.port`, port, 'must be between 1 and 65535, inclusive');
		if (typeof targetPort === 'string') checkPortName(targetPort, `${place}.targetPort`);
		else if (!(targetPort >= 1 && targetPort <= 65_535)) invalid(`${place}.targetPort`, targetPort, 'must be between 1 and 65535, inclusive');
		if (ports.length > 1 && !name) refuse(`${place}.name`, 'Required value');
		if (name) checkLabel(name, `${place}.name`);
	}
	return service;
}

/** What sets the number of replicas of a Deployment. */
function scalerOf(others, namespace, name) {
	const isOurs = ({ spec: { scaleTargetRef: { kind = 'Deployment', name: target = '' } = {} } }) => kind === 'Deployment' && target === name;
	return [...neighbours(others, namespace, 'HorizontalPodAutoscaler'), ...neighbours(others, namespace, 'ScaledObject')].find(isOurs);
}

/** How many replicas an autoscaler allows. */
function autoscalerOf(scaler) {
	const { kind, metadata, spec } = scaler;
	const { minReplicas, maxReplicas, minReplicaCount = 0, maxReplicaCount = 100 } = spec;
	const [min, max] = kind === 'ScaledObject' ? [minReplicaCount, maxReplicaCount] : [minReplicas ?? 1, maxReplicas];
	const path = `${called(scaler)}: spec`;
	if (min < 0) invalid(`${path}.minReplicas`, min, 'must be greater than or equal to 1');
	if (max === undefined) refuse(`${path}.maxReplicas`, 'Required value');
	if (max < Math.max(min, 1)) invalid(`${path}.maxReplicas`, max, 'must be greater than or equal to `minReplicas`');
	return { kind, name: metadata.name ?? '', min, max };
}

/** How many of some pods may be evicted at a time. */
function budgetOf(disruptions) {
	const { minAvailable, maxUnavailable } = disruptions.spec;
	if (minAvailable !== undefined && maxUnavailable !== undefined) refuse(`${called(disruptions)}: spec`, 'minAvailable and maxUnavailable cannot be both set');
	for (const [field, share] of Object.entries({ minAvailable, maxUnavailable }))
		if (share !== undefined) checkShare(share, `${called(disruptions)}: spec.${field}`);
	return { name: disruptions.metadata.name ?? '', ...(minAvailable === undefined ? { maxUnavailable: maxUnavailable ?? 1 } : { minAvailable }) };
}

/**
 * What stands beside a Deployment and is about its pods.
 * @param {any[]} others all other objects of the manifest
 * @param {{ name: string, namespace?: string, labels: Record<string, string>, claims: string[] }} deployment
 */
export function besides(others, { name, namespace, labels, claims }) {
	const services = neighbours(others, namespace, 'Service');
	const service = serviceOf(services, labels);
	const scaler = scalerOf(others, namespace, name);
	const disruptions = neighbours(others, namespace, 'PodDisruptionBudget').find(({ spec: { selector } }) => selector && selects(selector, labels));
	for (const it of [service, scaler, disruptions]) if (it) checkSubdomain(it.metadata.name ?? '', `${called(it)}: metadata.name`);
	const routes = others.filter(({ kind }) => typeof kind === 'string' && ROUTES.test(kind));
	const leading = routes.filter((route) => !service || leadsTo(route.spec, service.metadata.name));
	const rest = others.filter((it) => it.kind && !leading.includes(it) && !READ.test(it.kind) && !IGNORED.test(it.kind));
	return {
		service,
		hasServices: services.length > 0,
		route: leading[0],
		scaler,
		autoscaler: scaler && autoscalerOf(scaler),
		disruptions,
		budget: disruptions && budgetOf(disruptions),
		claimed: neighbours(others, namespace, 'PersistentVolumeClaim').filter(({ metadata }) => claims.includes(metadata.name)),
		rest: rest.map(called),
	};
}
