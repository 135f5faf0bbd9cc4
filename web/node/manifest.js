// What the commands that run in Node share: where the component is, and how manifests are read.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { read } from '../forecast/manifest.js';
import { compile } from '../cluster/component.js';

/** A file of this repository. */
const root = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

let modules;
/** The component's modules, compiled once. */
export function component() {
	modules ??= compile(async (name) => readFileSync(root(`target/component/${name}`)));
	return modules;
}

/**
 * The first Deployment of a manifest, or the one that is named; `-` is standard input. Throws what is wrong with it.
 * @param {string} path
 * @param {string} [name]
 */
export function loadDeployment(path = root('k8s/deployment.yaml'), name = undefined) {
	return read(readFileSync(path === '-' ? 0 : path), name);
}

/** Ends the process with one line on standard error. @returns {never} */
export function refuse(message, code = 2) {
	console.error(`make: ${String(message).split('\n', 1)[0]}`);
	process.exit(code);
}
