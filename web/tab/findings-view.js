// What a forecast has found: what to change, what nothing helps with, and what it assumed.

import { labelOf } from '../forecast/faults.js';
import { seedsFrom } from '../forecast/forecast.js';
import { CLIENTS, QUESTIONS } from '../forecast/questions.js';
import { $, copy, make, rich } from './dom.js';

/**
 * A change that helps, or only what there is to say.
 * @typedef {{ text: string, lesson?: string, patch?: any, command?: string }} Finding
 */

const list = $('#findings ol');

/** What applies a patch, and copies it. */
function commandOf(command) {
	const button = make('button', { type: 'button', className: 'soft', onclick: () => copy(command, button) }, 'Copy');
	return { details: make('details', {}, make('summary', {}, 'The command'), make('code', { className: 'command' }, command)), button };
}

/** @param {Finding} finding @param {(patch: any) => void} attempt tries its patch */
function itemOf({ text, lesson, patch, command }, attempt) {
	const item = make('li', {}, make('p', {}, ...rich(text)));
	const row = make('div', { className: 'row' });
	if (command || lesson) item.append(row);
	if (command) {
		const { details, button } = commandOf(command);
		row.before(details);
		row.append(make('button', { type: 'button', className: 'try', onclick: () => attempt(patch), disabled: true }, 'Try it'), button);
	}
	if (lesson) row.append(make('a', { href: `./#${lesson}`, target: '_blank', rel: 'noopener' }, 'The lesson on this'));
	return item;
}

/** Shows findings in place of those that were there. @param {Finding[]} findings */
export function showFindings(findings, attempt) {
	list.replaceChildren(...findings.map((finding) => itemOf(finding, attempt)));
	$('#findings').hidden = !findings.length;
	$('#whole').replaceChildren();
	showRest([]);
}

/** Shows what a search came to in the end. */
export function showDone({ findings, command, hints, rest, untried }, attempt) {
	showFindings([...findings, ...hints.map((text) => ({ text }))], attempt);
	if (findings.filter(({ patch }) => patch).length > 1) {
		const { details, button } = commandOf(command);
		$('#whole').append(make('p', {}, 'All of these changes in one:'), details, make('div', { className: 'row' }, button));
	}
	const labels = (faults) => faults.map((fault) => labelOf({ fault }).toLowerCase()).join(', ');
	showRest([
		...(findings.length || hints.length || rest.length ? [] : ['Nothing avoidable is lost.']),
		...(rest.length ? [`Nothing we tried helps with: ${labels(rest)}.`] : []),
		...(untried.length ? [`Not tried: ${labels(untried)}.`] : []),
	]);
}

/** Shows sentences below the findings, or instead of them. */
export function showRest(sentences) {
	$('#rest').replaceChildren(...sentences.map((text) => make('p', {}, text)));
	if (sentences.length) $('#findings').hidden = false;
}

/** Whether a route retries, by how requests come. */
const RETRIES = {
	service: 'Nothing is retried.',
	kept: 'Nothing is retried, but a connection that was closed between two requests is reopened.',
	proxy: 'The proxy retries a refused connection if the request is idempotent. It does not retry one that was cut.',
};

/** What is assumed of everything that the manifest does not say. @param {import('../forecast/questions.js').Settings} settings */
function assumptions({ requests, term, start, slow, answer, breaks, health, most, beyond, burst, news }, seed) {
	const meaning = (name, value) => QUESTIONS.find((question) => question.name === name).options[value];
	const seeds = seedsFrom(seed);
	return [
		`Requests come ${meaning('requests', requests)}. ${RETRIES[requests]}`,
		`${CLIENTS.quick + CLIENTS.slow} clients keep sending requests: ${CLIENTS.quick} get quick answers, and ${CLIENTS.slow} the slowest. In a burst, ${burst} more come at once.`,
		`${requests === 'proxy' ? 'The proxy' : 'kube-proxy'} learns within ${news} s that a pod has come or gone.`,
		`On SIGTERM, the program ${meaning('term', term)}.`,
		`It starts in ${start} s, or in ${slow} s on a busy node, and its slowest answers take ${answer} s.`,
		`A replica handles ${most} requests at once. With more, ${meaning('beyond', beyond)}.`,
		`When a replica breaks, ${meaning('breaks', breaks)}.`,
		`Its health check covers ${meaning('health', health)}.`,
		`Each fault is injected ${seeds.length} times, with the seeds ${seeds[0]} to ${seeds.at(-1)}: the same seed gives the same result. Times are virtual, so they do not depend on your computer.`,
	];
}

/** Shows what a forecast assumes. */
export function showAssumed({ notes, settings, silence }, seed) {
	const assumed = [...notes, ...(silence ? [] : assumptions(settings, seed))];
	$('#assumed ul').replaceChildren(...assumed.map((text) => make('li', {}, text)));
	$('#assumed').hidden = !assumed.length;
}
