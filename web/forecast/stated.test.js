// Assumptions that stand in a manifest, as annotations.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modelText, read } from './manifest.js';
import { assume } from './stated.js';

const manifest = (...annotations) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: shop, annotations: { example.org/secret: hunter2${annotations.map((it) => `, ${it}`).join('')} } }
spec:
  selector: { matchLabels: { app: shop } }
  template:
    metadata: { labels: { app: shop }, annotations: { spin-on-k8s-forecast/term: ignores } }
    spec: { containers: [{ name: shop, image: shop, ports: [{ name: grpc, containerPort: 80 }] }] }
`;

test('options win over annotations, annotations over defaults, and a link keeps what is assumed', () => {
	const found = read(manifest('spin-on-k8s-forecast/term: cuts', 'spin-on-k8s-forecast/start: "7.5"', 'spin-on-k8s-forecast/slow: "30"'));
	for (const it of [found, read(modelText(found))]) {
		const { settings, sources } = assume(it, { slow: '60', start: '', burst: undefined });
		assert.deepEqual([settings.term, settings.start, settings.slow, settings.requests, settings.burst], ['cuts', 7.5, 60, 'kept', 26]);
		const { term, start, slow, requests, burst } = sources;
		assert.deepEqual([term, start, slow, requests, burst], ['annotation', 'annotation', 'option', 'manifest', 'default']);
	}
	assert.ok(!modelText(found).includes('hunter2'));
});

test('an annotation that makes no sense is refused with its place', () => {
	for (const [annotation, said] of /** @type {[string, RegExp][]} */ ([
		['spin-on-k8s-forecast/term: waits', /^Error: metadata\.annotations\["spin-on-k8s-forecast\/term"\]: "waits" is not one of finishes, cuts, ignores$/],
		['spin-on-k8s-forecast/start: "soon\\e"', /\/start"\]: "soon\\u001b" is not a number from 0 to 3600$/],
		['spin-on-k8s-forecast/start: ""', /\/start"\]: "" is not a number from 0 to 3600$/],
		['spin-on-k8s-forecast/start: 7', /\/start"\]: 7 is not a string$/],
		[
			'spin-on-k8s-forecast/trem: cuts',
			/^Error: metadata\.annotations\["spin-on-k8s-forecast\/trem"\]: no question is called "trem"; there are requests, term, /,
		],
	])) {
		assert.throws(() => read(manifest(annotation)), said);
	}
});
