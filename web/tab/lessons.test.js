// What the lessons say, in virtual time.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Component, compile } from '../cluster/component.js';
import { run } from '../forecast/run.js';
import { LESSONS } from './lessons.js';
import { SETTINGS, withPatch } from './session.js';

/** What each lesson that injects a fault says one will see. */
const SEEN = {
	container: ({ replaced, ready, lost, causes }) => replaced < 4 && ready < 6 && lost === causes.cut,
	replicas: ({ ready, lost }) => ready < 5 && lost === 0,
	deployment: ({ ready, lost }) => ready > 7 && lost === 0,
	'bad-version': ({ replaced, lost, bad }) => replaced === undefined && lost === 0 && bad === 0,
	'all-at-once': ({ lost, sent }) => lost > sent / 3,
	recreate: ({ ready, causes, lost }) => ready > 8 && ready < 10 && lost > 300 && lost === causes.none,
	'no-pre-stop': ({ lost, causes, retried }) => lost > 0 && lost === causes.cut && retried > 0,
	drain: ({ ready, lost }) => ready < 15 && lost === 0,
	'drained-node': ({ ready, lost, least, restarts }) => ready > 7 && ready < 10 && lost === 0 && least === 2 && restarts === 0,
	probes: ({ unready, replaced, ready, bad, lost }) => unready < 7 && replaced > 15 && ready < 24 && bad > 0 && bad < 60 && lost === 0,
	'no-readiness': ({ replaced, bad }) => replaced > 15 && bad > 100,
	'blind-probe': ({ unready, replaced, bad }) => unready === undefined && replaced === undefined && bad > 200,
	dependency: ({ unready, ready, restarts, lost, sent }) => unready < 7 && ready > 30 && ready < 33 && restarts === 3 && lost > 0.9 * sent,
	'slow-start': ({ replaced, restarts, lost }) => replaced === undefined && restarts === 3 && lost === 0,
	'startup-probe': ({ unready, ready, restarts, lost }) => unready < 42 && ready > 120 && ready < 135 && restarts === 0 && lost === 0,
	'max-waits': ({ unready, refused, lost }) => unready === undefined && refused > 1000 && lost === 0,
	'no-max-waits': ({ unready, causes }) => unready !== undefined && causes.error > 500,
	'hasty-liveness': ({ restarts }) => restarts > 0,
	ingress: ({ retried, lost, causes }) => retried > 0 && lost > 0 && lost === causes.cut,
};

test('each lesson leads to what it says', async (context) => {
	const lessons = LESSONS.filter(({ fault }) => fault);
	assert.deepEqual(
		lessons.map(({ id }) => id),
		Object.keys(SEEN),
	);
	const modules = await compile((name) => readFile(`target/component/${name}`));
	for (const { id, patch, settings, fault, replicas } of /** @type {any[]} */ (lessons)) {
		await context.test(id, async () => {
			const all = { ...SETTINGS, ...settings, dependency: { isDown: false } };
			const subject = { objects: withPatch(patch), main: 'api', settings: all };
			const { moments, ...row } = await run(subject, fault, 1, (seat) => new Component(modules, seat, all), replicas);
			assert.ok(SEEN[id](row), JSON.stringify(row));
		});
	}
});
