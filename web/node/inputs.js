// What the commands read: files, folders and standard input, which are one manifest.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inOneLine, read } from '../forecast/manifest.js';
import { parse } from '../forecast/parse.js';

/** What is read of a folder. */
const MANIFEST = /\.(ya?ml|json)$/;

const REASONS = { ENOENT: 'there is no such file or folder', EACCES: 'it may not be read' };

/** What `act` makes of a path. Throws what is wrong, after the path, if there is one. */
function at(path, act) {
	try {
		return act();
	} catch (error) {
		const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
		throw new Error(`${path && `${path}: `}${code ? (REASONS[code] ?? `it cannot be read (${code})`) : message}`);
	}
}

/** The files that a path stands for: a folder, for those directly in it. */
function filesOf(path) {
	if (path === '-' || !statSync(path).isDirectory()) return [path];
	const files = readdirSync(path, { withFileTypes: true }).filter((it) => MANIFEST.test(it.name) && !it.isDirectory());
	if (!files.length) throw new Error('there is no *.yaml, *.yml or *.json in this folder');
	return files.map(({ name }) => join(path, name)).sort();
}

/**
 * All objects of some files, folders, or standard input, which is `-`. Throws in one line what is wrong with one of them.
 * @param {string[]} paths
 */
export function load(paths) {
	const files = paths.flatMap((path) => at(path, () => filesOf(path)));
	const manifests = files.map((file) => at(file, () => inOneLine(() => parse(readFileSync(file === '-' ? 0 : file)))));
	return { paths, text: manifests.map(({ text }) => text).join('\n---\n'), objects: manifests.flatMap(({ objects }) => objects) };
}

/**
 * A Deployment among what was loaded: by default, the first that runs pods. Throws in one line what is wrong with it.
 * @param {ReturnType<typeof load>} all
 * @param {string} [name]
 * @param {string} [label] what it is, where there are several
 */
export const deploymentOf = (all, name = undefined, label = '') => at(all.paths.join(', '), () => at(label, () => read(all, name)));

/** A text for a terminal: what moves its cursor, or more, is replaced. */
export const printable = (text) => text.replace(/[^\P{Cc}\n\t]|[\p{Cf}\u2028\u2029]/gu, (it) => `\\u${it.codePointAt(0)?.toString(16).padStart(4, '0')}`);

/** Ends a process with one line on standard error. @returns {never} */
export function refuse(command, message, code = 2) {
	console.error(`${command}: ${printable(String(message).split('\n', 1)[0])}`);
	process.exit(code);
}
