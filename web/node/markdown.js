// A forecast in Markdown, for a pull request or a step's summary.

import { VERDICTS } from '../forecast/compare.js';
import { cell, leftOf } from './text.js';

/**
 * A text in which code stands between backticks. Whatever else could be Markdown, HTML or the name of somebody is none:
 * manifests come from anybody.
 */
const md = (text) =>
	text
		.split('`')
		.map((part, index) => (index % 2 ? `\`${part.replaceAll('|', '\\|')}\`` : part.replace(/[\\*_[\]<>&|~#]/g, '\\$&').replaceAll('@', '@<!-- -->')))
		.join('')
		.replaceAll('``', '');

/** A command between fences that are longer than any in it. */
function fenced(command) {
	const longest = Math.max(2, ...Array.from(command.matchAll(/`+/g), ([ticks]) => ticks.length));
	const fence = '`'.repeat(longest + 1);
	return [`${fence}sh`, command, fence];
}

const details = (summary, lines) => (lines.length ? ['', `<details><summary>${summary}</summary>`, '', ...lines, '', '</details>'] : []);
const list = (items) => items.map((text) => `- ${md(text)}`);

/** A table of faults: what users get, and what they would with other rows. */
function tableOf(rows, others, title) {
	const lost = (row) => (row ? cell(row, 'lost') : '–');
	const ready = (row) => (row?.ready === undefined ? '–' : `${row.ready.toFixed(0)} s`);
	const line = (row) => {
		const other = others.find(({ fault }) => fault === row.fault);
		return [row.label, cell(row, 'sent'), lost(row), cell(row, 'bad'), ready(row), ...(title ? [lost(other), ready(other)] : [])];
	};
	const head = ['Fault', 'Requests', 'Lost', 'Bad', 'Ready after', ...(title ? [`Lost ${title}`, `Ready ${title}`] : [])];
	const cells = [head, head.map((_, index) => (index ? '--:' : '---')), ...rows.map(line)];
	return rows.length ? ['', ...cells.map((texts) => `| ${texts.join(' | ')} |`)] : [];
}

function assumedOf({ assumptions }) {
	const line = ([name, { value, from }]) => `| \`${name}\` | ${value} | ${from} |`;
	return ['| Assumed | | from |', '|---|---|---|', ...Object.entries(assumptions).map(line)];
}

function sectionOf(deployment) {
	const { name, summary, notes, rows, findings = [], hints = [], changes, before = [], together } = deployment;
	const [others, title] = changes ? [before, 'before'] : [together?.rows ?? [], together && 'with the changes'];
	const differences = (changes ?? []).map(({ verdict, text }) => `${VERDICTS[verdict]}: ${text}`);
	const items = [...findings.map(({ text }) => text), ...differences, ...hints, ...leftOf(deployment)];
	return [
		`### Forecast of \`${name}\``,
		'',
		md(summary),
		...tableOf(rows, others, title),
		...(items.length ? ['', ...list(items)] : []),
		...(together ? ['', ...fenced(together.command)] : []),
		...details('What is assumed and not modelled', [...assumedOf(deployment), ...(notes.length ? ['', ...list(notes)] : [])]),
	];
}

/** @param {Awaited<ReturnType<typeof import('./document.js').documentOf>>} document */
export function markdownOf({ deployments, idle }) {
	const summary = deployments.length > 1 ? [...deployments.map(({ name, summary }) => `- \`${name}\`: ${md(summary)}`), ''] : [];
	const skipped = idle.length ? ['', `Not forecast, since they run no pods: ${idle.map((name) => `\`${name}\``).join(', ')}.`] : [];
	return [...summary, ...deployments.flatMap((it, index) => [...(index ? [''] : []), ...sectionOf(it)]), ...skipped].join('\n');
}
