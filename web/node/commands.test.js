// The commands behind `make demo` and `make forecast`, as a user runs them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

/** Starts a command of web/, with `input` as its standard input. */
function start(command, args, input = '', flags = ['--experimental-wasm-jspi']) {
	const child = spawn(process.execPath, [...flags, '--import', './web/node/resolve.js', `web/node/${command}.js`, ...args]);
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

test('where nothing can be suspended, all but /wait works', async (context) => {
	const demo = start('demo', ['--listen', '127.0.0.1:0', '--replicas', '1'], '', []);
	context.after(() => demo.kill('SIGKILL'));
	const [line] = await once(createInterface({ input: demo.stdout }), 'line');
	const [url] = /http:.*/.exec(line) ?? [];
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

test('a forecast is a table and what to change, and fails if a request is lost', async () => {
	const manifest = readFileSync('web/samples/single.yaml', 'utf8');
	const { code, stdout, stderr } = await run('forecast', ['-', '--answer', '0.2', '--term', 'finishes'], manifest);
	assert.equal(code, 1, stderr);
	assert.deepEqual(Array.from(stdout.matchAll(/^A \w+/gm), String), ['A rollout', 'A rollout', 'A replica', 'A replica', 'A rollout', 'A burst', 'A deleted']);
	assert.match(stdout, /\n- .*Set replicas: 2\. Tried: /);
	assert.match(stdout, /\nkubectl --namespace default patch deployment wiki --patch '\nspec:\n {2}replicas: 2'\n$/);
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
		['forecast', ['k8s/ingress.yaml'], '', /^make: k8s\/ingress\.yaml: it contains no Deployment, only Ingress\n$/],
		['forecast', ['-'], 'kind: Deployment', /^make: -: apiVersion/],
		['forecast', ['-', '--name', 'other'], manifest, /^make: -: there is no Deployment called "other"; found: spin-on-k8s\n$/],
		['forecast', ['-', '--start', 'soon'], manifest, /^make: start: soon is not a number from 0 to 600 \(make forecast/],
		['forecast', ['-', '--term', 'waits'], manifest, /^make: term: waits is none of cuts, finishes, ignores \(/],
		['forecast', ['-'], manifest.replace('name: spin-on-k8s\n', 'name: Spin_on\n'), /^make: -: metadata\.name: "Spin_on"/],
	])) {
		const { code, stdout, stderr } = await run(command, args, input);
		assert.ok(code > 0 && stdout === '' && said.test(stderr) && stderr.split('\n').length === 2, `${args}: ${code} ${stdout} ${stderr}`);
	}
});
