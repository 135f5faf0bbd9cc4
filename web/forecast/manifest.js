// Reads manifests as people have them: takes a Deployment and what stands beside it, and says what is not modelled.

import { PROBES } from '../cluster/pods.js';
import { keptOf } from './kept.js';
import { mainOf, objectsOf, runningOf } from './model.js';
import { besides } from './neighbours.js';
import { notesOf } from './notes.js';
import { parse, refuse, say } from './parse.js';
import { merge, yaml } from './patch.js';
import { checkDeployment } from './rules.js';
import { isSubdomain, shaped } from './shape.js';
import { statedOf } from './stated.js';
import { claimsOf, traitsOf } from './traits.js';

/** The most replicas: more would take too long. */
const MOST = 100;
/** The most names in a message. */
const SEEN = 5;

/**
 * A Deployment as it is forecast.
 * `text`: the manifest as it was; `names`: all Deployments in it, and `idle`: those of them that run no pods; `name`,
 * `namespace`: of the one that was chosen, and its namespace only if the manifest says it. `objects`: the Deployment and its Service, as modelled. `main`: the name of the
 * container that serves users. `original`: the Deployment as it was. `notes`: sentences on what is not modelled, or taken
 * for something else. `route`: how requests come: by a Service alone, a proxy, or connections that clients keep.
 * `stated`: the answers to questions that its annotations give.
 * `kept`: the objects of which `modelText` is made; `others`: what stands beside the Deployment.
 * @typedef {{ text: string, names: string[], idle: string[], name: string, namespace?: string, objects: any[], main: string, original: any,
 *   notes: string[], route: 'service' | 'proxy' | 'kept', stated: Record<string, string>, traits: import('./traits.js').Traits, kept: any[], others: any[] }} Manifest
 */

/** What `act` returns. Throws in one line what is wrong with the manifest that it reads. */
export function inOneLine(act) {
	try {
		return act();
	} catch (error) {
		if (error instanceof RangeError) refuse('', 'it is nested too deeply');
		if (error instanceof ReferenceError) refuse('', 'its aliases have no anchor, or stand for too much');
		throw error;
	}
}

/** How many replicas are forecast. */
function replicasOf({ replicas = 1, paused }, autoscaler) {
	if (paused) refuse('spec.paused', 'a Deployment that is paused starts no pods');
	if (replicas === 0) refuse('spec.replicas', '0 replicas cannot serve any requests');
	const forecast = autoscaler ? Math.max(1, autoscaler.min) : replicas;
	if (forecast > MOST) refuse('spec.replicas', `${forecast} is more than the ${MOST} that are modelled here`);
	return forecast;
}

/** How requests come. */
function routeOf({ service, route }, containers) {
	if (route) return 'proxy';
	const names = [...(service?.spec.ports ?? []), ...containers.flatMap(({ ports = [] }) => ports)].flatMap(({ name = '', appProtocol = '' }) => [
		name,
		appProtocol,
	]);
	const isKept = names.some((name) => /\b(grpc|http2|h2c)\b/.test(name)) || containers.some((it) => PROBES.some((kind) => it[kind]?.grpc));
	return isKept ? 'kept' : 'service';
}

/** What is forecast of a Deployment. Throws what the API server would refuse, and what cannot be forecast. */
function forecastOf(original, others) {
	const { apiVersion = '' } = original;
	if (apiVersion !== 'apps/v1') refuse('apiVersion', `${say(apiVersion)} has no Deployment; use apps/v1`, apiVersion);
	const unknown = [];
	const deployment = shaped('Deployment', original, '', unknown);
	checkDeployment(deployment);
	const { spec, metadata } = deployment;
	const { name, namespace } = metadata;
	const pod = spec.template.spec;
	const { labels } = spec.template.metadata;
	const beside = besides(others, { name, namespace, labels, claims: claimsOf(pod) });
	const replicas = replicasOf(spec, beside.autoscaler);
	const main = mainOf(runningOf(pod), beside.service);
	const traits = traitsOf({ ...spec, replicas }, main, beside);
	return {
		name,
		...(namespace && { namespace }),
		objects: [...objectsOf(deployment, replicas, beside.service), ...(traits.budget ? [{ kind: 'PodDisruptionBudget', spec: traits.budget }] : [])],
		main,
		original,
		notes: notesOf(deployment, beside, traits, replicas, unknown),
		route: /** @type {Manifest['route']} */ (routeOf(beside, runningOf(pod))),
		stated: statedOf(metadata.annotations),
		traits,
		kept: keptOf(deployment, beside),
	};
}

/** The Deployment that is wanted: by default the first that has replicas. */
function choose(deployments, wanted) {
	const nameOf = ({ metadata }) => (typeof metadata?.name === 'string' ? metadata.name : '');
	const names = [...new Set(deployments.map(nameOf))].filter(isSubdomain);
	if (wanted && !names.includes(wanted)) refuse('', `there is no Deployment called ${say(wanted)}; found: ${names.slice(0, SEEN).join(', ').slice(0, 150)}`);
	const isIdle = ({ spec }) => spec?.replicas === 0 || spec?.paused === true;
	const first = deployments.find((it) => !isIdle(it)) ?? deployments[0];
	// Whoever applies two of the same name is left with the last.
	const allOf = (name) => deployments.filter((it) => nameOf(it) === name);
	const same = allOf(wanted || nameOf(first));
	const notes = same.length > 1 ? [`This manifest has ${same.length} Deployments called ${say(nameOf(same[0]))}. The last one is forecast.`] : [];
	return { names, idle: names.filter((name) => isIdle(allOf(name).at(-1))), deployment: same.at(-1), notes };
}

/**
 * What a manifest says of a Deployment. Throws in one line what is wrong with it, and where.
 * @param {string | Uint8Array | { text: string, objects: any[] }} manifest a text, or what `parse` makes of some
 * @param {string} [wanted] the name of a Deployment; by default, the first that runs pods
 * @returns {Manifest}
 */
export function read(manifest, wanted) {
	return inOneLine(() => {
		const { text, objects } = typeof manifest === 'object' && 'objects' in manifest ? manifest : parse(manifest);
		const deployments = objects.filter(({ kind }) => kind === 'Deployment');
		if (!deployments.length) {
			const kinds = [...new Set(objects.map(({ kind }) => kind))]
				.filter((kind) => typeof kind === 'string')
				.map((kind) => (/^\w{1,40}$/.test(kind) ? kind : say(kind)));
			refuse('', `it contains no Deployment${kinds.length ? `, only ${kinds.slice(0, SEEN).join(', ')}` : ''}`);
		}
		const { names, idle, deployment, notes } = choose(deployments, wanted);
		const others = objects.filter((it) => it !== deployment);
		const found = forecastOf(deployment, others);
		return { text, names, idle, others, ...found, notes: [...notes, ...found.notes] };
	});
}

/**
 * A manifest with a patch of its Deployment. Throws what the API server would say of it.
 * @param {Manifest} manifest
 * @returns {Manifest}
 */
export const withPatch = (manifest, patch) => ({ ...manifest, ...forecastOf(merge(manifest.original, patch), manifest.others) });

/**
 * A manifest of what is modelled, which `read` reads as the same, but for notes: without values of variables, Secrets,
 * annotations of others, commands, and whatever else a manifest may hold that is nobody's business.
 * @param {Manifest} manifest
 */
export const modelText = ({ kept }) => kept.map((object) => `${yaml(object)}\n`).join('---\n');
