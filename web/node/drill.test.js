// The drill, as an operator runs it: kubectl and the cluster are a stand-in, the requests are real.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { parse } from '../forecast/parse.js';
import { settingsOf } from '../forecast/questions.js';
import { StandIn } from './stand-in.js';

const DRILL = new URL('drill.js', import.meta.url).pathname;

const WEB = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: main
          image: web:1
          ports: [{ containerPort: 80 }]
          readinessProbe: { httpGet: { path: /, port: 80 }, periodSeconds: 1 }
          lifecycle: { preStop: { sleep: { seconds: 2 } } }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }`;

/** Whatever hangs is a failure. */
const LIMIT = { timeout: 180_000 };

/** A cluster, with Deployments of somebody's. */
async function standIn(context, manifest = '') {
	const cluster = await new StandIn(settingsOf({ start: '0.2', answer: '0.2' })).start();
	context.after(() => cluster.close());
	if (!manifest) return cluster;
	await cluster.apply(parse(manifest).objects);
	while (!(await fetch(cluster.url)).ok || !cluster.isReady);
	cluster.requests.length = 0;
	return cluster;
}

/** Starts a drill. */
function start(cluster, env, args = [], cwd = process.cwd()) {
	const child = spawn(process.execPath, [DRILL, ...args], { cwd, env: { PATH: cluster.folder, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
	const said = { stdout: '', stderr: '' };
	for (const name of ['stdout', 'stderr'])
		child[name].on('data', (text) => {
			said[name] += text;
		});
	const ended = once(child, 'close').then(([code]) => ({ code, ...said }));
	/** Waits until it says something. */
	const until = async (pattern) => {
		const over = ended.then((end) => assert.fail(JSON.stringify(end)));
		over.catch(() => {}); // It ends, sooner or later.
		while (!pattern.test(said.stdout)) await Promise.race([once(child.stdout, 'data'), over]);
	};
	return { child, ended, until };
}

test('an own Deployment is restarted, deleted, evicted and scaled beside its forecast, and left as it was', LIMIT, async (context) => {
	const cluster = await standIn(context, WEB);
	const env = { DEPLOYMENT: 'web', BASE_URL: `${cluster.url}/`, GET: '/wait', RATE: '20', YES: '1', FORECAST: '1' };
	const begun = performance.now();
	const { code, stdout, stderr } = await start(cluster, env, ['restart', 'delete', 'evict', 'scale', '--answer', '0.2']).ended;
	const seconds = (performance.now() - begun) / 1000;
	assert.deepEqual([code, stderr], [0, ''], stdout);
	const [measured, both] = stdout
		.split('\n\n')
		.slice(1)
		.map((table) => table.split('\n').map((line) => line.trim().split(/ {2,}/)));
	const labels = ['A rollout', 'A deleted pod', 'Eviction', 'Scaling to 2', 'Scaling to 3'];
	assert.deepEqual(
		measured.slice(1).map(([label]) => label),
		labels,
	);
	for (const [label, , , ready, sent, ...counts] of measured.slice(1)) {
		assert.match(ready, /^\d+\.\d s$/, label);
		assert.ok(Number(sent) > 20 && counts.every((count) => count === '0'), `${label}: ${sent} ${counts}`);
	}
	assert.match(both[2].join(' '), /^A rollout( \d+\.\d s){3} 0 of \d+( \d+\.\d s){3} 0 of \d+$/);
	assert.ok(cluster.requests.every(({ target }) => target === '/wait'));
	assert.ok(cluster.requests.length < 20 * seconds, `${cluster.requests.length} requests in ${seconds} s`);
	const [restart, , , ...scaled] = cluster.written;
	assert.deepEqual(Object.keys(restart[2].spec.template.metadata.annotations), ['kubectl.kubernetes.io/restartedAt']);
	assert.deepEqual(
		cluster.written.map(([method, path]) => `${method} ${path}`),
		['PATCH deployments', 'DELETE pods', 'POST pods/eviction', 'PATCH deployments', 'PATCH deployments'],
	);
	assert.deepEqual(
		scaled.map(([, , body]) => body),
		[{ spec: { replicas: 2 } }, { spec: { replicas: 3 } }],
	);
});

test('a drill that is interrupted puts replicas back', LIMIT, async (context) => {
	const cluster = await standIn(context, WEB);
	const { child, ended, until } = start(cluster, { DEPLOYMENT: 'web', BASE_URL: cluster.url, YES: '1' }, ['scale']);
	await until(/Scaling to 2\n.*Terminating/);
	child.kill('SIGINT');
	const { code, stdout, stderr } = await ended;
	assert.deepEqual([code, stderr], [130, 'drill: interrupted\n'], stdout);
	assert.equal(cluster.told.at(-1), '--context=test scale deployment/web --replicas=3 -n default');
	assert.equal(cluster.kubernetes.deployment.spec.replicas, 3);
});

test('k8s/ heals in a namespace of its own, which is removed', LIMIT, async (context) => {
	const cluster = await standIn(context);
	const { code, stdout, stderr } = await start(cluster, {}, ['quit', 'evict', '--answer', '0.2']).ended;
	assert.deepEqual([code, stderr], [0, ''], stdout);
	assert.match(stdout, /\nA replica that exits( +\d+\.\d s){3} +\d+ +0 +0 +\d+ +0 +1\nEviction( +\d+\.\d s){3} +\d+ +0 +0 +0 +0 +0\n/);
	assert.match(stdout, /\nRequests went through the API server's service proxy\.\n/);
	assert.match(stdout, /\nThe disruption budget refused [1-9]\d* evictions\. The fewest replicas that were ready at once: 2\.\n/);
	const [, namespace] = /namespace (spin-on-k8s-drill-\d+-\d+), /.exec(stdout) ?? [];
	assert.ok(cluster.applied.every(({ kind, metadata }) => kind !== 'Ingress' && metadata.namespace === namespace));
	const removal = `delete namespace -l app.kubernetes.io/managed-by=spin-on-k8s-drill --field-selector metadata.name=${namespace} --timeout=120s`;
	assert.equal(cluster.told.at(-1), `--context=test ${removal}`);
});

test('the namespace is removed when a drill is interrupted, unless it is to be kept', LIMIT, async (context) => {
	for (const [env, last] of /** @type {const} */ ([
		[{}, /^--context=test delete namespace /],
		[{ KEEP: '1' }, /^--context=test get deployment /],
	])) {
		const cluster = await standIn(context);
		const { child, ended, until } = start(cluster, env);
		await until(/restarts {2}status\n/);
		child.kill('SIGTERM');
		const { code, stdout } = await ended;
		assert.equal(code, 143, stdout);
		assert.match(cluster.told.at(-1) ?? '', last);
	}
});

test('an ingress gets the host, the class and the certificate of BASE_URL', LIMIT, async (context) => {
	const cluster = await standIn(context);
	cluster.replies = { apply: { stderr: 'the ingress is refused\n' } };
	for (const [BASE_URL, INGRESS_CLASS, expected] of /** @type {[string, string, any][]} */ ([
		['http://host/', '', { host: 'host' }],
		['https://me:pw@Lab.Example:8443/', '', { host: 'lab.example', tls: [{}] }],
		['http://192.0.2.1:8000', 'nginx', { ingressClassName: 'nginx' }],
		['http://[2001:db8::1]:8000', '', {}],
	])) {
		cluster.told.length = 0;
		const { code, stderr } = await start(cluster, { BASE_URL, INGRESS_CLASS, IMAGE: 'me/api:2' }).ended;
		assert.equal(code, 1);
		assert.match(stderr, /^drill: the ingress is refused \(if another ingress has .*\)\n$/);
		const { items } = JSON.parse(cluster.inputs.at(-1) ?? '');
		const { rules, tls, ingressClassName } = items.find(({ kind }) => kind === 'Ingress').spec;
		assert.deepEqual(JSON.parse(JSON.stringify({ host: rules[0].host, tls, ingressClassName })), expected);
		assert.equal(items.find(({ kind }) => kind === 'Deployment').spec.template.spec.containers[0].image, 'me/api:2');
		assert.match(cluster.told.at(-1) ?? '', /delete namespace/);
	}
});

test('KUBECONFIG may be relative to the folder of the caller', LIMIT, async (context) => {
	const cluster = await standIn(context);
	cluster.replies = { 'get --raw': { stderr: 'connection refused\n' } };
	const child = spawn(new URL('../../scripts/drill', import.meta.url).pathname, [], {
		cwd: cluster.folder,
		env: { ...process.env, PATH: `${cluster.folder}:${process.env.PATH}`, KUBECONFIG: 'mine' },
	});
	assert.deepEqual(await once(child, 'close'), [2, null]);
	assert.deepEqual([cluster.last.folder, cluster.last.kubeconfig], [cluster.folder, 'mine']);
});

test('whatever cannot be drilled is refused in one line, and nothing is touched', LIMIT, async (context) => {
	const cluster = await standIn(context, WEB);
	const own = { DEPLOYMENT: 'web', BASE_URL: cluster.url, YES: '1' };
	const namespace = (labels, metadata = {}) => JSON.stringify({ metadata: { labels, ...metadata } });
	const made = { 'app.kubernetes.io/managed-by': 'spin-on-k8s-drill' };
	const scaler = {
		kind: 'HorizontalPodAutoscaler',
		metadata: { name: 'web' },
		spec: { maxReplicas: 9, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } },
	};
	for (const [env, args, replies, said] of /** @type {[any, string[], any, RegExp][]} */ ([
		[{ PATH: '/nowhere' }, [], {}, /^this needs kubectl$/],
		[{}, [], { 'get --raw': { stderr: 'a\nconnection refused\n' } }, /^no cluster answers in the context 'test': connection refused$/],
		[
			{},
			[],
			{ 'get --raw': { stderr: 'refused\n' }, config: { stderr: 'error: current-context is not set' } },
			/^no cluster answers in the context '': refused$/,
		],
		[{}, ['--forcast'], {}, /^Unknown option '--forcast'/],
		[{}, ['--term', 'waits'], {}, /^term: waits is not one of /],
		[{}, ['drain'], {}, /^drain is not one of control, fail, quit, restart, delete, evict, scale, flood$/],
		[{ BASE_URL: 'host' }, [], {}, /^BASE_URL is not an http:\/\/ or https:\/\/ URL: 'host'$/],
		[{ NAMESPACE: 'Mine' }, [], {}, /^'Mine' cannot be the name of a namespace$/],
		[{}, [], { 'get runtimeclass': '' }, /^without the RuntimeClass wasmtime-spin-v2 no node can run it: /],
		[{ NAMESPACE: 'mine' }, [], { 'get namespace': namespace({}) }, /^the namespace mine was not made by a drill; choose another, or none$/],
		[{ NAMESPACE: 'mine' }, [], { 'get namespace': namespace(made, { deletionTimestamp: 'now' }) }, /^the namespace mine is being removed$/],
		[{ NAMESPACE: 'mine' }, [], { 'get namespace': { stderr: 'forbidden\n' } }, /^cannot tell whose namespace mine is$/],
		[{}, [], { auth: { stderr: 'no\n' } }, /^a drill creates its own namespace, but you are not allowed to create namespaces in the context 'test'$/],
		[{ DEPLOYMENT: 'web' }, [], {}, /^a drill of your own Deployment needs BASE_URL, where users reach it$/],
		[{ ...own, DEPLOYMENT: 'deployment/web' }, [], {}, /^'deployment\/web' cannot be the name of a Deployment$/],
		[{ ...own, RATE: '0' }, [], {}, /^RATE is not a number of requests a second, up to 1000: '0'$/],
		[{ ...own, GET: 'health' }, [], {}, /^GET is not a path: 'health'$/],
		[{ ...own, NAMESPACE: 'shop' }, [], { 'get deployment': '' }, /^there is no Deployment web in the namespace shop$/],
		[own, [], { 'get deployment': { stderr: 'Error from server (Forbidden): no\n' } }, /^Error from server \(Forbidden\): no$/],
		[{ ...own, BASE_URL: 'http://127.0.0.1:1' }, [], {}, /^nothing answers at http:\/\/127\.0\.0\.1:1\/ \(ECONNREFUSED\)$/],
		[{ ...own, GET: '/broken' }, [], {}, /^http:\/\/127\.0\.0\.1:\d+\/broken answers 500$/],
		[own, ['fail'], {}, /^fail is not one of control, restart, delete, evict, scale$/],
		[own, ['scale'], { 'get horizontal': JSON.stringify({ items: [scaler] }) }, /^scale is not one of control, restart, delete, evict$/],
		[own, ['scale'], { 'get horizontal': { stderr: 'forbidden\n' } }, /^scale is not one of control, restart, delete, evict$/],
		[{ ...own, YES: '' }, [], {}, /^there is no terminal to ask on; YES=1 means yes$/],
	])) {
		cluster.told.length = 0;
		cluster.replies = replies;
		const { code, stderr } = await start(cluster, env, args).ended;
		assert.equal(code, 2, stderr);
		assert.match(stderr, /^drill: .*\n$/);
		assert.match(stderr.slice('drill: '.length, -1), said);
		const touched = cluster.told.filter((told) => !/(^| )(get|auth) |^config/.test(told));
		assert.deepEqual([touched, cluster.written], [[], []], String(said));
	}
});
