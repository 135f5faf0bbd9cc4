// What the API server refuses, and what is no Deployment, is refused in one line, with the place.

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
		[plain.replace('matchLabels: { app: shop }', 'matchLabels: {{ .x }}'), /^spec\.selector\.matchLabels: a template that was not rendered/],
		[yaml('', '', 'replicas: {{ .Values.replicas }}'), /^spec\.replicas: a template/],
		[plain.replace('image: shop', 'image: <%= image %>'), /image: a template/],
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
		[
			yaml('', '', 'strategy: { rollingUpdate: { maxUnavailable: 250% } }'),
			/^spec\.strategy\.rollingUpdate\.maxUnavailable: Invalid value: "250%": must not be greater than 100%$/,
		],
		[
			yaml('', '', 'strategy: { type: Recreate, rollingUpdate: { maxSurge: 1 } }'),
			/rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'$/,
		],
		[yaml('', '', 'progressDeadlineSeconds: 5\n  minReadySeconds: 5'), /progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds$/],
		[yaml('', 'restartPolicy: OnFailure'), /^spec\.template\.spec\.restartPolicy: Unsupported value: "OnFailure": supported values: "Always"$/],
		[
			yaml('', 'terminationGracePeriodSeconds: -1'),
			/^spec\.template\.spec\.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0$/,
		],
		[
			yaml('', 'initContainers: [{ name: a, image: a, livenessProbe: { tcpSocket: { port: 1 } } }]'),
			/initContainers\[0\]\.livenessProbe: Forbidden: may not be set for init/,
		],
		[yaml('', 'initContainers: [{ name: shop, image: a }]'), /^spec\.template\.spec\.containers\[0\]\.name: Duplicate value: "shop"$/],
		[
			yaml('livenessProbe: { tcpSocket: { port: 80 }, httpGet: { port: 80 } }'),
			/containers\[0\]\.livenessProbe\.tcpSocket: Forbidden: may not specify more than 1 handler type$/,
		],
		[yaml('livenessProbe: { tcpSocket: { port: "80" } }'), /livenessProbe\.tcpSocket\.port: Invalid value: "80": must contain at least one letter \(a-z\)$/],
		[
			yaml('livenessProbe: { tcpSocket: { port: 80 }, periodSeconds: -1 }'),
			/livenessProbe\.periodSeconds: Invalid value: -1: must be greater than or equal to 0$/,
		],
		[yaml('readinessProbe: { tcpSocket: { port: 80 }, terminationGracePeriodSeconds: 3 }'), /must not be set for readinessProbes$/],
		[yaml('readinessProbe: { exec: {} }'), /readinessProbe\.exec\.command: Required value$/],
		[yaml('lifecycle: { preStop: {} }'), /lifecycle\.preStop: Required value: must specify a handler type$/],
		[yaml('lifecycle: { preStop: { exec: { command: "sleep 5" } } }'), /lifecycle\.preStop\.exec\.command: "sleep 5" is not a list$/],
		[
			yaml('lifecycle: { preStop: { sleep: { seconds: 60 } } }'),
			/preStop\.sleep: Invalid value: 60: must be non-negative and less than terminationGracePeriodSeconds \(30\)$/,
		],
		[yaml('lifecycle: { preStop: { sleep: { seconds: 1 }, exec: { command: [x] } } }'), /preStop\.sleep: Forbidden: may not specify more than 1 handler type$/],
		[yaml('ports: [{ containerPort: 70000 }]'), /ports\[0\]\.containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive$/],
		[yaml('ports: [{ containerPort: "8080" }]'), /ports\[0\]\.containerPort: "8080" is not a whole number$/],
		[yaml('ports: [{ containerPort: 1, name: a }, { containerPort: 2, name: a }]'), /ports\[1\]\.name: Duplicate value: "a"$/],
		[yaml('ports: [{ containerPort: 1, name: web--1 }]'), /ports\[0\]\.name: Invalid value: "web--1": must not contain consecutive hyphens$/],
		[yaml('ports: [{ containerPort: 1, name: a-name-of-16-lettr }]'), /must be no more than 15 characters$/],
		[yaml('env: [{ name: A, value: 5 }]'), /containers\[0\]\.env\[0\]\.value: 5 is not a string$/],
		[yaml('env: [{ name: A, value: yes }]'), /env\[0\]\.value: true is not a string$/],
		[yaml('volumeMounts: [{ name: data, mountPath: /x }]'), /volumeMounts\[0\]\.name: Not found: "data"$/],
		[yaml('resources: { limits: { cpu: many } }'), /resources\.limits\.cpu: "many" is not a quantity$/],
		[plain.replace('labels: { app: shop }', 'labels: { app: shop, version: 5 }'), /^spec\.template\.metadata\.labels\.version: 5 is not a string$/],
		[plain.replace('labels: { app: shop }', 'labels: { app: shop, version: "a b" }'), /^spec\.template\.metadata\.labels: Invalid value: "a b": a valid label/],
		[plain.replace('matchLabels: { app: shop }', 'matchExpressions: [{ key: app, operator: NotIn, values: [shop] }]'), /does not match template/],
		[
			plain.replace('metadata: { name: shop }', 'metadata: { name: "shop\'; touch pwned; \'" }'),
			/^metadata\.name: Invalid value: "shop'; touch pwned; '": a lowercase RFC 1123 subdomain/,
		],
		[
			plain.replace('metadata: { name: shop }', 'metadata: { name: shop, namespace: a.b }'),
			/^metadata\.namespace: Invalid value: "a\.b": a lowercase RFC 1123 label/,
		],
		[plain.replace('- name: shop', '- name: "\\u001b[31m"'), /containers\[0\]\.name: Invalid value: "\\u001b\[31m": a lowercase RFC 1123 label/],
		[plain.replace('image: shop', 'image: " shop"'), /image: Invalid value: " shop": must not have leading or trailing whitespace$/],
		[`${plain}---\nkind: Service\nspec: { selector: [app] }`, /^Service: spec\.selector: \["app"\] is not an object$/],
		[`${plain}  name: x\n  name: y\n`, /^line 16: the key "name" is there twice$/],
		[`${plain}---\na: *b\n`, /^its aliases have no anchor, or stand for too much$/],
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
