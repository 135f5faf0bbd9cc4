// Forecasts what faults would cost the users of a Deployment: the drill in virtual time. It takes a manifest, prints
// the table of `make drill`, and ends with 1 if a request was lost.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { Kubernetes } from './cluster.js';
import { Drill, rowOf } from './drill.js';
import { Ingress } from './ingress.js';
import { compile } from './replica.js';
import { stepUntil } from './time.js';

const root = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const component = compile(async (name) => readFileSync(root(`target/component/${name}`)));

export const load = (path) => parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS());

/** Injects faults one after the other into what `objects` describe; returns a row for each. */
export async function forecast(objects, faults) {
	const kubernetes = new Kubernetes(objects, await component, true);
	const step = (promise) => stepUntil(kubernetes.clock, promise);
	await step(kubernetes.start());
	const drill = new Drill(kubernetes, new Ingress(kubernetes));
	await step(drill.start());
	const rows = [];
	for (const fault of faults) {
		const row = rowOf(fault);
		await step(drill.inject(row));
		rows.push(row);
	}
	drill.stop();
	await step(kubernetes.close());
	return rows;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const objects = [root('k8s/service.yaml'), process.argv[2] ?? root('k8s/deployment.yaml')].flatMap(load);
	const rows = await forecast(objects, ['fail', 'quit', 'restart', 'delete', 'flood']);
	const cell = (seconds) => seconds === undefined ? '-' : `${seconds.toFixed(1)} s`;
	const columns = ['fault', 'unready', 'replaced', 'ready', 'sent', 'lost', 'bad', 'retried', 'refused'];
	const line = (cells) => cells.map((text, index) => index ? String(text).padStart(10) : text.padEnd(8)).join('');
	console.log(line(columns));
	for (const { fault, unready, replaced, ready, sent, lost, bad, retried, refused } of rows) {
		console.log(line([fault, cell(unready), cell(replaced), cell(ready), sent, lost, bad, retried, refused]));
	}
	process.exitCode = Number(rows.some(({ lost }) => lost > 0));
}
