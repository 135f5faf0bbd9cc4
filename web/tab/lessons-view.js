// The lessons as the page shows them: what each quotes from k8s/, its button, and what comes of its fault.

import manifests from '../../target/manifests.json' with { type: 'json' };
import { FAULTS } from '../forecast/faults.js';
import { $, make, rich, write } from './dom.js';
import { LESSONS } from './lessons.js';

const manifest = /** @type {any} */ (manifests.objects.find(({ kind }) => kind === 'Deployment'));
const { name } = manifest.metadata;
const [{ name: container, image }] = manifest.spec.template.spec.containers;

const indentOf = (line) => line.search(/\S/);
const isComment = (line) => line.trim().startsWith('#');

/** The line that begins with `start`, with the comments above it and all that belongs to it. */
function excerpt(lines, start) {
	let from = lines.findIndex((line) => line.trim().startsWith(start));
	if (from < 0) return []; // Somebody's own manifest need not have it.
	let to = from + 1;
	while (indentOf(lines[to] ?? '') > indentOf(lines[from])) to++;
	while (isComment(lines[from - 1] ?? '')) from--;
	return lines.slice(from, to).map((line) => line.slice(indentOf(lines[from])));
}

/** What a lesson quotes, a line each. */
function quote({ file, lines: starts }) {
	// The page breaks a comment where it has to, so here each is one line.
	const lines = manifests.texts[file].replace(/(?<=^ *#.*)\n *#/gm, '').split('\n');
	return starts
		.flatMap((start) => excerpt(lines, start))
		.map((line) => {
			const span = make('span', { className: isComment(line) ? 'comment' : '' }, line);
			span.style.setProperty('--indent', indentOf(line) + 2);
			return span;
		});
}

/** What a lesson's button does, as one would do it on a cluster. */
function commandsOf({ patch = {}, fault, replicas, ask }) {
	if (ask) return [ask.times > 1 ? `for i in $(seq ${ask.times}); do curl -si $URL/${ask.path} | grep x-replica; done` : `curl "$URL/${ask.path}"`];
	const patches = Object.keys(patch).length ? [`kubectl patch deployment ${name} --patch '${JSON.stringify(patch)}'`] : [];
	return FAULTS[fault].commands ? [...patches, ...FAULTS[fault].commands({ name, container, image: image.replace(/:[^:/]*$/, ''), replicas })] : [];
}

/** How a button's commands are shown, if a cluster has any for it. */
function shown(commands) {
	if (!commands.length) return [];
	const intro = make('p', {}, 'The same on a cluster, with its address in ', make('code', {}, '$URL'), ':');
	return [intro, make('code', { className: 'command' }, commands.join('\n'))];
}

/** A sentence of Kubernetes' documentation. */
const documented = ({ quote }) =>
	quote ? [make('p', {}, 'Kubernetes’ documentation: ', make('a', { href: quote.url, target: '_blank', rel: 'noopener' }, `“${quote.words}”`))] : [];

/**
 * Shows all lessons.
 * @param {(lesson: any) => string | Promise<string>} act does what a lesson's button says, and returns what to say of it
 */
export function showLessons(act) {
	for (const lesson of /** @type {any[]} */ (LESSONS)) {
		const { id, title, text, file, button, see, fault } = lesson;
		const output = make('output');
		const action = make('button', { type: 'button' }, button);
		if (fault) action.dataset.fault = fault;
		action.onclick = async () => {
			write(output, await act(lesson));
			output.scrollIntoView({ block: 'nearest' });
		};
		// When this opens, the one above closes, which may move this out of sight.
		const ontoggle = ({ target }) => target.open && target.firstChild.scrollIntoView({ block: 'nearest' });
		const details = make(
			'details',
			{ id, name: 'lesson', ontoggle },
			make('summary', {}, title),
			...text.map((paragraph) => make('p', {}, ...rich(paragraph))),
			...documented(lesson),
			make('p', {}, 'In ', make('code', {}, `k8s/${file}`), ':'),
			make('pre', {}, ...quote(lesson)),
			action,
			make('p', {}, make('b', {}, 'What to see: '), ...rich(see)),
			output,
			...shown(commandsOf(lesson)),
		);
		$('#lessons').append(details);
	}
	addEventListener('hashchange', openLesson);
	openLesson();
}

/** Opens the lesson that the address names, or the first. */
function openLesson() {
	const named = document.getElementById(location.hash.slice(1));
	const lesson = named?.matches('details') ? named : $('details');
	lesson.open = true;
	if (named) lesson.scrollIntoView();
}

/** What is told of a fault's times, by what becomes of its victims. New pods are not ready at first, which is no news. */
const TIMES = {
	restarted: ({ unready, replaced, ready }) => ({ unready, restarted: replaced, ready }),
	replaced: ({ ready }) => ({ 'all ready': ready }),
	'rolled out': ({ replaced, ready }) => ({ 'new pod ready': replaced, 'undone, all ready': ready }),
};
/** What is said if it never was. */
const NEVER = { unready: 'never unready', restarted: 'never restarted', 'all ready': 'never all ready', 'new pod ready': 'no new pod ready' };

/** A row of the table of faults, in words. */
function describe(row) {
	const { fault, at, isCut, done, ready, sent, lost, bad, retried, refused, restarts } = row;
	if (isCut) return 'Cut short: the cluster started over.';
	if (!at) return 'Getting ready: waiting for all replicas and for traffic.';
	const { end } = FAULTS[fault];
	const times = Object.entries(TIMES[end](row));
	const parts = times.filter(([, time]) => time != null).map(([what, time]) => `${what} after ${time.toFixed(1)} s`);
	if (!done) return `${ready != null ? 'Requests in flight are still counted' : 'Under way'}: ${parts.join(', ') || 'watch the picture'}.`;
	parts.push(...times.filter(([what, time]) => time == null && what in NEVER).map(([what]) => NEVER[what]));
	if (restarts && end !== 'restarted') parts.push(`${restarts} restarts of new containers`);
	return `Seen: ${parts.join(', ')}. Of ${sent} requests: ${lost} lost, ${bad} bad, ${retried} retried, ${refused} refused.`;
}

/** Says below its lesson what the newest fault has come to, and whether another may be injected. */
export function tellLessons({ faults: [newest], busy }) {
	const output = newest && $(`[id='${newest.lesson}'] output`);
	if (output) write(output, describe(newest));
	for (const button of document.querySelectorAll('[data-fault]')) button.ariaDisabled = String(busy);
}

/** Forgets what was said of a cluster that is gone. */
export function forget() {
	for (const output of document.querySelectorAll('#lessons output')) write(output, '');
}
