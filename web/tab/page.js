// The page: it sends commands to the cluster, which is in the service worker, and shows what that tells.

import { labelOf } from '../forecast/faults.js';
import { $, write } from './dom.js';
import { forget, showLessons, tellLessons } from './lessons-view.js';
import { Picture } from './picture.js';
import { showTables } from './tables.js';

/** The faults that are nothing without /wait. */
const CROWDS = ['burst', 'flood'];
const picture = new Picture($('figure'));

let state; // what the worker said last
let shown; // when the cluster was started that the control room shows
let worker; // the service worker
const post = (command) => worker?.postMessage(command);
let restarted = ''; // when the browser ended the worker

showLessons((lesson) => {
	if (!state) return 'The cluster is still starting.';
	return lesson.ask ? ask(lesson.ask) : inject(lesson);
});
for (const button of $('#speed').children) button.onclick = () => post({ speed: Number(button.value) });
$('#restart').onclick = () => post({ isFresh: true });

/** Sends what a lesson injects; returns what to say until it is told what has come of it. */
function inject({ id, patch, settings, fault, replicas }) {
	if (state.busy) return 'A fault is already in progress. Wait for the cluster to heal, or start over.';
	if (!state.canWait && CROWDS.includes(fault)) return 'This needs /wait, which does not work in this browser.';
	post({ lesson: id, patch, settings, fault, replicas });
	return 'Starting…';
}

/** Asks the Service, one request after the other; returns the answer, or how many came from each replica. */
async function ask({ path, times }) {
	const counts = {};
	for (let count = 0; count < times; count++) {
		try {
			const response = await fetch(`cluster/${path}`, { cache: 'no-store' });
			const answer = `${response.status} ${await response.text()}`;
			const from = (times > 1 && response.headers.get('x-replica')) || answer;
			counts[from] = (counts[from] ?? 0) + 1;
		} catch {
			return 'No answer.';
		}
	}
	const answers = Object.entries(counts).sort();
	return `Seen: ${times > 1 ? answers.map(([from, count]) => `${from}: ${count}`).join(', ') : answers[0][0]}.`;
}

// Past its header, so that all lanes are in sight.
$('iframe').onload = ({ target: { contentWindow, contentDocument } }) => contentDocument && contentWindow.scrollTo(0, $('main', contentDocument)?.offsetTop);

function show(told) {
	if (told.error) return write($('#status'), `The cluster could not start: ${told.error}`);
	if (isOutdated(told.page)) return location.reload();
	if (state && state.worker !== told.worker) {
		restarted = `The browser ended the service worker at ${new Date().toLocaleTimeString()}: the cluster started afresh. `;
		forget();
	}
	state = told;
	const { pods, faults, busy, replicas, moments, speed, canWait, started } = state;
	const ready = pods.filter(({ isReady }) => isReady).length;
	write($('#status'), `${ready} of ${replicas} replicas ready${busy ? `. Under way: ${labelOf(faults[0])}` : ''}`);
	write($('#notice'), restarted + (canWait ? '' : 'This browser cannot suspend WebAssembly (JSPI): /wait does not work here, everything else does.'));
	for (const button of $('#speed').children) button.ariaPressed = String(Number(button.value) === speed);
	if (ready && shown !== started) {
		shown = started; // The lanes of pods that are gone would only confuse.
		$('iframe').src = 'cluster/';
	}
	picture.show(moments, undefined, 120);
	showTables(state);
	tellLessons(state);
}

/** Whether the worker is of another version than this page, and this is not known yet: nothing may reload for ever. */
function isOutdated(page) {
	if (import.meta.url.endsWith(page) || sessionStorage.getItem('reloaded for') === page) return false;
	sessionStorage.setItem('reloaded for', page);
	return true;
}

/** Starts the service worker, and keeps in touch with it. */
async function connect() {
	const { serviceWorker } = navigator;
	if (typeof WebAssembly === 'undefined') return write($('#status'), 'WebAssembly is not available here; some browser security settings turn it off.');
	if (!serviceWorker)
		return write($('#status'), 'Service workers are not available here: they need HTTPS or localhost, and often do not work in a private window.');
	// Of this registration's own worker alone: one of a registration that is gone may still run.
	serviceWorker.onmessage = ({ data, source }) => {
		if (data.error || source === worker) show(data);
	};
	serviceWorker.startMessages();
	try {
		const registration = await serviceWorker.register('worker.js', { type: 'module', updateViaCache: 'none' });
		registration.installing?.addEventListener('statechange', (/** @type {any} */ { target }) => {
			const isUnexplained = !state && !$('#status').textContent.includes('could not start');
			if (target.state === 'redundant' && isUnexplained) write($('#status'), 'The service worker could not be installed: there may be no room.');
		});
		await serviceWorker.ready;
		const ask = () => {
			worker = registration.active;
			post({}); // The answer keeps ages right, and the question keeps the worker alive.
		};
		ask();
		setInterval(ask, 1000);
	} catch ({ message }) {
		write($('#status'), `This browser could not start the service worker: ${message}`);
	}
}
connect();
