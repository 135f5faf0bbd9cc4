// The commands behind `make demo` and `make forecast`, as a user runs them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

/** Starts a command of web/, with `input` as its standard input. */
function start(command, args, input = '') {
	const child = spawn(process.execPath, ['--experimental-wasm-jspi', '--import', './web/resolve.js', `web/${command}.js`, ...args]);
	child.stdin.end(input);
	return child;
}

/** What a command says, and its exit code. */
async function run(command, args, input) {
	const child = start(command, args, input);
	const said = { stdout: '', stderr: '' };
	for (const name of ['stdout', 'stderr']) {
		child[name].on('data', (text) => {
			said[name] += text;
		});
	}
	const [code] = await once(child, 'close');
	return { code, ...said };
}

const manifest = readFileSync('k8s/deployment.yaml', 'utf8');

test('the demo serves, prints events, heals, and ends at a signal', async (context) => {
	const demo = start('demo', ['--listen', '127.0.0.1:0', '--replicas', '2']);
	context.after(() => demo.kill('SIGKILL'));
	const lines = createInterface({ input: demo.stdout })[Symbol.asyncIterator]();
	const until = async (pattern) => {
		for (;;) {
			const { value, done } = await lines.next();
			assert.ok(!done, `no line matches ${pattern}`);
			const match = pattern.exec(value);
			if (match) return match;
		}
	};
	const [url] = await until(/http:.*/);
	await until(/Normal {3}SuccessfulCreate {3}replicaset\/spin-on-k8s-/);
	await until(/ 2 of 2 replicas are ready/);
	const ask = async (path, options = {}) => {
		for (;;) {
			const answer = await fetch(url + path, options);
			if (answer.status !== 502) return answer; // until the ingress knows
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

test('a forecast is a table, and fails if a request is lost', async () => {
	const good = await run('forecast', ['-'], manifest);
	assert.equal(good.code, 0, good.stderr);
	const rows = good.stdout.trim().split('\n');
	assert.deepEqual(
		rows.map((row) => row.split(' ', 1)[0]),
		['fault', 'fail', 'quit', 'restart', 'delete', 'flood'],
	);
	const bad = await run('forecast', ['-'], manifest.replace('seconds: 7', 'seconds: 0').replace('  replicas: 3\n', ''));
	assert.equal(bad.code, 1, bad.stderr);
	assert.match(bad.stdout, /\n[1-9]\d* requests were lost\.\n$/);
});

test('a Deployment of somebody else needs neither a Service, nor Spin’s settings, and may have a sidecar', async () => {
	const probe = '{ httpGet: { path: /health, port: web }, periodSeconds: 2 }';
	const container = `{ name: shop, image: "registry.test:5000/shop", ports: [{ name: web, containerPort: 8080 }], readinessProbe: ${probe} }`;
	const pods = `{ metadata: { labels: { app: shop } }, spec: { containers: [${container}, { name: proxy, image: proxy }] } }`;
	const theirs = `{ apiVersion: apps/v1, kind: Deployment, metadata: { name: shop, namespace: team }, spec: { replicas: 2, selector: { matchLabels: { app: shop } }, template: ${pods} } }`;
	const { code, stdout, stderr } = await run('forecast', ['-'], theirs);
	assert.equal(code, 1, stderr);
	const [, unready, replaced] = /\nfail +(\S+) s +(\S+) /.exec(stdout) ?? [];
	assert.ok(Number(unready) < 9 && replaced === '-', stdout);
	assert.match(stdout, /\nquit +\d.*\n/);
});

test('what cannot work is said in one line', async (context) => {
	const server = createServer().listen(0, '127.0.0.1');
	context.after(() => server.close());
	await once(server, 'listening');
	const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
	for (const [command, args, input, said] of /** @type {[string, string[], string, RegExp][]} */ ([
		['demo', ['--listen', `127.0.0.1:${port}`], '', /^make: cannot listen on 127\.0\.0\.1:\d+: it is taken; /],
		['demo', ['--listen', 'nowhere'], '', /^make: --listen nowhere is not ADDRESS:PORT\n$/],
		['demo', ['--replicas', '-1'], '', /^make: /],
		['demo', ['--nodes', '3'], '', /^make: Unknown option '--nodes'/],
		['demo', ['--manifest', '/nowhere.yaml'], '', /^make: \/nowhere\.yaml: ENOENT/],
		['forecast', ['k8s/ingress.yaml'], '', /^make: k8s\/ingress\.yaml: 0 Deployments, where there has to be one\n$/],
		['forecast', ['-'], `${manifest}---\n${manifest}`, /^make: -: 2 Deployments/],
		['forecast', ['-'], '\tkind: Deployment', /^make: -: .* line 1/],
		['forecast', ['-'], 'kind: Deployment', /^make: -: the Deployment has no container with an image\n$/],
		['forecast', ['-'], manifest.replace('apps/v1', 'apps/v0'), /^make: .*apps\/v0/],
		['forecast', ['-'], manifest.replace('replicas: 3', 'replicas: many'), /^make: -: replicas: many is not a whole number/],
	])) {
		const { code, stdout, stderr } = await run(command, args, input);
		assert.ok(code > 0 && stdout === '' && said.test(stderr) && stderr.split('\n').length === 2, `${args}: ${code} ${stdout} ${stderr}`);
	}
});
