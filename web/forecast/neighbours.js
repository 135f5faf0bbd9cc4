// What stands beside a Deployment in a manifest, and is about its pods: a Service, what sends it requests, an autoscaler,
// a budget, claims.

import { refuse, say } from './parse.js';
import { checkLabels, checkPortName, checkSubdomain, invalid, selects, shaped } from './shape.js';

/** The kinds that lead requests from outside to a Service by way of a proxy. */
const ROUTES = /^(Ingress|HTTPRoute|GRPCRoute|TLSRoute|TCPRoute|VirtualService|Route|IngressRoute|IngressRouteTCP|Mapping|HTTPProxy)$/;
/** What can be left out without a word: it changes nothing that is forecast. */
const QUIET =
	/^(Deployment|Service|ConfigMap|Secret|SealedSecret|ExternalSecret|ServiceAccount|(Cluster)?Role(Binding)?|Namespace|CustomResourceDefinition|PersistentVolumeClaim|ServiceMonitor|PodMonitor|PrometheusRule|IngressClass|Gateway|Certificate|(Cluster)?Issuer|HorizontalPodAutoscaler|ScaledObject|PodDisruptionBudget)$/;

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
	const service = services.find(({ spec: { selector = {} } }) => Object.keys(selector).length && selects({ matchLabels: selector }, labels));
	if (!service) return undefined;
	const path = called(service);
	checkSubdomain(service.metadata.name ?? '', `${path}: metadata.name`);
	checkLabels(service.spec.selector, `${path}: spec.selector`);
	for (const [index, { port, targetPort }] of (service.spec.ports ?? []).entries()) {
		const place = `${path}: spec.ports[${index}]`;
		if (!(port >= 1 && port <= 65_535)) invalid(`${place}.port`, port, 'must be between 1 and 65535, inclusive');
		if (typeof targetPort === 'string') checkPortName(targetPort, `${place}.targetPort`);
	}
	return service;
}

/** The autoscaler of a Deployment, as far as it says how many replicas there are. */
function autoscalerOf(others, namespace, name) {
	const isOurs = ({ spec: { scaleTargetRef: { kind = 'Deployment', name: target = '' } = {} } }) => kind === 'Deployment' && target === name;
	const [hpa] = neighbours(others, namespace, 'HorizontalPodAutoscaler').filter(isOurs);
	const [keda] = neighbours(others, namespace, 'ScaledObject').filter(isOurs);
	const { metadata, spec } = hpa ?? keda ?? {};
	if (!spec) return undefined;
	const { minReplicas: min = spec.minReplicaCount ?? (hpa ? 1 : 0), maxReplicas: max = spec.maxReplicaCount ?? 100 } = spec;
	const path = `${called(hpa ?? keda)}: spec`;
	if (min < 0) invalid(`${path}.minReplicas`, min, 'must be greater than or equal to 1');
	if (max < Math.max(min, 1)) invalid(`${path}.maxReplicas`, max, 'must be greater than or equal to `minReplicas`');
	return { kind: hpa ? hpa.kind : keda.kind, name: String(metadata.name ?? name), min, max };
}

/** What limits how many of some pods may be evicted at a time. */
function budgetOf(others, namespace, labels) {
	const budgets = neighbours(others, namespace, 'PodDisruptionBudget');
	const budget = budgets.find(({ spec: { selector } }) => selector && selects(selector, labels));
	if (!budget) return undefined;
	const { minAvailable, maxUnavailable } = budget.spec;
	if (minAvailable !== undefined && maxUnavailable !== undefined) refuse(`${called(budget)}: spec`, 'minAvailable and maxUnavailable cannot be both set');
	return { name: String(budget.metadata.name ?? ''), ...(minAvailable === undefined ? { maxUnavailable: maxUnavailable ?? 1 } : { minAvailable }) };
}

/**
 * What stands beside a Deployment and is about its pods.
 * @param {any[]} others all other objects of the manifest
 * @param {{ name: string, namespace?: string, labels: Record<string, string>, claims: string[] }} deployment
 */
export function besides(others, { name, namespace, labels, claims }) {
	const services = neighbours(others, namespace, 'Service');
	const service = serviceOf(services, labels);
	const routes = others.filter(({ kind }) => typeof kind === 'string' && ROUTES.test(kind));
	const leading = routes.filter((route) => !service || leadsTo(route.spec, service.metadata.name));
	const claimed = neighbours(others, namespace, 'PersistentVolumeClaim').filter(({ metadata }) => claims.includes(metadata.name ?? ''));
	const rest = others.filter((it) => it.kind && !leading.includes(it) && !(typeof it.kind === 'string' && QUIET.test(it.kind)));
	return {
		service,
		hasServices: services.length > 0,
		route: leading[0],
		autoscaler: autoscalerOf(others, namespace, name),
		budget: budgetOf(others, namespace, labels),
		claimed: claimed.map(({ metadata, spec }) => ({ name: metadata.name, modes: spec.accessModes ?? [] })),
		rest: rest.map(called),
	};
}
