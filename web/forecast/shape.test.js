// Whatever stands in a field, a manifest is read or refused in one clean line.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { read } from './manifest.js';
import { parse } from './parse.js';

const ODD = [
	null,
	[],
	{},
	[null, 3],
	'x',
	'',
	'\u009b2J\u202e\u2028\u001b[31m',
	-1,
	1.5,
	1e300,
	Number.NaN,
	Infinity,
	true,
	{ a: { b: 1 } },
	[[]],
	'{{ x }}',
	'A'.repeat(300),
];
const CLEAN = /^(?!.*(undefined|is not a function|Cannot|intermediate|iterable|\[object|of null|reading ')).{1,300}$/;
// What a terminal would act on, and what reorders a line.
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;

/** Reads what may be no manifest; returns all that a person would see of it. */
function seen(manifest) {
	try {
		const { names, notes, traits, main, namespace, name } = read(manifest);
		for (const note of notes) assert.match(note, CLEAN);
		return [...names, ...notes, main, name, namespace ?? '', ...texts(traits)];
	} catch (error) {
		assert.equal(error.name, 'Error', error.stack);
		assert.match(error.message, CLEAN);
		return [error.message];
	}
}

/** All texts in a value. */
const texts = (value) => (typeof value === 'string' ? [value] : Object.values(value ?? {}).flatMap(texts));

/** All places in a value, each with what sets another value there. */
function* places(value, path = []) {
	if (value === null || typeof value !== 'object') return;
	for (const key of Object.keys(value)) {
		const at = [...path, key];
		yield at;
		yield* places(value[key], at);
	}
}
function replaced(value, path, odd) {
	const [key, ...rest] = path;
	const copy = Array.isArray(value) ? [...value] : { ...value };
	copy[key] = rest.length ? replaced(value[key], rest, odd) : odd;
	return copy;
}

const FULL = `items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: { name: shop, namespace: mall, labels: { a/b: c }, annotations: { x: y } }
  spec:
    minReadySeconds: 1
    selector: { matchExpressions: [{ key: app, operator: In, values: [shop] }] }
    template:
      metadata: { labels: { app: shop } }
      spec:
        hostNetwork: true
        affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: kubernetes.io/hostname, labelSelector: { matchLabels: { app: shop } } }] } }
        topologySpreadConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule }]
        initContainers: [{ name: first, image: i, env: [{ name: A, value: b }] }, { name: mesh, image: m, restartPolicy: Always }]
        containers:
        - name: shop
          image: shop
          command: [serve]
          ports: [{ name: http, containerPort: 80, hostPort: 80 }]
          readinessProbe: { exec: { command: [healthy] }, periodSeconds: 1 }
          livenessProbe: { grpc: { port: 80 } }
          lifecycle: { postStart: { exec: { command: [x] } }, preStop: { exec: { command: [sh, -c, "sleep 3; kill 1"] } } }
          volumeMounts: [{ name: data, mountPath: /data }]
          resources: { requests: { cpu: 1 } }
        volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]
- { apiVersion: v1, kind: Service, metadata: { name: shop, namespace: mall }, spec: { selector: { app: shop }, ports: [{ port: 80, targetPort: http }] } }
- { apiVersion: v1, kind: PersistentVolumeClaim, metadata: { name: data, namespace: mall }, spec: { accessModes: [ReadWriteOnce] } }
- { apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: { name: shop, namespace: mall }, spec: { scaleTargetRef: { kind: Deployment, name: shop }, minReplicas: 2, maxReplicas: 3 } }
- { apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: { name: shop, namespace: mall }, spec: { maxUnavailable: 1, selector: { matchLabels: { app: shop } } } }
- { apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: { name: shop, namespace: mall }, spec: { defaultBackend: { service: { name: shop } } } }
- { kind: Odd, metadata: { name: odd } }
`;

const samples = readdirSync('web/samples').map((name) => readFileSync(`web/samples/${name}`, 'utf8'));

test('any value in any place is read, or refused in one clean line', () => {
	let count = 0;
	for (const text of [FULL, ...samples]) {
		const { objects } = parse(text);
		for (const place of places(objects)) {
			for (const odd of ODD) {
				for (const text of seen(yamlOf(replaced(objects, place, odd)))) assert.doesNotMatch(text, UNSAFE, `${place}: ${odd}`);
				count++;
			}
		}
	}
	assert.ok(count > 10_000);
});

test('so is any text that ends too early, or has lost or won a character', () => {
	for (const text of [FULL, ...samples]) {
		for (let at = 0; at < text.length; at += 53) {
			const [before, after] = [text.slice(0, at), text.slice(at)];
			for (const odd of [before, before + after.slice(1), `${before}\u009b${after}`, `${before}&a *a ${after}`, `${before}{${after}`, `${before}? ${after}`]) {
				for (const text of seen(odd)) assert.doesNotMatch(text, UNSAFE, odd);
			}
		}
	}
});

/** A list of objects as YAML that has what JSON has not. */
const yamlOf = (items) =>
	JSON.stringify({ items }, (_, value) => (typeof value === 'number' && !Number.isFinite(value) ? `!${value}` : value)).replace(
		/"!(NaN|Infinity)"/g,
		(_, it) => (it === 'NaN' ? '.nan' : '.inf'),
	);
