// A stand-in for kubectl and a cluster in tests: webernetes behind an API server's addresses, in real time. What is called
// `kubectl` there passes on what it is told; `kubectl proxy` is a socket.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kubernetes } from '../cluster/cluster.js';
import { isReady } from '../cluster/pods.js';
import { Service } from '../cluster/route.js';
import { Program } from '../forecast/program.js';

const KUBECTL = (port) => `#!${process.execPath}
const [http, net] = [require('node:http'), require('node:net')];
const args = process.argv.slice(2);
const socket = args.find((it) => it.startsWith('--unix-socket='))?.slice('--unix-socket='.length);
if (socket) net.createServer((from) => {
	const to = net.connect(${port}, '127.0.0.1');
	for (const [one, other] of [[from, to], [to, from]]) one.on('error', () => other.destroy()).pipe(other);
}).listen(socket, () => console.log('Starting to serve on ' + socket));
else {
	let input = '';
	process.stdin.on('data', (text) => (input += text)).on('end', () => {
		const sent = http.request({ port: ${port}, host: '127.0.0.1', path: '/kubectl', method: 'POST' }, async (answer) => {
			let text = '';
			for await (const part of answer) text += part;
			const { stdout = '', stderr = '' } = JSON.parse(text);
			process.stdout.write(stdout);
			process.stderr.write(stderr);
			process.exitCode = stderr ? 1 : 0;
		});
		sent.end(JSON.stringify({ args, input, kubeconfig: process.env.KUBECONFIG, folder: process.cwd() }));
	});
}
`;

async function textOf(stream) {
	let text = '';
	for await (const part of stream) text += part;
	return text;
}

/** A program whose answers say which replica gave them. */
function named(program, name) {
	const answer = program.answer.bind(program);
	return Object.assign(program, { answer: async (request) => ({ ...(await answer(request)), name }) });
}

export class StandIn {
	folder = mkdtempSync(join(tmpdir(), 'stand-in-'));
	/** What kubectl was told, a line a command; what was applied last; and each request of users that came. @type {string[]} */
	told = [];
	applied = [];
	/** @type {string[]} */
	inputs = [];
	requests = [];
	/** What was written through the proxy: a method, what it was sent to, and what with. @type {[string, string, any][]} */
	written = [];
	/** How many more pods a budget lets users do without. */
	spare = 1;
	/** What kubectl says, by the start of what it is told. @type {Record<string, any>} */
	replies = {};
	#server = createServer((request, response) => this.#serve(request, response).catch((error) => this.#fail(response, error)));
	/** @type {any} */
	kubernetes;

	/** @param {any} settings of the programs that play the images */
	constructor(settings) {
		this.settings = settings;
	}

	/** Starts it; returns its URL, where users reach the Service. */
	async start() {
		await new Promise((resolve) => {
			this.#server.listen(0, '127.0.0.1', () => resolve(undefined));
		});
		const { port } = /** @type {import('node:net').AddressInfo} */ (this.#server.address());
		writeFileSync(join(this.folder, 'kubectl'), KUBECTL(port));
		chmodSync(join(this.folder, 'kubectl'), 0o755);
		this.url = `http://127.0.0.1:${port}`;
		return this;
	}

	async close() {
		this.#server.closeAllConnections();
		this.#server.close();
		rmSync(this.folder, { recursive: true });
		await this.kubernetes?.close();
	}

	/** As kubectl apply does. */
	async apply(objects, namespace = 'default') {
		const placed = objects.map((it) => ({ ...it, metadata: { ...it.metadata, namespace } }));
		this.applied = placed;
		const { containers } = placed.find(({ kind }) => kind === 'Deployment').spec.template.spec;
		this.kubernetes = new Kubernetes(placed, containers[0].name, (seat) => named(new Program(this.settings, seat), seat.name));
		await this.kubernetes.start();
		this.route = new Service(this.kubernetes, 0.1);
	}

	async #run({ args, input, ...rest }) {
		const told = args.filter((it) => !/^--(context|request-timeout)=/.test(it)).join(' ');
		this.told.push(args.join(' '));
		this.last = rest;
		if (input) this.inputs.push(input);
		const [, reply] = Object.entries(this.replies).find(([start]) => told.startsWith(start)) ?? [];
		if (reply !== undefined) return typeof reply === 'string' ? { stdout: reply } : reply;
		const place = args[args.indexOf('-n') + 1];
		if (told.startsWith('config')) return { stdout: 'test\n' };
		if (told.startsWith('apply')) await this.apply(JSON.parse(input).items, place);
		if (told.startsWith('scale')) await this.kubernetes.patch({ spec: { replicas: Number(/--replicas=(\d+)/.exec(told)?.[1]) } });
		if (told.startsWith('get runtimeclass')) return { stdout: '{}' };
		if (told.startsWith('get deployment')) return { stdout: this.kubernetes ? JSON.stringify(this.kubernetes.deployment) : '' };
		return {};
	}

