// A forecast is the same twice, ends with a number however long things take, and plays a program as the component would be.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Component, compile } from '../cluster/component.js';
import { read } from './manifest.js';
import { settingsOf } from './questions.js';
import { run } from './run.js';

const subjectOf = (path, answers = {}, change = (text) => text) => {
	const { objects, main } = read(change(readFileSync(path, 'utf8')));
	return { objects, main, settings: settingsOf(answers) };
};
const rowOf = async (/** @type {Parameters<typeof run>} */ ...job) => {
	const { moments, ...row } = await run(...job);
	return row;
};

test('the same seed gives the same row, to the last moment', async () => {
	const subject = subjectOf('web/samples/no-pre-stop.yaml');
	const rows = [await run(subject, 'restart', 7), await run(subject, 'restart', 8), await run(subject, 'restart', 7)];
	assert.deepEqual(rows[0], rows[2]);
	assert.notDeepEqual(rows[0], rows[1]);
});

test('whatever takes long ends with a number', async () => {
	const patient = (text) => text.replace('failureThreshold: 30', 'failureThreshold: 900');
	for (const [fault, answers, change, least, most] of /** @type {[string, any, any, number, number][]} */ ([
		['slow', { slow: 1200 }, patient, 3600, 3800], // three pods, twenty minutes each
		['restart', { news: 120 }, undefined, 10, 40],
		['delete', { term: 'ignores' }, (text) => text.replace('    spec:\n', '    spec:\n      terminationGracePeriodSeconds: 3600\n'), 3600, 3605],
	])) {
		const { ready } = await rowOf(subjectOf('web/forecast/truth/good.yaml', answers, change), fault, 1);
		assert.ok(ready > least && ready < most, `${fault}: ${ready}`);
	}
});

test('the program of a forecast does what the component does', async () => {
	const modules = await compile(async (name) => readFileSync(`target/component/${name}`));
	const play = (seat) => new Component(modules, seat);
	const subject = subjectOf('k8s/deployment.yaml', { start: 0, answer: 5, term: 'cuts', most: 500 });
	for (const fault of ['restart', 'fail', 'quit', 'delete', 'broken']) {
		const [model, component] = [await rowOf(subject, fault, 1), await rowOf(subject, fault, 1, play)];
		const said = `${fault}: ${JSON.stringify([model, component])}`;
		for (const name of ['unready', 'replaced', 'ready']) {
			assert.equal(model[name] === undefined, component[name] === undefined, said);
			assert.ok(model[name] === undefined || Math.abs(model[name] - component[name]) <= 2, said);
		}
		assert.deepEqual([model.lost > 0, model.bad > 0, model.restarts], [component.lost > 0, component.bad > 0, component.restarts], said);
	}
});
