// What is printed for a shell is what kubectl gets, and what kubectl makes of it is what is forecast.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';
import { commandOf, flow, merge } from './patch.js';

const folder = mkdtempSync(join(tmpdir(), 'kubectl-'));
after(() => rmSync(folder, { recursive: true }));
const recorder = join(folder, 'kubectl');
writeFileSync(recorder, `#!${process.execPath}\nconsole.log(JSON.stringify(process.argv.slice(2)));\n`);
chmodSync(recorder, 0o755);

/** What a shell hands to kubectl. */
function argumentsOf(command) {
	const { stdout, stderr } = spawnSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8', env: { PATH: `${folder}:${process.env.PATH}` } });
	assert.equal(stderr, '');
	return JSON.parse(stdout);
}

const HOSTILE = [
	"web'; touch pwned; '",
	'$(touch pwned)',
	'`touch pwned`',
	'"; touch pwned; "',
	'a\nb: c\n- d',
	'\u001b[31m\u009b2J\u202e\u2028\u0085',
	"\\'",
	'!!binary x',
	'*a',
	'&a b',
	'{{ x }}',
	'# x',
	': ',
	'-',
	'',
	'yes',
	'null',
	'~',
	'0o14',
	'1:20',
	'012',
	'1e3',
	'.inf',
	'=',
	'%TAG',
	'é 日本 🚢',
];

test('a shell hands a patch to kubectl as it is, whatever it holds', () => {
	const shared = { seconds: 7 };
	for (const text of HOSTILE) {
		const patch = {
			spec: {
				[text]: text,
				template: { spec: { containers: [{ name: text, lifecycle: { preStop: { exec: null, sleep: shared } }, twice: shared, list: [text, [], {}] }] } },
			},
		};
		const command = commandOf({ name: text, namespace: text || undefined }, patch);
		const printed = command.slice(command.indexOf('--patch')).replaceAll('\n', ' ');
		assert.doesNotMatch(printed, /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e]/u);
		const given = argumentsOf(command);
		assert.deepEqual(given.slice(0, -1), [...(text ? ['--namespace', text] : []), 'patch', 'deployment', text, '--patch']);
		for (const version of /** @type {const} */ (['1.1', '1.2'])) assert.deepEqual(parse(given.at(-1), { version }), patch, text);
		assert.deepEqual(parse(flow(patch)), patch);
		assert.doesNotMatch(flow(patch), /\n/);
	}
	assert.equal(spawnSync('ls', [folder], { encoding: 'utf8' }).stdout, 'kubectl\n');
});

test('a command and a change are written as people write them', () => {
	const preStop = { exec: null, sleep: { seconds: 7 } };
	assert.equal(
		commandOf({ name: 'web' }, { spec: { template: { spec: { containers: [{ name: 'web', lifecycle: { preStop } }] } } } }),
		`kubectl patch deployment web --patch '
spec:
  template:
    spec:
      containers:
      - name: web
        lifecycle:
          preStop:
            exec: null
            sleep:
              seconds: 7
'`,
	);
	assert.match(commandOf({ name: 'web', namespace: 'shop' }, {}), /^kubectl --namespace shop patch deployment web /);
	assert.equal(flow({ lifecycle: { preStop } }), '{ lifecycle: { preStop: { exec: null, sleep: { seconds: 7 } } } }');
	assert.equal(flow({ maxSurge: '25%', path: '/health' }), '{ maxSurge: "25%", path: /health }');
});

