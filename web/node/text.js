// A forecast for a terminal, in plain text without colours.

import { VERDICTS } from '../forecast/compare.js';
import { FAULTS } from '../forecast/faults.js';
import { COUNTS, TIMES } from '../forecast/forecast.js';

const WIDTH = 100;

/** What the table means. */
const LEGEND =
	'Times are in seconds: the middle of five runs, and the least and the most. What an outage of a dependency loses is its own; here, it hurts only if containers are restarted.';

/** A number of a row: that of the middle run, and the least and the most where they differ. */
export function cell(row, name) {
	const text = (value) => (value === undefined ? '-' : TIMES.includes(name) ? value.toFixed(1) : String(value));
	const [least, most] = [row.least[name], row.most[name]].map(text);
	return least === most || name === 'sent' ? text(row[name]) : `${text(row[name])} (${least}–${most})`;
}

/** Where the settings come from, in words: the defaults go without. */
const SOURCES = { option: ' (option)', annotation: ' (annotation)', manifest: ' (from the manifest)', default: '' };
/** What is assumed of a program, by the names of the options. */
export const assumedOf = ({ assumptions }) =>
	Object.entries(assumptions)
		.map(([name, { value, from }]) => `${name} ${value}${SOURCES[from]}`)
		.join(', ');

/** What some faults are called, in a list. */
const labels = (faults) => faults.map((fault) => FAULTS[fault].label.toLowerCase()).join(', ');

/** Sentences on faults without a change, or with none that helps, where the summary does not say so. */
export const leftOf = ({ findings = [], rest = [], untried = [] }) => [
	...(rest.length && findings.length ? [`Nothing we tried helps with: ${labels(rest)}.`] : []),
	...(untried.length ? [`Not tried: ${labels(untried)}.`] : []),
];

function tableOf(rows) {
	const names = [...TIMES, ...COUNTS];
	const cells = [['fault', ...names], ...rows.map((row) => [row.label, ...names.map((name) => cell(row, name))])];
	const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
	return cells.map((row) => row.map((text, column) => (column ? text.padStart(widths[column]) : text.padEnd(widths[0]))).join('  '));
}

/** A paragraph in lines, with something before the first. */
function wrapped(text, first = '') {
	const lines = [first];
	for (const word of text.split(' ')) {
		const last = lines[lines.length - 1];
		if (last.length > first.length && last.length + word.length >= WIDTH) lines.push(' '.repeat(first.length) + word);
		else lines.push(`${lines.pop()}${last.length > first.length ? ' ' : ''}${word}`);
	}
	return lines;
}

/** A Deployment, in lines. */
function sectionOf(deployment) {
	const { summary, notes, rows, findings = [], hints = [], changes = [], together } = deployment;
	const differences = changes.map(({ verdict, text }) => `${VERDICTS[verdict]}: ${text}`);
	const items = [...findings.map(({ text }) => text), ...hints, ...differences].map((text) => text.replaceAll('`', ''));
	return [
		...wrapped(summary),
		...notes.flatMap((note) => wrapped(note)),
		...wrapped(`Assumed: ${assumedOf(deployment)}.`),
		...(rows.length ? ['', ...tableOf(rows), ...wrapped(LEGEND)] : []),
		...(findings.length > 1 ? ['', 'Each change is tried on top of those before it.'] : []),
		...(rows.length === 1 && together ? ['', 'With the changes below:', ...tableOf(together.rows)] : []),
		...items.flatMap((text) => ['', ...wrapped(text, '- ')]),
		...leftOf(deployment).flatMap((text) => ['', ...wrapped(text)]),
		...(together ? ['', together.command] : []),
	];
}

/** @param {Awaited<ReturnType<typeof import('./document.js').documentOf>>} document */
export function textOf({ deployments, idle }) {
	const skipped = idle.map((name) => `${name}: It runs no pods, so it is not forecast.`);
	if (deployments.length === 1) return [...skipped, ...sectionOf(deployments[0])].join('\n');
	const summary = [...deployments.flatMap(({ name, summary }) => wrapped(`${name}: ${summary}`)), ...skipped];
	return [...summary, ...deployments.flatMap((it) => ['', it.name, '='.repeat(it.name.length), ...sectionOf(it)])].join('\n');
}
