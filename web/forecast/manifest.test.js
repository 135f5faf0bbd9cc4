// Manifests as people have them, and as nobody should.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { read } from './manifest.js';

/** A Deployment in YAML, with lines of its container's, of its pods', and of its own. */
const yaml = (container = '', pod = '', spec = '') => `apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  selector: { matchLabels: { app: shop } }
  ${spec}
  template:
    metadata: { labels: { app: shop } }
    spec:
      ${pod}
      containers:
        - name: shop
          image: shop
          ${container}
`;
const plain = yaml();
/** The model of a text: the Deployment, its spec, its first container, and what is noted. */
function modelOf(text, name = undefined) {
	const { objects, notes, ...rest } = read(text, name);
	const [deployment, service] = objects;
	return { deployment, service, spec: deployment.spec, container: deployment.spec.template.spec.containers[0], notes, ...rest };
}

test('a manifest is read as kubectl would', () => {
	const encoder = new TextEncoder();
	const wide = (mark, isLittle) => new Uint8Array([...mark, ...Array.from(plain).flatMap((it) => (isLittle ? [it.charCodeAt(0), 0] : [0, it.charCodeAt(0)]))]);
	const same = [
		plain.replaceAll('\n', '\r\n'),
		`\uFEFF${plain}`,
		encoder.encode(`\uFEFF${plain}`),
		wide([0xff, 0xfe], true),
		wide([0xfe, 0xff], false),
		JSON.stringify(read(plain).objects[0]),
		`---\n---\n${plain}---\n# nothing\n`,
		`apiVersion: v1\nkind: List\nitems:\n- ${plain.trim().replaceAll('\n', '\n  ')}\n`,
		plain.replace('metadata: { name: shop }', 'metadata: { name: shop, annotations: null, creationTimestamp: null }\nstatus: {}'),
		yaml('env: []\n          ports:\n          resources: {}', 'volumes: []'),
	];
	for (const text of same) {
		const { deployment, spec } = modelOf(text);
		assert.deepEqual([deployment.metadata, spec.replicas, spec.selector], [{ name: 'shop', namespace: 'default' }, 1, { matchLabels: { app: 'shop' } }]);
	}
	const probes = modelOf(yaml('x: &probe { tcpSocket: { port: 80 }, periodSeconds: 0 }\n          readinessProbe: { <<: *probe, failureThreshold: 1 }'));
	assert.deepEqual(probes.container.readinessProbe, { tcpSocket: { port: 80 }, failureThreshold: 1 });
});

test('what cannot be run is taken for something, and said', () => {
	const hook = (command) => modelOf(yaml(`lifecycle: { preStop: { exec: { command: ${command} } } }`));
	for (const [command, seconds] of [
		['[sleep, "10"]', 10],
		['[/bin/sleep, 1m]', 60],
		['[sh, -c, "sleep 2.5"]', 3],
	]) {
		assert.deepEqual(hook(command).container.lifecycle, { preStop: { sleep: { seconds } } });
	}
	const other = hook('[/bin/drain]');
	assert.equal(other.container.lifecycle, undefined);
	assert.match(other.notes.join(), /The preStop hook of shop does not sleep/);
	const { container, notes } = modelOf(
		yaml('readinessProbe: { exec: { command: [healthy] } }\n          livenessProbe: { grpc: { port: 9000 } }', 'initContainers: [{ name: x, image: x }]'),
	);
	assert.deepEqual(container.readinessProbe, { httpGet: { path: '/health', port: 80 } });
	assert.deepEqual(container.livenessProbe, { httpGet: { path: '/health', port: 9000 } });
	assert.match(notes.join(), /readinessProbe .* exec.*livenessProbe .* grpc.*Not run: the init containers x\./s);

	const [first, second] = [plain, plain.replaceAll('shop', 'till')];
	const service = (app) => `---\napiVersion: v1\nkind: Service\nmetadata: { name: ${app} }\nspec: { selector: { app: ${app} } }\n`;
	const both = `${first}---\n${second}${service('till')}---\nkind: ConfigMap\nmetadata: { name: settings }\n`;
	assert.deepEqual(read(both).names, ['shop', 'till']);
	assert.match(read(both).notes.join(), /No Service here selects these pods, so one is assumed\./);
	assert.deepEqual(modelOf(both, 'till').service.spec.selector, { app: 'till' });
});

