// What a drill has measured, as a table, beside a forecast if there is one.

import { harmOf, labelOf } from '../forecast/faults.js';
import { COUNTS, seedsFrom, summaryOf, TIMES } from '../forecast/forecast.js';
import { describeCauses, describeHarm } from '../forecast/report.js';
import { refuse } from './kubectl.js';

const seconds = (value) => (value === undefined ? '-' : `${value.toFixed(1)} s`);
const line = (label, cells) => console.log(label.padEnd(28) + cells.map((cell) => String(cell).padStart(12)).join(''));

/** Forecasts faults, one run at a time; returns their summaries. */
export async function foresee(subject, faults) {
	await import('./resolve.js').catch(() => refuse('a forecast needs Node 22.15 or newer; make brings one'));
	const { deploymentOf, run } = await import('../forecast/run.js');
	console.log('Forecasting the same faults …');
	const { random } = Math;
	const summaries = [];
	for (const [fault, replicas] of faults) {
		if (fault === 'scale' && replicas === deploymentOf(subject.objects).spec.replicas) continue; // It starts with as many.
		const rows = [];
		for (const seed of seedsFrom(1)) rows.push(await run(subject, fault, seed, undefined, replicas));
		summaries.push(summaryOf(rows));
	}
	Math.random = random;
	return summaries;
}

/** Both tables beside each other: the times, and how many requests were lost or answered wrongly. */
function compare(rows, summaries) {
	const cells = (row) => (row ? [...TIMES.map((name) => seconds(row[name])), `${row.lost + row.bad} of ${row.sent}`] : ['', '', '', 'none']);
	console.log();
	line('', ['forecast', '', '', '', 'measured']);
	line('fault', [...TIMES, 'lost', ...TIMES, 'lost']);
	for (const row of rows) {
		const summary = summaries.find(({ fault, replicas }) => fault === row.fault && replicas === row.replicas);
		line(labelOf(row), [...cells(summary), ...cells(row)]);
	}
}

/** Prints all rows; returns whether users felt nothing. */
export function report(rows, summaries, way) {
	console.log();
	const counts = [...COUNTS, 'restarts'];
	line('fault', [...TIMES, ...counts]);
	for (const row of rows) line(labelOf(row), [...TIMES.map((name) => seconds(row[name])), ...counts.map((name) => row[name])]);
	if (summaries) compare(rows, summaries);
	console.log(`\nRequests went ${way}.`);
	for (const row of rows.filter((it) => it.lost || harmOf(it))) {
		const causes = describeCauses(row);
		console.log(`${labelOf(row)} ${describeHarm(row)}${causes && ` (${causes})`}.`);
	}
	const evictions = rows.filter(({ fault }) => fault === 'evict');
	for (const { denied, least } of evictions)
		console.log(`The disruption budget refused ${denied} evictions. The fewest replicas that were ready at once: ${least}.`);
	const isPaced = evictions.every(({ least, replicas }) => least >= replicas - 1);
	if (!isPaced) console.log('So it did not pace them.');
	const isHarmless = isPaced && rows.every((row) => harmOf(row) === 0);
	console.log(isHarmless ? 'All healed, and nothing was lost.' : 'Something was lost, or did not heal.');
	return isHarmless;
}
