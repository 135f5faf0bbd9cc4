// What the lessons say, in virtual time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forecast } from './forecast.js';
import { LESSONS } from './lessons.js';
import { loadDeployment } from './node.js';
import { merge } from './patch.js';

/** What each lesson that injects a fault says one will see. */
const SEEN = {
	container: ({ replaced, ready, lost }) => replaced < 4 && ready < 6 && lost === 0,
	replicas: ({ ready, lost }) => ready < 5 && lost === 0,
	deployment: ({ ready, lost }) => ready > 7 && lost === 0,
	'no-pre-stop': ({ lost }) => lost > 0,
	probes: ({ unready, replaced, ready, bad, lost }) => unready < 7 && replaced > 15 && ready < 24 && bad > 0 && bad < 100 && lost === 0,
	'no-readiness': ({ replaced, bad }) => replaced > 15 && bad > 100,
	'blind-probe': ({ unready, replaced, bad }) => unready === undefined && replaced === undefined && bad > 200,
	'max-waits': ({ unready, refused, lost }) => unready === undefined && refused > 1000 && lost === 0,
	'no-max-waits': ({ unready, lost, sent }) => unready !== undefined && lost > sent / 2,
	'hasty-liveness': ({ replaced }) => replaced !== undefined,
	ingress: ({ retried, lost }) => retried > 0 && lost === 0,
};

test('each lesson leads to what it says', async (context) => {
	const lessons = LESSONS.filter(({ fault }) => fault);
	assert.deepEqual(
		lessons.map(({ id }) => id),
		Object.keys(SEEN),
	);
	for (const { id, patch, fault } of lessons) {
		await context.test(id, async () => {
			const objects = loadDeployment();
			const index = objects.findIndex(({ kind }) => kind === 'Deployment');
			const { replicas } = objects[index].spec;
			objects[index] = merge(objects[index], fault === 'scale' ? {} : patch);
			const [row] = await forecast(objects, [fault], patch.spec?.replicas ?? replicas);
			assert.ok(SEEN[id](row), JSON.stringify(row));
		});
	}
});
