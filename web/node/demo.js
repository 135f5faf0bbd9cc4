// The cluster in a terminal: replicas behind a proxy at a real address, and their events as `kubectl get events -w` prints
// them. The component plays the images.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import manifests from '../../target/manifests.json' with { type: 'json' };
import { Kubernetes } from '../cluster/cluster.js';
import { Component, compile } from '../cluster/component.js';
import { isReady, PROBES } from '../cluster/pods.js';
import { ROUTES } from '../cluster/route.js';
import { deploymentOf, load, refuse } from './inputs.js';

const USAGE = 'make demo ARGS="[--listen 127.0.0.1:8000] [--manifest FILE] [--replicas N]"';
/** How long it takes until the proxy has heard of a change, in seconds. */
const NEWS = 1;

function parse() {
	try {
		return parseArgs({
			options: { listen: { type: 'string', default: '127.0.0.1:8000' }, manifest: { type: 'string' }, replicas: { type: 'string' }, help: { type: 'boolean' } },
		}).values;
	} catch ({ message }) {
		return refuse('make', `${message} (${USAGE})`);
	}
}
const { listen, manifest, replicas, help } = parse();
if (help) {
	console.log(USAGE);
	process.exit();
}
const address = URL.parse(`http://${listen.startsWith(':') ? '[::]' : ''}${listen}`);
if (!address || !/:\d+$/.test(listen)) refuse('make', `--listen ${listen} is not ADDRESS:PORT`);
if (replicas !== undefined && !/^\d{1,2}$/.test(replicas)) refuse('make', `--replicas ${replicas} is not a number of replicas`);

/** What runs: a Deployment of a manifest, or k8s/ as it is. */
function chosen() {
	try {
		if (manifest) return deploymentOf(load([manifest]));
		const { objects } = structuredClone(manifests);
		const [{ name: main }] = objects.find(({ kind }) => kind === 'Deployment').spec.template.spec.containers;
		return { objects, main, notes: [] };
	} catch ({ message }) {
		return refuse('make', message);
	}
}
const { objects, main, notes } = chosen();
const { spec } = objects.find(({ kind }) => kind === 'Deployment');
if (replicas) spec.replicas = Number(replicas);
// The component says there whether it is healthy, whatever is asked of the image that it plays.
for (const container of spec.template.spec.containers) {
	for (const { httpGet } of PROBES.map((kind) => container[kind] ?? {})) if (httpGet) httpGet.path = '/health';
}

const modules = await compile((name) => readFile(new URL(`../../target/component/${name}`, import.meta.url)));
const kubernetes = new Kubernetes(objects, main, (seat) => new Component(modules, seat));
await kubernetes.start().catch(({ message }) => refuse('make', message));
const route = new ROUTES.proxy(kubernetes, NEWS);

const server = createServer(async ({ method = 'GET', url = '/', headers, rawHeaders }, response) => {
	const names = rawHeaders.filter((_, index) => index % 2 === 0);
	const pairs = names.map((name, index) => /** @type {[string, string]} */ ([name.toLowerCase(), rawHeaders[2 * index + 1]]));
	try {
		const answer = await route.send({ method, target: url, authority: headers.host ?? '', headers: pairs });
		response.writeHead(answer.status, answer.headers);
		response.end(answer.body && Buffer.from(await answer.body.arrayBuffer()));
	} catch ({ message }) {
		response.writeHead(502, { 'content-type': 'text/plain' }).end(`${message}\n`);
	}
});
server.on('error', (/** @type {NodeJS.ErrnoException} */ { code }) =>
	refuse('make', `cannot listen on ${listen}: ${code === 'EADDRINUSE' ? 'it is taken; name another with ARGS="--listen …"' : code}`, 1),
);
server.listen(Number(address.port || 80), address.hostname.replace(/^\[|\]$/g, ''), () => {
	const { address, family, port } = /** @type {import('node:net').AddressInfo} */ (server.address());
	console.log(`Serving http://${family === 'IPv6' ? `[${address}]` : address}:${port}`);
	for (const note of notes) console.log(note);
});

const time = () => new Date().toLocaleTimeString('en-GB');
kubernetes.watch('events', (_, { type, reason, involvedObject: { kind, name }, message }) => {
	const cells = [time(), type, reason, `${kind.toLowerCase()}/${name}`, message];
	console.log(cells.map((cell, index) => cell.padEnd([10, 9, 19, 41][index] ?? 0)).join(''));
});
let ready;
kubernetes.onChange(() => {
	const now = [...kubernetes.pods.values()].filter(isReady).length;
	if (now !== ready) console.log(`${time()}  ${now} of ${kubernetes.deployment.spec.replicas} replicas are ready`);
	ready = now;
});

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
process.stdout.on('error', () => process.exit(0)); // Nobody reads it any more, as in `make demo | head`.
