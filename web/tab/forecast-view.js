// What a forecast shows of its faults: a table, and a picture of the row that was chosen.

import { labelOf } from '../forecast/faults.js';
import { COUNTS, sumOf, TIMES } from '../forecast/forecast.js';
import { $, make } from './dom.js';
import { Picture } from './picture.js';

/** @typedef {import('../forecast/forecast.js').Summary} Summary */

const number = new Intl.NumberFormat('en');
/** What users feel comes first. */
const COLUMNS = [...COUNTS, ...TIMES];
/** Here, the least and the most say nothing of what a fault costs. */
const PLAIN = ['sent', 'retried'];
const picture = new Picture($('figure'));

/** The summaries by fault: without changes, and with those that are shown, if any. @type {Record<string, Summary>} */
let before = {};
/** @type {Record<string, Summary> | undefined} */
let after;
/** Those of an older version that this one is compared with. @type {Record<string, Summary>} */
let older = {};
let chosen = ''; // the fault whose picture is shown
let isPicked = false; // by the user
let unknown = '…'; // what stands for a number

/** The row of a fault, which stays while its numbers change, so that nothing takes the focus away. */
const lineOf = (fault) => $(`#rows [data-fault='${fault}']`);

/** Forgets all summaries, and makes room for those of some faults. @param {string[]} faults */
export function reset(faults) {
	[before, after, older, chosen, isPicked, unknown] = [{}, undefined, {}, '', false, '…'];
	$('#changes').hidden = true;
	$('#rows tbody').replaceChildren(...faults.map(emptyLine));
	faults.forEach(showNumbers);
	$('#caption').textContent = 'The picture of each fault is shown here.';
	picture.show([]);
}

function emptyLine(fault) {
	const pick = () => {
		isPicked = true;
		choose(fault);
	};
	const line = make('tr', {}, make('th', { scope: 'row' }, make('button', { type: 'button', className: 'link', onclick: pick })));
	line.dataset.fault = fault;
	return line;
}

/** Takes a summary: with changes, if some are shown. @param {Summary} summary */
export function add(summary) {
	const { fault } = summary;
	(after ?? before)[fault] = summary;
	showNumbers(fault);
	const isWorst = !before[chosen] || sumOf(summary) > sumOf(before[chosen]);
	if (after ? fault === chosen : isWorst && !isPicked) choose(fault);
}

const byFault = (summaries) => Object.fromEntries(summaries.map((it) => [it.fault, it]));

/** Shows what has changed since an older version. @param {{ before: Summary[], lines: string[] }} compared */
export function showCompared({ before: summaries, lines }) {
	older = byFault(summaries);
	for (const fault of Object.keys(before)) showNumbers(fault);
	$('#changes').replaceChildren(
		make('p', {}, 'Compared with the older version (in the table: before → now):'),
		make('ul', {}, ...lines.map((text) => make('li', {}, text))),
	);
	$('#changes').hidden = false;
}

/** Shows what changes have come to, or without any, what there was before. @param {Summary[]} [summaries] */
export function showChanges(summaries) {
	after = summaries && byFault(summaries);
	for (const fault of Object.keys({ ...before, ...after })) showNumbers(fault);
	choose(chosen);
}
export const areChangesShown = () => after !== undefined;
/** Whether the replicas get ready, as far as is known. */
export const areReady = () => !before.control || before.control.at !== undefined;
/** How many faults are known; the control run is none. */
export const known = () => Object.keys(after ?? before).filter((fault) => fault !== 'control').length;

/** No more summaries come: if the replicas never get ready, only that of the control run did. */
export function finish() {
	unknown = '–';
	for (const { dataset } of $('#rows tbody').children) showNumbers(dataset.fault);
}

function showNumbers(fault) {
	const line = lineOf(fault);
	const now = after?.[fault] ?? before[fault];
	const button = $('button', line);
	button.disabled = !now;
	button.textContent = labelOf(now ?? { fault });
	while (line.childElementCount > 1) line.lastChild.remove();
	line.append(...COLUMNS.map((name) => cellOf(name, after ? before[fault] : (older[fault] ?? now), now)));
}

/** A number in the middle run, and below it, the least and the most; before and after changes. */
function cellOf(name, old, now) {
	const say = (value) => (value === undefined ? '–' : TIMES.includes(name) ? value.toFixed(1) : number.format(value));
	const middle = (it) => (it ? say(it[name]) : unknown);
	const differs = (it) => it && !PLAIN.includes(name) && say(it.least[name]) !== say(it.most[name]);
	// The joiners keep it in one line.
	const range = (it) => (differs(it) ? `${say(it.least[name])}\u2060–\u2060${say(it.most[name])}` : middle(it));
	const both = (read) => (read(old) === read(now) ? read(now) : `${read(old)} → ${read(now)}`);
	const isHarm = (name === 'lost' || name === 'bad') && now?.most[name] > 0;
	const cell = make('td', { className: isHarm ? 'bad' : '' }, both(middle));
	if (both(range) !== both(middle)) cell.append(make('small', {}, both(range)));
	return cell;
}

function choose(fault) {
	chosen = fault;
	const shown = after?.[fault] ?? before[fault];
	if (!shown) return;
	const { sent, lost, bad, at, moments, reason } = shown;
	const label = `${labelOf(shown)}${after?.[fault] ? ', with changes' : ''}`;
	const counts = `of ${number.format(sent)} requests, ${number.format(lost)} were lost, and ${number.format(bad)} got a bad answer`;
	$('#caption').textContent = at === undefined ? `The replicas never get ready${reason ? `: ${reason}` : '.'}` : `${label}: ${counts}, in the middle run.`;
	picture.show(moments, at ?? moments[0]?.at);
	for (const button of document.querySelectorAll('#rows button')) button.ariaPressed = String(button === $('button', lineOf(fault)));
}

reset([]);
