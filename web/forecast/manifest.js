// Reads manifests as people have them, and takes from a Deployment what is modelled here.

import { parseAllDocuments } from 'yaml';
import { PROBES, playedOf } from '../cluster/cluster.js';

/** The longest manifest, in bytes, and the most replicas: more would take too long. */
const LONGEST = 1_000_000;
const MOST = 100;
/** A registry, a path, a tag and a digest, of which the path alone is needed. */
const IMAGE = /^[\w.-]+(:\d+)?(\/[a-z0-9._-]+)*(:\w[\w.-]{0,127})?(@sha256:[a-f0-9]{64})?$/;
/** The largest number that Kubernetes stores. */
const INT32 = 2 ** 31 - 1;

/** The text in bytes: UTF-8, or what a byte order mark says. */
function decode(bytes) {
	const [first, second] = bytes;
	const encoding = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
	try {
		return new TextDecoder(encoding, { fatal: true }).decode(bytes);
	} catch {
		throw new Error(`this is not valid ${encoding.toUpperCase()} text`);
	}
}

/** All objects in a text of YAML or JSON. Throws what is wrong with it, and where. */
function parse(text) {
	if (text.includes('\0')) throw new Error('this is not text');
	const documents = parseAllDocuments(text.replace(/^\uFEFF/, ''), { merge: true });
	const objects = Array.from(documents).flatMap((document) => {
		const [error] = document.errors;
		if (error) {
			const [line, said] = [error.linePos?.[0].line ?? 1, error.message.split(/ at line |\n/, 1)[0]];
			const isTemplate = text.split('\n')[line - 1]?.includes('{{');
			throw new Error(`line ${line}: ${isTemplate ? 'an unrendered template (render it with helm template)' : said}`);
		}
		return [cleaned(document.toJS())];
	});
	const flat = (object) => (Array.isArray(object?.items) ? object.items.flatMap(flat) : [object]);
	return objects.flatMap(flat).filter((object) => object !== null && typeof object === 'object');
}

/** A value without what Kubernetes takes for nothing: nulls, in objects and lists. */
function cleaned(value) {
	if (Array.isArray(value)) return value.map(cleaned).filter((it) => it != null);
	if (value === null || typeof value !== 'object') return value;
	const entries = Object.entries(value).filter(([, it]) => it != null);
	const odd = entries.find(([key]) => key === '__proto__');
	if (odd) throw new Error('a key is called __proto__');
	return Object.fromEntries(entries.map(([key, it]) => [key, cleaned(it)]));
}

// What is taken of each object. A shape maps the keys that are modelled to what reads their values: it returns the
// value, or nothing where it is as good as missing, and throws what Kubernetes would say of it.

