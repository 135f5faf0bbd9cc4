// What `kubectl patch` does with a Deployment, and how it is told to.

import { Document, visit } from 'yaml';
import { escaped } from './parse.js';

/** By which key the items of a list merge, in a strategic merge patch. Other lists are replaced. */
const MERGE_KEYS = {
	containers: 'name',
	initContainers: 'name',
	env: 'name',
	ports: 'containerPort',
	volumes: 'name',
	volumeMounts: 'mountPath',
	volumeDevices: 'devicePath',
	imagePullSecrets: 'name',
	hostAliases: 'ip',
	topologySpreadConstraints: 'topologyKey',
};

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/**
 * A new value: `target` with a strategic merge patch, as `kubectl patch` applies it to a Deployment. Objects merge, null
 * deletes, and the lists that have a key merge by it.
 * @param {any} target
 * @param {any} patch
 * @param {string} [field] the name of the field that has the value
 * @param {boolean} [isPatch] whether `target` is a patch itself, in which null has to stay
 */
export function merge(target, patch, field = '', isPatch = false) {
	const key = MERGE_KEYS[field];
	if (Array.isArray(patch) && key) {
		const merged = Array.isArray(target) ? [...target] : [];
		for (const item of patch) {
			const index = merged.findIndex((it) => it?.[key] === item?.[key]);
			merged.splice(index < 0 ? merged.length : index, 1, merge(merged[index], item, '', isPatch));
		}
		return merged;
	}
	if (!isObject(patch)) return patch;
	const merged = isObject(target) ? { ...target } : {};
	for (const [name, value] of Object.entries(patch)) {
		if (value === null && !isPatch) delete merged[name];
		else merged[name] = merge(merged[name], value, name, isPatch);
	}
	return merged;
}

/** Patches in one. */
export const compose = (...patches) => patches.reduce((whole, patch) => merge(whole, patch, '', true), {});

/** A value in YAML that any version of it reads. Only texts that cannot be taken for anything else stand without quotes. */
export function yaml(value, isFlow = false) {
	const document = new Document(value, { version: '1.1', aliasDuplicateObjects: false });
	visit(document, {
		Scalar(_, scalar) {
			if (typeof scalar.value === 'string' && !/^[A-Za-z/][\w./-]*$/.test(scalar.value)) scalar.type = 'QUOTE_DOUBLE';
		},
		Collection(_, collection) {
			collection.flow = isFlow;
		},
	});
	// What else could move a cursor or turn a line around is between double quotes by now, where YAML knows escapes.
	return escaped(document.toString({ lineWidth: 0, directives: false, nullStr: 'null', indentSeq: false }).trimEnd());
}

/** A value as YAML in one line. */
export const flow = (value) => yaml(value, true);

/** An argument for a POSIX shell. */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const argument = (text) => (/^[\w][\w.-]*$/.test(text) ? text : quoted(text));

/**
 * What applies a patch of a Deployment, for a POSIX shell.
 * @param {{ name: string, namespace?: string }} deployment
 */
export const commandOf = ({ namespace, name }, patch) =>
	`kubectl ${namespace ? `--namespace ${argument(namespace)} ` : ''}patch deployment ${argument(name)} --patch ${quoted(`\n${yaml(patch)}\n`)}`;
