// What the commands that run in Node share: where the component is, and how manifests are read.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { compile } from './replica.js';

/** More replicas than this take too long to simulate. */
const MOST = 100;

/** A file of this repository. */
const root = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

let modules;
/** The component's modules, compiled once. */
export function component() {
	modules ??= compile(async (name) => readFileSync(root(`target/component/${name}`)));
	return modules;
}

/**
 * The objects of a manifest; `-` is standard input. Throws what is wrong with it.
 * @param {string} path
 */
function load(path) {
	const documents = parseAllDocuments(readFileSync(path === '-' ? 0 : path, 'utf8'));
	return Array.from(documents).flatMap((document) => {
		const [error] = document.errors;
		if (error) throw new Error(error.message.split('\n', 1)[0]);
		return document.toJS() ?? [];
	});
}

/**
 * The objects of a manifest, among them one Deployment that a cluster would take, and a Service of its pods.
 * @param {string} path
 */
export function loadDeployment(path = root('k8s/deployment.yaml')) {
	const objects = load(path).filter((object) => object?.kind);
	const deployments = objects.filter(({ kind }) => kind === 'Deployment');
	if (deployments.length !== 1) throw new Error(`${deployments.length} Deployments, where there has to be one`);
	const [{ metadata, spec: { replicas = 1, template = {} } = {} }] = deployments;
	if (!(Number.isInteger(replicas) && replicas >= 0 && replicas <= MOST)) throw new Error(`replicas: ${replicas} is not a whole number from 0 to ${MOST}`);
	if (!template.spec?.containers?.[0]?.image) throw new Error('the Deployment has no container with an image');
	if (objects.some(({ kind }) => kind === 'Service')) return objects;
	const { name, namespace } = metadata ?? {};
	return [
		...objects,
		{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { selector: template.metadata?.labels, ports: [{ port: 80 }] } },
	];
}

/** Ends the process with one line on standard error. @returns {never} */
export function refuse(message, code = 2) {
	console.error(`make: ${String(message).split('\n', 1)[0]}`);
	process.exit(code);
}
