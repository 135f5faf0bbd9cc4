// Forecasts what faults would cost the users of a Deployment: the drill in virtual time. It takes a manifest, prints
// the table of `make drill`, and ends with 1 if a request was lost.

import { fileURLToPath } from 'node:url';
import { Kubernetes } from './cluster.js';
import { Drill, rowOf } from './drill.js';
import { Ingress } from './ingress.js';
import { component, loadDeployment, refuse } from './node.js';
import { stepUntil } from './time.js';

/** Applies `objects` to a new cluster, and keeps requests coming. Throws if its replicas do not get ready. */
async function begin(objects) {
	const kubernetes = new Kubernetes(objects, await component(), true);
	const step = (promise) => stepUntil(kubernetes.clock, promise);
	await step(kubernetes.start());
	const warnings = new Set();
	kubernetes.watch('events', (_, { type, message }) => type === 'Warning' && warnings.add(message));
	const drill = new Drill(kubernetes, new Ingress(kubernetes));
	const deadline = kubernetes.deployment.spec.progressDeadlineSeconds ?? 600;
	const late = kubernetes.clock.wait(deadline * 1000).then(() => {
		throw new Error(`its replicas are not ready after ${deadline} s: ${[...warnings].pop() ?? 'no event says why'}`);
	});
	await step(Promise.race([drill.start(), late]));
	late.catch(() => {});
	return { kubernetes, drill, step };
}

/** Injects faults one after the other into what `objects` describe; returns a row for each. `replicas` is for scaling. */
export async function forecast(objects, faults, replicas = undefined) {
	const rows = [];
	let cluster;
	for (const fault of faults) {
		cluster ??= await begin(objects);
		const { kubernetes, drill, step } = cluster;
		const row = { ...rowOf(fault), replicas };
		await step(drill.inject(row));
		rows.push(row);
		// What has not healed by now never does.
		if (drill.isHealthy && rows.length < faults.length) continue;
		drill.stop();
		await step(kubernetes.close());
		cluster = undefined;
	}
	return rows;
}

/** A table of rows, as `make drill` prints them. */
function print(rows) {
	const cell = (seconds) => (seconds === undefined ? '-' : `${seconds.toFixed(1)} s`);
	const line = ([first, ...rest]) => console.log(first.padEnd(8) + rest.map((text) => String(text).padStart(12)).join(''));
	line(['fault', 'to unready', 'to replaced', 'to ready', 'sent', 'lost', 'bad', 'retried', 'refused']);
	for (const { fault, unready, replaced, ready, sent, lost, bad, retried, refused } of rows) {
		line([fault, cell(unready), cell(replaced), cell(ready), sent, lost, bad, retried, refused]);
	}
}

async function main(path) {
	let objects;
	try {
		objects = loadDeployment(path);
	} catch ({ message }) {
		refuse(`${path}: ${message}`);
	}
	const rows = await forecast(objects, ['fail', 'quit', 'restart', 'delete', 'flood']).catch(({ message }) => refuse(message));
	print(rows);
	const lost = rows.reduce((sum, row) => sum + row.lost, 0);
	if (lost) console.log(`${lost} requests were lost.`);
	process.exitCode = Number(lost > 0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2]);
