// What the forecast says of manifests as people write them: which fields to change, and of no others.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { advise, describe } from './findings.js';
import { faultsFor, forecast } from './forecast.js';
import { component, loadDeployment } from '../node/manifest.js';

const FOLDER = 'web/samples';

/** The fields that each manifest's findings have to change, and some that they may. */
const FOUND = {
	'chart.yaml': ['strategy'],
	'get.json': [],
	'good.yaml': [],
	'hasty.yaml': ['livenessProbe'],
	'no-pre-stop.yaml': ['preStop'],
	'no-probes.yaml': ['livenessProbe', 'preStop', 'readinessProbe'],
	'recreate.yaml': ['strategy'],
	'seldom.yaml': ['readinessProbe'],
	'short-grace.yaml': ['terminationGracePeriodSeconds'],
	'single.yaml': ['replicas'],
	'slow-start.yaml': ['startupProbe'],
	'tcp.yaml': ['httpGet'],
};

test('there is no manifest that nothing is said of', () => assert.deepEqual(readdirSync(FOLDER).sort(), Object.keys(FOUND)));

for (const [file, fields] of Object.entries(FOUND)) {
	test(file, async (context) => {
		const { objects } = loadDeployment(`${FOLDER}/${file}`);
		const subject = { objects, modules: await component() };
		const rows = await forecast(subject, faultsFor(objects));
		const { findings } = await advise(subject, rows);
		for (const finding of findings) context.diagnostic(describe(finding));
		assert.deepEqual(findings.map(({ field }) => field).sort(), fields, JSON.stringify(rows.map(({ moments, ...row }) => row)));
	});
}
