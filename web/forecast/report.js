// A forecast in words.

import { FAULTS, labelOf } from './faults.js';
import { sumOf } from './forecast.js';
import { flow } from './patch.js';

const number = new Intl.NumberFormat('en');

/** What a row hurts, in words that follow its label. */
export function describeHarm(row) {
	const { fault, sent, lost, bad } = row;
	const said = FAULTS[fault].says?.(row);
	const parts = said ? [said] : [];
	if (lost) parts.push(`loses ${number.format(lost)} of ${number.format(sent)} requests`);
	if (bad) parts.push(`gives bad answers to ${number.format(bad)} of ${number.format(sent)} requests`);
	return parts.join(', and ') || 'costs nothing';
}

/** Why requests were lost, in words: the causes that were counted. */
const CAUSES = {
	cut: (n) => `${n} cut in flight`,
	refused: (n) => `${n} sent to a pod where nothing was listening`,
	none: (n) => `${n} while no pod was ready`,
	error: (n) => `${n} answered with an error`,
	late: (n) => `${n} never answered`,
};
export const describeCauses = ({ causes }) =>
	Object.entries(causes)
		.sort(([, one], [, other]) => other - one)
		.map(([cause, amount]) => CAUSES[cause](number.format(amount)))
		.join(', ');

/** A value without what a patch only removes. */
function withoutNulls(value) {
	if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
	const kept = Object.entries(value).filter(([, it]) => it !== null);
	return Object.fromEntries(kept.map(([name, it]) => [name, withoutNulls(it)]));
}

/** What a patch sets, a field of the spec or of a container a time. */
function changesOf(value, key = '') {
	if (Array.isArray(value)) return value.flatMap(({ name, ...item }) => changesOf(item));
	if (['', 'spec', 'template', 'containers', 'initContainers'].includes(key)) return Object.entries(value).flatMap(([key, it]) => changesOf(it, key));
	return [`\`${key}: ${flow(withoutNulls(value))}\``];
}

const list = (items) => new Intl.ListFormat('en').format(items);

/**
 * A finding in a few sentences.
 * @param {import('./search.js').Finding} finding
 */
export function describe({ why, note, advice, patch, before, after, also }) {
	const causes = describeCauses(before);
	const said = [`${labelOf(before)} ${describeHarm(before)}: ${why}${causes ? ` (${causes})` : ''}.`];
	if (also.length) said.push(`${also.length === 1 ? 'This has' : 'These have'} the same reason: ${list(also.map((row) => labelOf(row).toLowerCase()))}.`);
	const needs = patch && JSON.stringify(patch).includes('"sleep":{') ? ' (`sleep` needs Kubernetes 1.30)' : '';
	said.push(advice ?? `Set ${list(changesOf(patch))}${needs}.`);
	const longer = before.ready && after.ready > before.ready + 3 ? `, and takes ${after.ready.toFixed(0)} s instead of ${before.ready.toFixed(0)} s` : '';
	const spared = sumOf(after) ? undefined : FAULTS[after.fault].spared;
	said.push(`With it, ${labelOf(after).toLowerCase()} ${spared ?? describeHarm(after)}${longer}.`);
	if (patch && JSON.stringify(patch).includes('"exec":null')) said.push('This replaces what the hook does now.');
	if (note) said.push(note);
	return said.join(' ');
}
