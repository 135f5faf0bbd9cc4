// What is behind `make demo`, as a user runs it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

const JSPI = ['--experimental-wasm-jspi'];

const start = (args, flags = JSPI) => spawn(process.execPath, [...flags, '--import', './web/node/resolve.js', 'web/node/demo.js', ...args]);

/** The lines that a process prints; returns what waits for one that matches. */
function linesOf(child) {
	const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
	return async (pattern) => {
		for (;;) {
			const { value, done } = await lines.next();
			assert.ok(!done, `no line matches ${pattern}`);
			const match = pattern.exec(value);
			if (match) return match;
		}
	};
}

test('the demo serves, prints events, heals, and ends at a signal', async (context) => {
	const demo = start(['--listen', '127.0.0.1:0', '--replicas', '2']);
	context.after(() => demo.kill('SIGKILL'));
	const until = linesOf(demo);
	const [url] = await until(/http:.*/);
	await until(/Normal {3}SuccessfulCreate {3}replicaset\/spin-on-k8s-/);
	await until(/ 2 of 2 replicas are ready/);
	const ask = async (path, options = {}) => {
		for (;;) {
			const answer = await fetch(url + path, options);
			if (answer.status !== 502) return answer; // until the proxy knows
		}
	};
	assert.equal(await (await ask('/parity?int=7')).text(), 'odd');
	assert.equal((await fetch(`${url}/`, { headers: { accept: 'text/html' } })).headers.get('content-encoding'), 'gzip');
	const { status, headers } = await ask('/quit', { method: 'POST' });
	assert.equal(status, 202);
	await until(/ 1 of 2 replicas are ready/);
	await until(new RegExp(`Started +pod/${headers.get('x-replica')}`));
	await until(/ 2 of 2 replicas are ready/);
	demo.kill('SIGTERM');
	assert.deepEqual(await once(demo, 'exit'), [0, null]);
});

test('where nothing can be suspended, all but /wait works', async (context) => {
	const demo = start(['--listen', '127.0.0.1:0', '--replicas', '1'], []);
	context.after(() => demo.kill('SIGKILL'));
	const [url] = await linesOf(demo)(/http:.*/);
	const ask = async (path) => {
		for (;;) {
			const answer = await fetch(`${url}/${path}`);
			if (answer.status !== 502) return [answer.status, await answer.text()];
		}
	};
	assert.deepEqual(await ask('parity?int=7'), [200, 'odd']);
	assert.deepEqual(await ask('wait'), [500, '']);
	assert.deepEqual(await ask('health'), [200, 'OK']);
});

test('another Deployment runs, and what is noted of it is said', async (context) => {
	const demo = start(['--listen', '127.0.0.1:0', '--manifest', 'web/samples/good.yaml', '--replicas', '2']);
	context.after(() => demo.kill('SIGKILL'));
	const until = linesOf(demo);
	await until(/^Not modelled: resources\.$/);
	await until(/ 2 of 2 replicas are ready/);
});

test('what cannot work is said in one line', async (context) => {
	const server = createServer().listen(0, '127.0.0.1');
	context.after(() => server.close());
	await once(server, 'listening');
	const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
	for (const [args, said] of /** @type {[string[], RegExp][]} */ ([
		[['--listen', `127.0.0.1:${port}`], /^make: cannot listen on 127\.0\.0\.1:\d+: it is taken; .*\n$/],
		[['--listen', 'nowhere'], /^make: --listen nowhere is not ADDRESS:PORT\n$/],
		[['--replicas', '-1'], /^make: .*\n$/],
		[['--nodes', '3'], /^make: Unknown option '--nodes'.*\n$/],
		[['--manifest', '/nowhere.yaml'], /^make: \/nowhere\.yaml: there is no such file or folder\n$/],
		[['--manifest', 'k8s/ingress.yaml'], /^make: k8s\/ingress\.yaml: it contains no Deployment, only Ingress\n$/],
	])) {
		const demo = start(args);
		const [stdout, stderr, [code]] = await Promise.all([text(demo.stdout), text(demo.stderr), once(demo, 'close')]);
		assert.ok(code > 0 && stdout === '', `${args}: ${code} ${stdout}`);
		assert.match(stderr, said);
	}
});