	#fail(response, { message, cause }) {
		if (cause === 'cut') response.destroy();
		else response.writeHead(503).end(cause === 'none' ? 'no endpoints available for service' : `error trying to reach service: ${message} connection refused`);
	}

	async #serve(request, response) {
		const json = (status, object) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(object));
		if (request.url === '/kubectl') return json(200, await this.#run(JSON.parse(await textOf(request))));
		const [, kind, name, rest = ''] = /^\/apis?\/.*\/namespaces\/[^/]+\/(\w+)(?:\/([^/?]+))?(.*)$/.exec(request.url) ?? [];
		if (!kind || kind === 'services') return this.#answer(request.url.replace(/^.*\/proxy(?=\/)/, ''), response);
		if (rest.includes('watch=1')) return this.#watch(kind, response);
		if (!name)
			return json(200, { metadata: { resourceVersion: '1' }, items: kind === 'pods' ? [...this.kubernetes.pods.values()] : [this.kubernetes.deployment] });
		const [podName] = name.split(':');
		const text = await textOf(request);
		if (request.method !== 'GET') this.written.push([request.method, `${kind}${rest}`, text && JSON.parse(text)]);
		const pod = this.kubernetes.pods.get(podName);
		if (kind === 'deployments') await this.kubernetes.patch(JSON.parse(text));
		else if (!pod) return json(404, { message: `pods "${name}" not found` });
		else if (rest.startsWith('/proxy')) return this.#tell(pod, rest.slice('/proxy'.length), response);
		else if (rest === '/eviction' && !this.#maySpare()) return json(429, { message: "Cannot evict pod as it would violate the pod's disruption budget." });
		else await this.kubernetes.delete(pod);
		return json(200, kind === 'deployments' ? this.kubernetes.deployment : {});
	}

	get #ready() {
		return [...this.kubernetes.pods.values()].filter(isReady).length;
	}
	get isReady() {
		return this.#ready === this.kubernetes.deployment.spec.replicas;
	}
	#maySpare() {
		return this.#ready > this.kubernetes.deployment.spec.replicas - this.spare;
	}

	/** Streams changes as an API server does, which has enough of it sooner or later. */
	#watch(kind, response) {
		response.writeHead(200);
		const types = { add: 'ADDED', update: 'MODIFIED', delete: 'DELETED' };
		let left = 20;
		this.kubernetes.watch(kind, (type, object) => {
			if (left-- > 0) response.write(`${JSON.stringify({ type: types[type], object })}\n`);
			else response.end();
		});
	}

	/** Has a replica answer a user. */
	async #answer(target, response) {
		this.requests.push({ target, at: Date.now() });
		if (target === '/broken') return response.writeHead(500).end();
		this.#reply(await this.route.send({ method: 'GET', target, authority: '', headers: [] }), target, response);
	}
	#reply(/** @type {any} */ { status, name }, target, response) {
		const body = target.startsWith('/parity') ? 'odd' : JSON.stringify({ time: 'now' });
		response.writeHead(status, { 'x-replica': name }).end(status === 200 ? body : '');
	}

	/** Has one replica answer, fail or quit. */
	async #tell(pod, target, response) {
		const program = this.kubernetes.replicaOf(pod);
		if (target === '/fail') program.break();
		if (target === '/quit') program.quit();
		if (['/fail', '/quit'].includes(target)) return response.writeHead(target === '/quit' ? 202 : 200).end();
		this.#reply(await program.answer({ target }), target, response);
	}
}