const container = {
	name: 'web',
	image: 'web',
	command: ['a', 'b'],
	env: [
		{ name: 'A', value: '1' },
		{ name: 'B', value: '2' },
	],
	ports: [{ containerPort: 80, name: 'http' }, { containerPort: 81 }],
	volumeMounts: [{ name: 'data', mountPath: '/data' }],
	readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 3 },
	lifecycle: { preStop: { exec: { command: ['sleep', '1'] } } },
};
const deployment = {
	apiVersion: 'apps/v1',
	kind: 'Deployment',
	metadata: { name: 'web' },
	spec: {
		replicas: 1,
		strategy: { type: 'Recreate' },
		selector: { matchLabels: { app: 'web' } },
		template: {
			metadata: { labels: { app: 'web' } },
			spec: { containers: [{ name: 'proxy', image: 'proxy' }, container], tolerations: [{ key: 'a' }], volumes: [{ name: 'data', emptyDir: {} }] },
		},
	},
};
const inContainer = (change) => ({ spec: { template: { spec: { containers: [{ name: 'web', ...change }] } } } });
const PATCHES = [
	inContainer({ readinessProbe: { tcpSocket: null, httpGet: { path: '/', port: 80 }, timeoutSeconds: 2 } }),
	inContainer({ lifecycle: { preStop: { exec: null, sleep: { seconds: 7 } } } }),
	inContainer({ startupProbe: { exec: null, tcpSocket: { port: 80 } }, livenessProbe: null }),
	inContainer({
		env: [
			{ name: 'B', value: '3' },
			{ name: 'C', value: '4' },
		],
		command: ['c'],
	}),
	inContainer({ ports: [{ containerPort: 80, name: 'web' }, { containerPort: 82 }], volumeMounts: [{ mountPath: '/more', name: 'data' }] }),
	{ spec: { replicas: 2, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } } },
	{
		spec: {
			template: {
				spec: {
					tolerations: [{ key: 'b' }],
					volumes: [
						{ name: 'data', emptyDir: null, hostPath: { path: '/' } },
						{ name: 'x', emptyDir: {} },
					],
				},
			},
		},
	},
	{ spec: { template: { spec: { initContainers: [{ name: 'mesh', image: 'm' }], terminationGracePeriodSeconds: 40 } } } },
];

test('lists merge by their keys, objects by their fields, and null deletes', () => {
	const [, web] = merge(deployment, PATCHES[0]).spec.template.spec.containers;
	assert.deepEqual(web.readinessProbe, { periodSeconds: 3, httpGet: { path: '/', port: 80 }, timeoutSeconds: 2 });
	assert.deepEqual(merge(deployment, PATCHES[3]).spec.template.spec.containers[1].env, [
		{ name: 'A', value: '1' },
		{ name: 'B', value: '3' },
		{ name: 'C', value: '4' },
	]);
	assert.deepEqual(merge(deployment, PATCHES[2]).spec.template.spec.containers[1].startupProbe, { tcpSocket: { port: 80 } });
	assert.deepEqual(merge(deployment, PATCHES[6]).spec.template.spec.tolerations, [{ key: 'b' }]);
	assert.deepEqual(deployment.spec.template.spec.containers[1], container);
});

const kubectl = ['target/venv/bin/kubectl', '/usr/bin/kubectl'].find((path) => spawnSync(path, ['version', '--client']).status === 0);

test('that is what kubectl makes of what is printed', { skip: !kubectl && 'there is no kubectl' }, () => {
	const file = join(folder, 'deployment.json');
	writeFileSync(file, JSON.stringify(deployment));
	for (const patch of PATCHES) {
		const given = argumentsOf(commandOf({ name: 'web' }, patch)).at(-1);
		const { stdout, stderr } = spawnSync(kubectl ?? '', ['patch', '--local', '--filename', file, '--output', 'json', '--patch', given], { encoding: 'utf8' });
		assert.equal(stderr, '');
		assert.deepEqual(sorted(JSON.parse(stdout)), sorted(merge(JSON.parse(readFileSync(file, 'utf8')), patch)));
	}
});

/** A value in one order: that of what merges by a key means nothing. */
function sorted(value) {
	if (Array.isArray(value)) return value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
	if (value === null || typeof value !== 'object') return value;
	return Object.fromEntries(
		Object.keys(value)
			.sort()
			.map((key) => [key, sorted(value[key])]),
	);
}
