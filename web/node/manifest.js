// How the commands read manifests, and refuse what makes no sense.

import { readFileSync } from 'node:fs';
import { read } from '../forecast/manifest.js';

/**
 * A Deployment of a manifest. Refuses what is wrong with it.
 * @param {string} path a file; `-` is standard input
 * @param {string} [name] of the Deployment: by default, the first that has replicas
 */
export function load(path, name = undefined) {
	if (!path) refuse('which manifest?');
	try {
		return read(readFileSync(path === '-' ? 0 : path), name);
	} catch ({ message }) {
		return refuse(`${path}: ${message}`);
	}
}

/** Ends the process with one line on standard error. @returns {never} */
export function refuse(message, code = 2) {
	console.error(`make: ${String(message).split('\n', 1)[0]}`);
	process.exit(code);
}
