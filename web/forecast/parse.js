// From a text, as people paste it, to the objects that it holds.

import { parseDocument, visit } from 'yaml';

/** The longest manifest, in bytes. */
const LONGEST = 10_000_000;
/** The most that aliases may stand for, in places. */
const MOST = 10_000;

/**
 * As kubectl reads YAML: version 1.1, in which `yes` is true, but no times and no sets. A key that is a collection, as an
 * unrendered template leaves it, becomes a text without a warning on the console.
 * @type {import('yaml').ParseOptions & import('yaml').DocumentOptions & import('yaml').SchemaOptions}
 */
const AS_KUBECTL = {
	version: '1.1',
	uniqueKeys: false, // checked below, since the parser takes long for it: it compares each key with each other
	logLevel: 'error',
	customTags: (tags) => tags.filter((it) => typeof it === 'string' || (it.format !== 'TIME' && !/(timestamp|set|omap|pairs|binary)$/.test(it.tag))),
};

const TEMPLATE = 'a template that was not rendered (helm template renders a chart)';
/** Kinds that change nothing that is forecast. They are not even parsed, as some are large and some are secret. */
export const IGNORED =
	/^(ConfigMap|Secret|SealedSecret|ExternalSecret|ServiceAccount|(Cluster)?Role(Binding)?|Namespace|CustomResourceDefinition|ServiceMonitor|PodMonitor|PrometheusRule|IngressClass|Gateway|Certificate|(Cluster)?Issuer)$/;
