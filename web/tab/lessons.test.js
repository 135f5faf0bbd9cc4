// What the lessons say, in virtual time.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { withPatch } from '../forecast/findings.js';
import { forecast } from '../forecast/forecast.js';
import { LESSONS } from './lessons.js';
import { component, loadDeployment } from '../node/manifest.js';
import { COMPONENT } from '../forecast/questions.js';

/** What each lesson that injects a fault says one will see. */
const SEEN = {
	container: ({ replaced, ready, lost }) => replaced < 4 && ready < 6 && lost === 0,
	replicas: ({ ready, lost }) => ready < 5 && lost === 0,
	deployment: ({ ready, lost }) => ready > 7 && lost === 0,
	'bad-version': ({ replaced, lost, bad }) => replaced === undefined && lost === 0 && bad === 0,
	'all-at-once': ({ lost, sent }) => lost > sent / 3,
	recreate: ({ ready, lost }) => ready < 15 && lost > 10,
	'no-pre-stop': ({ lost }) => lost > 0,
	drain: ({ ready, lost }) => ready < 15 && lost === 0,
	probes: ({ unready, replaced, ready, bad, lost }) => unready < 7 && replaced > 15 && ready < 24 && bad > 0 && bad < 100 && lost === 0,
	'no-readiness': ({ replaced, bad }) => replaced > 15 && bad > 80,
	'blind-probe': ({ unready, replaced, bad }) => unready === undefined && replaced === undefined && bad > 200,
	'slow-start': ({ replaced, restarts, lost }) => replaced === undefined && restarts > 1 && lost === 0,
	'startup-probe': ({ replaced, restarts, lost }) => replaced >= 40 && replaced < 46 && restarts === 0 && lost === 0,
	'max-waits': ({ unready, refused, lost }) => unready === undefined && refused > 1000 && lost === 0,
	'no-max-waits': ({ unready, lost, sent }) => unready !== undefined && lost > sent / 2,
	'hasty-liveness': ({ replaced }) => replaced !== undefined,
	ingress: ({ retried, lost }) => retried > 0 && lost === 0,
};

test('the README links every lesson', () => {
	const linked = Array.from(readFileSync('README.md', 'utf8').matchAll(/8700\/#([\w-]+)\)/g), ([, id]) => id);
	assert.deepEqual(linked.sort(), LESSONS.map(({ id }) => id).sort());
});

test('each lesson leads to what it says', async (context) => {
	const lessons = LESSONS.filter(({ fault }) => fault);
	assert.deepEqual(
		lessons.map(({ id }) => id),
		Object.keys(SEEN),
	);
	const modules = await component();
	for (const { id, patch, program, fault } of /** @type {any[]} */ (lessons)) {
		await context.test(id, async () => {
			const { objects } = loadDeployment();
			const subject = { objects: withPatch(objects, fault === 'scale' ? {} : patch), modules, program: { ...COMPONENT, ...program } };
			const [{ moments, ...row }] = await forecast(subject, [fault], undefined, patch.spec?.replicas);
			assert.ok(SEEN[id](row), JSON.stringify(row));
		});
	}
});