const say = (value) => {
	const text = JSON.stringify(value);
	return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

const text = (value, path) => {
	if (typeof value !== 'string') throw new Error(`${path}: ${say(value)} is not a string`);
	if (value.includes('{{')) throw new Error(`${path}: an unrendered template (render it with helm template)`);
	return value;
};
const flag = (value, path) => {
	if (typeof value !== 'boolean') throw new Error(`${path}: ${say(value)} is neither true nor false`);
	return value;
};
/** A whole number; 0 is as good as missing where it may not be. */
const whole =
	(least, most = INT32) =>
	(value, path) => {
		if (!Number.isInteger(value) || value > most || (value < least && value !== 0)) {
			throw new Error(`${path}: ${say(value)} is not a whole number from ${least} to ${most}`);
		}
		return value < least ? undefined : value;
	};
const share = (value, path) => {
	if (typeof value === 'string' ? !/^\d{1,9}%$/.test(value) : !(Number.isInteger(value) && value >= 0)) {
		throw new Error(`${path}: ${say(value)} is neither a number of pods nor a percentage`);
	}
	return value;
};
const port = (value, path) => (typeof value === 'string' && !/^\d+$/.test(value) ? text(value, path) : whole(1, 65_535)(Number(value), path));
const texts = (value, path) => object(Object.fromEntries(Object.keys(value).map((key) => [key, text])), value, path, []);
const list =
	(read) =>
	(value, path, ...rest) => {
		if (!Array.isArray(value)) throw new Error(`${path}: ${say(value)} is not a list`);
		return value.map((it, index) => read(it, `${path}[${index}]`, ...rest)).filter((it) => it !== undefined);
	};

/** Reads an object by its shape; what the shape has not is added to `dropped`. */
function object(shape, value, path, dropped) {
	if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Error(`${path || 'this'}: ${say(value)} is not an object`);
	const entries = Object.entries(value).map(([key, it]) => {
		if (Object.hasOwn(shape, key)) return [key, shape[key](it, path ? `${path}.${key}` : key, dropped)];
		dropped.push(key);
		return [key, undefined];
	});
	return Object.fromEntries(entries.filter(([, it]) => it !== undefined));
}
const shaped =
	(shape) =>
	(...rest) =>
		object(shape, ...rest);

const TIMES = { initialDelaySeconds: whole(0), periodSeconds: whole(1), timeoutSeconds: whole(1), failureThreshold: whole(1), successThreshold: whole(1) };
const HTTP_GET = { path: text, port };

/** A probe. One that runs a program or speaks gRPC is taken as one that asks for /health. */
function probe(value, path, dropped) {
	const { httpGet, tcpSocket, exec, grpc, ...times } = object(
		{ ...TIMES, terminationGracePeriodSeconds: whole(1), httpGet: any, tcpSocket: any, exec: any, grpc: any },
		value,
		path,
		dropped,
	);
	if (httpGet) return { httpGet: object(HTTP_GET, httpGet, `${path}.httpGet`, []), ...times };
	if (tcpSocket) return { tcpSocket: object({ port }, tcpSocket, `${path}.tcpSocket`, []), ...times };
	if (!exec && !grpc) throw new Error(`${path}: it has no handler (httpGet, tcpSocket, exec or grpc)`);
	return { httpGet: { path: '/health', port: grpc?.port }, ...times };
}
const any = (value) => value;

/** A hook before the end. Of a program that it runs, what sleeps is taken. */
function preStop(value, path) {
	if (value.sleep) return { sleep: object({ seconds: whole(0) }, value.sleep, `${path}.sleep`, []) };
	const slept = /(?:^|[\s;&/])sleep\s+(\d+(?:\.\d+)?)\s*([smh]?)(?=$|[\s;&])/.exec((value.exec?.command ?? []).join(' '));
	if (!slept) return undefined;
	return { sleep: { seconds: Math.round(Number(slept[1]) * { s: 1, m: 60, h: 3600 }[slept[2] || 's']) } };
}

const CONTAINER = {
	name: text,
	image: text,
	ports: list(shaped({ name: text, containerPort: whole(1, 65_535) })),
	// Only those of Spin have a meaning here, and what comes from elsewhere is not there.
	env: list(({ name, value }) => (typeof name === 'string' && typeof value === 'string' ? { name, value } : undefined)),
	startupProbe: probe,
	readinessProbe: probe,
	livenessProbe: probe,
	lifecycle: (value, path) => {
		const hook = value.preStop && preStop(value.preStop, `${path}.preStop`);
		return hook && { preStop: hook };
	},
};

const DEPLOYMENT = {
	replicas: whole(0),
	minReadySeconds: whole(0),
	progressDeadlineSeconds: whole(1),
	paused: flag,
	selector: shaped({ matchLabels: texts, matchExpressions: any }),
	strategy: shaped({ type: text, rollingUpdate: shaped({ maxSurge: share, maxUnavailable: share }) }),
	template: shaped({
		metadata: (value, path) => object({ labels: texts }, value, path, []),
		spec: shaped({ terminationGracePeriodSeconds: whole(0), containers: list(shaped(CONTAINER)) }),
	}),
};

/** What is left out without a word: it changes nothing that is modelled. */
const SILENT = new Set([
	'revisionHistoryLimit',
	'restartPolicy',
	'dnsPolicy',
	'schedulerName',
	'securityContext',
	'imagePullPolicy',
	'automountServiceAccountToken',
	'enableServiceLinks',
	'args',
	'command',
	'envFrom',
	'terminationMessagePath',
	'terminationMessagePolicy',
	'serviceAccount',
	'serviceAccountName',
	'imagePullSecrets',
	'workingDir',
	'protocol',
]);

const isSubset = (labels, all) => Object.entries(labels).every(([key, value]) => all[key] === value);

/**
 * What is modelled of a Deployment, and a Service of its pods; `notes` say what is not, or taken for something else.
 * @param {any} deployment
 * @param {any[]} others the objects that stand beside it
 */
function modelOf({ apiVersion, metadata = {}, spec = {} }, others) {
	const notes = [];
	const dropped = [];
	if (apiVersion !== 'apps/v1') throw new Error(`apiVersion: ${say(apiVersion ?? '')} has no Deployment; use apps/v1`);
	const name = text(metadata.name ?? metadata.generateName ?? '', 'metadata.name');
	if (!name) throw new Error('metadata.name: the Deployment has no name');
	if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) throw new Error(`metadata.name: ${say(name)} is not made of lower case letters, digits, - and .`);
	const model = object(DEPLOYMENT, spec, 'spec', dropped);
	const containers = model.template?.spec?.containers ?? [];
	if (!containers.length) throw new Error('spec.template.spec.containers: the Deployment has no container');
	for (const { name, image } of containers) {
		if (image && !IMAGE.test(image)) throw new Error(`container ${say(name ?? '')}: ${say(image)} is not the name of an image`);
		if (!name || !image) throw new Error(`container ${say(name ?? image ?? '')}: it needs a name and an image`);
	}
	const labels = model.template.metadata?.labels ?? {};
	const selected = model.selector?.matchLabels ?? {};
	if (!Object.keys(model.selector ?? {}).length) throw new Error('spec.selector: the Deployment selects no pods');
	if (!isSubset(selected, labels)) throw new Error('spec.selector: it does not match the labels of the template');
	model.replicas ??= 1;
	model.template.spec.terminationGracePeriodSeconds ??= 30; // webernetes 0.3.5 would give a restarted container 2 s
	if (model.replicas === 0) throw new Error('spec.replicas: 0 replicas cannot serve any requests');
	if (model.paused) throw new Error('spec.paused: a Deployment that is paused starts no pods');
	if (model.replicas > MOST) throw new Error(`spec.replicas: ${model.replicas} is more than the ${MOST} that are modelled here`);
	const { type = 'RollingUpdate', rollingUpdate: { maxSurge = 1, maxUnavailable = 1 } = {} } = model.strategy ?? {};
	if (!['RollingUpdate', 'Recreate'].includes(type)) throw new Error(`spec.strategy.type: ${say(type)} is neither RollingUpdate nor Recreate`);
	if (Number.parseInt(maxSurge, 10) === 0 && Number.parseInt(maxUnavailable, 10) === 0)
		throw new Error('spec.strategy.rollingUpdate: maxSurge and maxUnavailable may not both be 0');
	if (type === 'Recreate' && model.strategy.rollingUpdate) throw new Error('spec.strategy.rollingUpdate: Recreate has none');

	const played = playedOf({ spec: model });
	const original = spec.template.spec.containers.find(({ name }) => name === played.name);
	for (const kind of PROBES) {
		const probe = original[kind];
		if (!probe) continue;
		const handler = ['exec', 'grpc'].find((handler) => probe[handler]);
		if (handler) notes.push(`The ${kind} is assumed to succeed as long as the program works, because its ${handler} cannot be run here.`);
		const asked = played[kind].httpGet ?? played[kind].tcpSocket;
		asked.port ??= played.ports?.[0]?.containerPort ?? 80;
		if (typeof asked.port === 'string' && !played.ports?.some(({ name }) => name === asked.port))
			throw new Error(`${kind}: no port is called ${say(asked.port)}`);
		if (kind !== 'readinessProbe' && (played[kind].successThreshold ?? 1) !== 1) throw new Error(`${kind}.successThreshold: it has to be 1`);
	}
	if (original.lifecycle?.preStop && !played.lifecycle) notes.push('The preStop command does not sleep, so it is ignored.');
	if (containers.length > 1) notes.push(`Of its ${containers.length} containers, only ${played.name} is simulated; the others just run.`);
	const unmodelled = [...new Set(dropped)].filter((key) => !SILENT.has(key));
	if (unmodelled.length) notes.push(`Not modelled: ${unmodelled.join(', ')}.`);

	const namespace = metadata.namespace ?? 'default';
	const services = others.filter(({ kind, metadata }) => kind === 'Service' && (metadata?.namespace ?? 'default') === namespace);
	const service = services.find(({ spec }) => spec?.selector && Object.keys(spec.selector).length && isSubset(spec.selector, labels));
	if (!service && services.length) notes.push('No Service here selects its pods. One that does is assumed.');
	const rest = others
		.filter((it) => it !== service && it.kind && it.kind !== 'Deployment')
		.map(({ kind, metadata }) => `${kind} ${metadata?.name ?? ''}`.trim());
	if (rest.length) notes.push(`Not modelled: ${rest.slice(0, 8).join(', ')}${rest.length > 8 ? ` and ${rest.length - 8} more` : ''}.`);
	const publishNotReadyAddresses = service?.spec.publishNotReadyAddresses === true;
	const objects = [
		{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace }, spec: model },
		{
			apiVersion: 'v1',
			kind: 'Service',
			metadata: { name, namespace },
			spec: { selector: service?.spec.selector ?? selected, publishNotReadyAddresses, ports: [{ port: 80 }] },
		},
	];
	return { name, namespace, objects, notes };
}