/** A key that was `{{ … }}`. */
const IN_BRACES = /^\{.*\}$/s;
/** What Helm, GitHub, Jinja or ERB would replace. */
const TEMPLATED = /\{\{|\{%|<%/;

/** Control characters, and those that reorder or break a line: JSON leaves most of them as they are. */
const UNSAFE = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A text in quotes of JSON or YAML, with those escaped as well. */
export const escaped = (text) => text.replace(UNSAFE, (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A value of a manifest in a message: in one line, on any terminal, and not too long. */
export function say(value) {
	if (typeof value === 'number') return String(value);
	const text = escaped(JSON.stringify(typeof value === 'string' ? value.slice(0, 100) : value) ?? 'nothing');
	return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** What is wrong with a manifest: `what` it is, at a `path`; or that it is a template. @returns {never} */
export function refuse(path, what, value = undefined) {
	const isTemplate = typeof value === 'string' ? TEMPLATED.test(value) : Object.keys(value ?? {}).some((key) => IN_BRACES.test(key));
	throw new Error(`${path ? `${path}: ` : ''}${isTemplate ? TEMPLATE : what}`);
}

/** The text in bytes: UTF-8, or what a byte order mark says. */
function decode(bytes) {
	const [first, second] = bytes;
	const encoding = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
	try {
		return new TextDecoder(encoding, { fatal: true }).decode(bytes);
	} catch {
		return refuse('', `this is not valid ${encoding.toUpperCase()} text`);
	}
}

/** What a shell has before a command. */
const PROMPT = /^\s*(\$|❯|[\w.-]{1,60}@\S{1,80}[$#%]|PS \S{0,80}>)(\s|$)/;

/** Some lines without shell prompts and the ends of a here document, which become empty. */
function withoutShell(lines) {
	const [, end] = /<<-? ?["']?(\w+)/.exec(lines.find((line) => line.trim()) ?? '') ?? [];
	return lines.map((line) => (PROMPT.test(line) || (end && (line.trim() === end || line.includes('<<'))) ? '' : line));
}

/** What is inside code fences, if some lines have them around a manifest. Each becomes a document. */
function withoutFences(lines) {
	const first = lines.findIndex((line) => /^\s*(```|~~~)/.test(line));
	if (first < 0 || lines.slice(0, first).some((line) => /^\W*(apiVersion|kind)\W/.test(line))) return lines;
	const [fence, indent] = /^(\s*)(?:```|~~~)/.exec(lines[first]) ?? ['', ''];
	let isInside = false;
	return lines.map((line) => {
		if (!line.startsWith(fence)) return isInside ? line : '';
		isInside = !isInside;
		return isInside ? `${indent}---` : '';
	});
}

/**
 * The lines of a text without what surrounds a manifest where it was copied: shell prompts, code fences, and an
 * indentation of all lines. They keep their numbers.
 */
function unwrapped(text) {
	const lines = withoutFences(withoutShell(text.replace(/^\uFEFF/, '').split(/\r?\n/)));
	const indents = lines.filter((line) => line.trim()).map((line) => line.length - line.trimStart().length);
	const indent = indents.reduce((least, it) => Math.min(least, it), Infinity);
	return indent > 0 && indent < Infinity ? lines.map((line) => line.slice(indent)) : lines;
}

/** The documents among some lines, each with the number of its first line. */
function documentsOf(lines) {
	const starts = [0, ...lines.flatMap((line, index) => (/^(---|\.\.\.)(\s|$)/.test(line) ? [index] : []))];
	return starts.map((start, index) => ({ start, text: lines.slice(start, starts[index + 1]).join('\n') }));
}

/** What one document holds. Throws what is wrong with it, and on which line. */
function contentOf({ text, start }) {
	const [, kind] = /^kind: *["']?(\w+)["']? *$/m.exec(text) ?? [];
	if (kind && IGNORED.test(kind)) return { kind };
	if (text.split('\n').every((line) => /^\s*($|#|%|---\s*(#|$)|\.\.\.)/.test(line))) return undefined;
	const lineAt = (offset) => text.slice(0, offset).split('\n').length;
	const document = parseDocument(text.replace(/^\.\.\.(?=\s|$)/, '   '), AS_KUBECTL);
	const [error] = document.errors;
	if (error) {
		const template = text.search(TEMPLATED);
		const line = start + lineAt(template < 0 ? error.pos[0] : template);
		if (/call stack/.test(error.message)) throw new RangeError();
		refuse(`line ${line}`, template < 0 ? error.message.split(/ at line |[:,]?\n/, 1)[0] : TEMPLATE);
	}
	visit(document, {
		Map(_, { items }) {
			const keys = new Set();
			for (const { key } of items) {
				const name = String(key);
				if (keys.has(name) && name !== '<<') refuse(`line ${start + lineAt(/** @type {any} */ (key).range[0])}`, `the key ${say(name)} is there twice`);
				keys.add(name);
			}
		},
	});
	return cleaned(document.toJS({ maxAliasCount: MOST }));
}

/** A value without what Kubernetes takes for nothing: nulls, in objects and lists. */
function cleaned(value) {
	if (Array.isArray(value)) return value.map(cleaned).filter((it) => it != null);
	if (value === null || typeof value !== 'object') return value;
	// A key in braces is all that an unrendered template leaves.
	const entries = Object.entries(value).filter(([key, it]) => it != null || IN_BRACES.test(key));
	if (entries.some(([key]) => key === '__proto__')) refuse('', 'a key is called __proto__');
	return Object.fromEntries(entries.map(([key, it]) => [key, cleaned(it)]));
}

/** The value of a text that is JSON as a whole, which needs no parser of YAML. */
function jsonOf(text) {
	if (!/^\s*[[{]/.test(text)) return undefined;
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/**
 * The text of a manifest, and all objects in it. Throws what is wrong with it, and where.
 * @param {string | Uint8Array} manifest YAML or JSON
 */
export function parse(manifest) {
	if (manifest.length > LONGEST) refuse('', `this is longer than ${LONGEST / 1e6} MB`);
	const text = typeof manifest === 'string' ? manifest : decode(manifest);
	if (text.includes('\0')) refuse('', 'this is not text');
	const json = jsonOf(text);
	const values = json === undefined ? documentsOf(unwrapped(text)).map(contentOf) : [cleaned(json)];
	const flat = (value) => (Array.isArray(value?.items) ? value.items.flatMap(flat) : [value]);
	return { text, objects: values.flatMap(flat).filter((value) => value !== null && typeof value === 'object' && !Array.isArray(value)) };
}
