// Gives every field the shape that Kubernetes gives it, so that whatever reads it later need not ask.

import { refuse, say } from './parse.js';
import { SCHEMA } from './schema.js';

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const QUANTITY = /^[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/;

/** What a plain value has to be: whether it is, and what it is called. @type {Record<string, [(value: any) => boolean, string]>} */
const PLAIN = {
	string: [(value) => typeof value === 'string', 'a string'],
	int: [Number.isSafeInteger, 'a whole number'],
	bool: [(value) => typeof value === 'boolean', 'true or false'],
	quantity: [(value) => Number.isFinite(value) || (typeof value === 'string' && QUANTITY.test(value)), 'a quantity'],
	'int|string': [(value) => typeof value === 'string' || Number.isSafeInteger(value), 'a whole number or a string'],
};
/** What the values of a map have to be. */
const MAPS = { map: 'string', quantities: 'quantity' };

/** The place of a field. A key that is no name of a field is quoted. */
const at = (path, key) => (/^[A-Za-z]\w{0,40}$/.test(key) ? (path ? `${path}.${key}` : key) : `${path}[${say(key)}]`);

/**
 * A value of a type, without the fields that the type has not, whose places are added to `unknown`. Throws what is of
 * another type, and where.
 * @param {string} type a line of the schema, what a plain value is called there, or either in a list: `Container[]`
 * @param {any} value
 * @param {string} path where it stands
 * @param {string[]} [unknown]
 */
export function shaped(type, value, path, unknown = []) {
	if (type.endsWith('[]')) {
		if (!Array.isArray(value)) refuse(path, `${say(value)} is not a list`, value);
		return value.map((it, index) => shaped(type.slice(0, -2), it, `${path}[${index}]`, unknown));
	}
	if (type === 'any') return value;
	if (PLAIN[type]) {
		const [isRight, name] = PLAIN[type];
		if (!isRight(value)) refuse(path, `${say(value)} is not ${name}`, value);
		return value;
	}
	if (!isObject(value)) refuse(path || 'this', `${say(value)} is not an object`, value);
	const known = SCHEMA[type];
	const fields = Object.entries(value).flatMap(([key, it]) => {
		if (/^\{.*\}$/s.test(key)) refuse(path, `${say(key)} is no key`, value);
		const field = MAPS[type] ?? known.get(key)?.type;
		if (field) return [[key, shaped(field, it, at(path, key), unknown)]];
		unknown.push(at(path, key));
		return [];
	});
	return Object.fromEntries(fields);
}

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

/** Refuses what the API server would, in its words. @returns {never} */
export const invalid = (path, value, why) => refuse(path, `Invalid value: ${say(value)}: ${why}`, value);

const checked = (isRight, path, value, why) => isRight || invalid(path, value, why);
const limited = (path, value, most) => checked(value.length <= most, path, value, `must be no more than ${most} characters`);

/** Whether a text may be the name of an object. */
export const isSubdomain = (value) => value.length <= 253 && SUBDOMAIN.test(value);

/** Checks a name of an object. */
export function checkSubdomain(value, path) {
	limited(path, value, 253);
	const why =
		"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
	checked(SUBDOMAIN.test(value), path, value, why);
}

/** Checks a name of a container, or of a namespace. */
export function checkLabel(value, path) {
	limited(path, value, 63);
	const why = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
	checked(LABEL.test(value), path, value, why);
}

/** Checks a name of a port. */
export function checkPortName(value, path) {
	limited(path, value, 15);
	checked(/^[-a-z0-9]*$/.test(value), path, value, 'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
	checked(/[a-z]/.test(value), path, value, 'must contain at least one letter (a-z)');
	checked(!value.includes('--'), path, value, 'must not contain consecutive hyphens');
	checked(!/^-|-$/.test(value), path, value, 'must not begin or end with a hyphen');
}

/** Checks labels: their keys, with or without a prefix, and their values. */
export function checkLabels(labels, path) {
	for (const [key, value] of Object.entries(labels ?? {})) {
		const [name, prefix, ...rest] = key.split('/').reverse();
		const isKey = QUALIFIED.test(name) && name.length <= 63 && !rest.length && (prefix === undefined || (SUBDOMAIN.test(prefix) && prefix.length <= 253));
		checked(isKey, path, key, "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character");
		limited(path, value, 63);
		checked(value === '' || QUALIFIED.test(value), path, value, "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'");
	}
}

/** Whether a selector of Kubernetes' chooses an object with these labels. */
export function selects({ matchLabels = {}, matchExpressions = [] }, labels) {
	const holds = ({ key, operator, values = [] }) => {
		const has = Object.hasOwn(labels, key);
		if (operator === 'In') return has && values.includes(labels[key]);
		if (operator === 'NotIn') return !has || !values.includes(labels[key]);
		return has === (operator === 'Exists');
	};
	return Object.entries(matchLabels).every(([key, value]) => labels[key] === value) && matchExpressions.every(holds);
}