test('what is no Deployment is refused in one line, with the place', () => {
	const bomb = [
		'a: &a [x, x, x, x, x, x, x, x, x]',
		...Array.from('bcdefghi', (it, index) => `${it}: &${it} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(', ')}]`),
	].join('\n');
	for (const [text, said] of /** @type {[string | Uint8Array, RegExp][]} */ ([
		['', /^it contains no Deployment$/],
		['hello', /^it contains no Deployment$/],
		['kind: StatefulSet\n---\nkind: Service\n', /no Deployment, only StatefulSet, Service$/],
		['kind: Rollout', /only Rollout$/],
		['a:\n  - b\n c: d', /^line [23]: /],
		['kind: Deployment\nmetadata:\n\tname: x\n', /^line 3: /],
		['kind: Deployment\nname: {{ .Values.name }}\n  x: y', /^line 2: a template/],
		['kind: Deployment\nspec:\n  {{- toYaml .Values.x | nindent 2 }}\n', /^line 3: a template that was not rendered/],
		[plain.replace('image: shop', 'image: "{{ .Values.image }}"'), /containers\[0\]\.image: a template that was not rendered/],
		[plain.replace('apps/v1', 'extensions/v1beta1'), /^apiVersion: "extensions\/v1beta1" has no Deployment; use apps\/v1$/],
		[plain.replace('{ name: shop }', '{}'), /^metadata\.name: Required value/],
		[
			plain.replace('matchLabels: { app: shop }', 'matchLabels: { app: other }'),
			/^spec\.template\.metadata\.labels: Invalid value: .*`selector` does not match template `labels`$/,
		],
		[plain.replace('selector: { matchLabels: { app: shop } }', ''), /^spec\.selector: Required value$/],
		[plain.slice(0, plain.indexOf('containers:')), /^spec\.template\.spec\.containers: Required value$/],
		[plain.replace('          image: shop', ''), /containers\[0\]\.image: Required value$/],
		[plain.replace('image: shop', 'image: "<b>"'), /"<b>" is not the name of an image/],
		[yaml('', '', 'replicas: many'), /^spec\.replicas: "many" is not a whole number/],
		[yaml('', '', 'replicas: -1'), /^spec\.replicas: Invalid value: -1: must be greater than or equal to 0$/],
		[yaml('', '', 'replicas: 1.5'), /not a whole number/],
		[yaml('', '', 'replicas: 2147483648'), /must be less than/],
		[yaml('', '', 'replicas: 101'), /more than the 100/],
		[yaml('', '', 'replicas: 0'), /cannot serve any requests/],
		[yaml('', '', 'paused: true'), /paused/],
		[yaml('', '', 'strategy: { type: Canary }'), /^spec\.strategy\.type: Unsupported value: "Canary": supported values: "Recreate", "RollingUpdate"$/],
		[
			yaml('', '', 'strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0% } }'),
			/maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0$/,
		],
		[yaml('', '', 'strategy: { rollingUpdate: { maxSurge: lots } }'), /maxSurge: Invalid value: "lots": a valid percent string/],
		[yaml('readinessProbe: { periodSeconds: 3 }'), /readinessProbe: Required value: must specify a handler type$/],
		[yaml('readinessProbe: { httpGet: { port: web } }'), /readinessProbe: no port of this container is called "web"$/],
		[yaml('readinessProbe: { httpGet: { port: 99999 } }'), /httpGet\.port: Invalid value: 99999: must be between 1 and 65535, inclusive$/],
		[yaml('livenessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 }'), /successThreshold: Invalid value: 2: must be 1$/],
		[yaml('readinessProbe: often'), /readinessProbe: "often" is not an object/],
		[yaml('', 'terminationGracePeriodSeconds: soon'), /"soon" is not a whole number/],
		[plain.replace('metadata: { labels', 'metadata: { __proto__: { x: y }, labels'), /a key is called __proto__/],
		[bomb, /alias/i],
		[`a: ${'['.repeat(100_000)}`, /nested too deeply|line 1/],
		['x'.repeat(10_000_001), /longer than 10 MB$/],
		[new Uint8Array([0xff, 0xd8, 0xff, 0xe0]), /not (valid UTF-8 )?text/],
		[readFileSync('target/component/replica.core.wasm'), /not (valid UTF-8 )?text/],
	])) {
		assert.throws(
			() => read(text),
			({ message }) => said.test(message) && message.length < 300 && !message.includes('\n'),
			`${String(text).slice(0, 300)}: ${said}`,
		);
	}
	assert.equal(/** @type {any} */ ({}).x, undefined);
});