/**
 * The Deployments in a manifest, as they are modelled. Throws in one line what is wrong with it, and where.
 * @param {string | Uint8Array} manifest
 * @param {string} [wanted] the name of one Deployment; by default, the first
 */
export function read(manifest, wanted) {
	if (manifest.length > LONGEST) throw new Error(`this is longer than ${LONGEST / 1e6} MB`);
	const content = typeof manifest === 'string' ? manifest : decode(manifest);
	const objects = oneLine(() => parse(content));
	const deployments = objects.filter(({ kind }) => kind === 'Deployment');
	if (!deployments.length) {
		const kinds = [...new Set(objects.map(({ kind }) => kind))].filter((kind) => typeof kind === 'string');
		throw new Error(`it contains no Deployment${kinds.length ? `, only ${kinds.slice(0, 5).join(', ')}` : ''}`);
	}
	const names = deployments.map(({ metadata }) => String(metadata?.name ?? ''));
	const chosen = wanted ? names.indexOf(wanted) : 0;
	if (chosen < 0) throw new Error(`there is no Deployment called ${say(wanted)}; found: ${names.join(', ')}`);
	return {
		text: content,
		names,
		...oneLine(() =>
			modelOf(
				deployments[chosen],
				objects.filter((it) => it !== deployments[chosen]),
			),
		),
	};
}

/** What `act` returns; what it throws is one line. */
function oneLine(act) {
	try {
		return act();
	} catch (error) {
		throw new Error(error instanceof RangeError || /call stack/.test(error.message) ? 'it is nested too deeply' : String(error.message).split('\n', 1)[0]);
	}
}
