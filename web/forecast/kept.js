// What may be shared of a manifest: the fields that a forecast depends on, and no others.

import { PROBES } from '../cluster/pods.js';
import { preStopOf } from './hook.js';
import { SCHEMA } from './schema.js';

import { PREFIX } from './stated.js';

/** Of a value of a type, what is read. */
function readOf(type, value) {
	if (type.endsWith('[]')) return value.map((it) => readOf(type.slice(0, -2), it));
	const fields = SCHEMA[type];
	if (!fields) return value;
	const read = Object.entries(value).filter(([key]) => fields.get(key)?.isRead);
	return Object.fromEntries(read.map(([key, it]) => [key, readOf(fields.get(key)?.type ?? 'any', it)]));
}

/** A container whose commands say what is read of them, in words that are known here. */
function containerOf(container, grace) {
	const handlers = PROBES.filter((kind) => container[kind]?.exec).map((kind) => [kind, { ...container[kind], exec: { command: ['true'] } }]);
	const { preStop } = container.lifecycle ?? {};
	const hook = preStop?.exec && { lifecycle: { preStop: { exec: { command: preStopOf(preStop, grace).command } } } };
	return { ...container, ...Object.fromEntries(handlers), ...hook };
}

/** The annotations that say how a program behaves. */
function annotationsOf(annotations) {
	const ours = Object.entries(annotations).filter(([key]) => key.startsWith(PREFIX));
	return ours.length ? { annotations: Object.fromEntries(ours) } : {};
}

/** A Deployment of which every field that is read may be shared. */
function deploymentOf({ spec, ...deployment }) {
	const { containers, initContainers = [], volumes = [], ...pod } = readOf('PodSpec', spec.template.spec);
	const share = (list) => list.map((it) => containerOf(it, pod.terminationGracePeriodSeconds ?? 30));
	const held = volumes.filter((volume) => Object.keys(volume).length > 1);
	const lists = { ...(initContainers.length && { initContainers: share(initContainers) }), ...(held.length && { volumes: held }) };
	return { ...deployment, spec: { ...spec, template: { ...spec.template, spec: { ...pod, containers: share(containers), ...lists } } } };
}

/**
 * The objects of a manifest that has the same forecast.
 * @param {any} deployment as its type says
 * @param {{ service?: any, scaler?: any, disruptions?: any, claimed: any[], route?: any }} beside what stands beside it
 * @returns {any[]}
 */
export function keptOf(deployment, { service, scaler, disruptions, claimed, route }) {
	const { namespace } = deployment.metadata;
	const of = ({ apiVersion, kind, metadata: { name, annotations = {} }, spec }) => ({
		apiVersion,
		kind,
		metadata: { name, ...(namespace && { namespace }), ...(kind === 'Deployment' && annotationsOf(annotations)) },
		spec: readOf(`${kind}Spec`, spec),
	});
	const kept = [deploymentOf(deployment), service, scaler, disruptions, ...claimed].filter(Boolean).map(of);
	// Of a route, only that there is one matters.
	return route ? [...kept, { apiVersion: 'v1', kind: route.kind, metadata: { name: 'route' }, spec: { name: service?.metadata.name ?? 'any' } }] : kept;
}
