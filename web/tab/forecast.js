// The page of the forecast: it hands what is in the form to the forecaster, and shows what that says.

import manifests from '../../target/manifests.json' with { type: 'json' };
import { $, copy } from './dom.js';
import { showAssumed, showDone, showFindings, showRest } from './findings-view.js';
import { add, areChangesShown, areReady, finish, known, reset, showChanges, showCompared } from './forecast-view.js';
import { answers, fill, form, seed, showNames, showUsual, summarize } from './form.js';
import { fragmentOf, sharedIn } from './link.js';

const STALE = 'You changed the input. Press Forecast again.';
/** As much of a file is read, in bytes: more than the reader takes, so that it says what is wrong with a larger one. */
const ENOUGH = 20_000_000;
/** A browser takes seconds to lay out a text that is longer, in characters. */
const LONG = 500_000;

let bytes; // a file's, for as long as nobody changes the text that shows it
let forecaster; // the worker that is busy
let started = 0; // when it was
let request; // what it was given
let subject; // what it found in that
let findings = []; // what it told so far
let isStale = false; // the input is no longer what is shown

const say = (text) => {
	$('#status').textContent = text;
};

function stop(said) {
	forecaster?.terminate();
	forecaster = undefined;
	$('#stop').disabled = true;
	setBusy(false);
	say(isStale ? `${said} ${STALE}` : said);
}

function setBusy(isBusy) {
	for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll('#go, #compare, .try'))) button.disabled = isBusy;
}

/** Forecasts what is in the form. */
function start() {
	const { manifest, old, name } = form.elements;
	request = { manifest: bytes ?? manifest.value, old: old.value, name: name.value, answers: answers(), seed: seed() };
	[subject, findings, isStale] = [undefined, [], false];
	$('#link').disabled = $('#compare').hidden = true;
	reset([]);
	showFindings([], attempt);
	run();
}

/** Tries a patch of what was forecast last. */
function attempt(patch) {
	showChanges([]);
	nameComparison();
	run(patch);
}

/** Has a new worker do what was requested; with a patch, only that is tried. */
function run(patch = undefined) {
	stop('Starting…');
	setBusy(true);
	$('#stop').disabled = false;
	started = performance.now();
	forecaster = new Worker(FORECASTER, { type: 'module' });
	forecaster.onerror = () => stop('The forecast could not run here. Reload the page, and try again.');
	forecaster.onmessage = ({ data }) => hear(data, patch);
	forecaster.postMessage({ ...request, patch });
}

function hear({ error, subject: found, summary, compared, finding, done }, patch) {
	if (error) stop(error);
	else if (found) {
		if (!patch) showSubject(found);
		sayProgress(patch);
	} else if (summary) {
		add(summary);
		sayProgress(patch);
	} else if (compared) {
		showCompared(compared);
		sayProgress(patch);
	} else if (finding) {
		findings.push(finding);
		showFindings(findings, attempt);
		setBusy(true);
		sayProgress(patch);
	} else if (done) hearDone(done, patch);
}

function showSubject(found) {
	subject = found;
	if (bytes) form.elements.manifest.value = found.text.length > LONG ? found.shared : found.text;
	showNames(found.names, found.name);
	showUsual(found.settings);
	showAssumed(found, request.seed);
	reset(found.faults);
	$('#link').disabled = isStale;
}

function sayProgress(patch) {
	const [count, all] = [known(), subject.faults.length - 1];
	if (patch || (areReady() && count < all)) say(`${subject.name}: ${count} of ${all} faults…`);
	else if (request.old.trim() && $('#changes').hidden) say('Forecasting the older version…');
	else say(`Trying what would help…${findings.length ? ` Found so far: ${findings.length}.` : ''}`);
}

function hearDone(done, patch) {
	const seconds = ((performance.now() - started) / 1000).toFixed(0);
	finish();
	if (subject.silence) showRest([subject.silence]);
	else if (!patch) {
		showDone(done, attempt);
		nameComparison();
		const compare = $('#compare');
		compare.hidden = !done.command;
		compare.onclick = () => {
			showChanges(areChangesShown() ? undefined : done.after);
			nameComparison();
		};
	}
	stop(`Done in ${seconds} s.${patch ? ' The table shows what changes with it.' : ''}`);
}

/** Says what the button would show. */
function nameComparison() {
	$('#compare').textContent = areChangesShown() ? 'Show without changes' : 'Show with all changes';
}

form.onsubmit = (event) => {
	event.preventDefault();
	start();
};
form.oninput = ({ target }) => {
	summarize();
	if (!request || target === form.elements.file) return;
	isStale = $('#link').disabled = true;
	if (!forecaster) say(STALE);
};
form.elements.manifest.oninput = () => {
	bytes = undefined;
	showNames([]);
	showUsual();
};
form.elements.name.onchange = start;
$('#stop').onclick = () => stop('Stopped.');
$('#example').onclick = () => {
	form.elements.manifest.value = `${manifests.texts['deployment.yaml']}---\n${manifests.texts['service.yaml']}`;
	form.elements.manifest.oninput();
	start();
};

/** Takes a file in place of what is there. @param {File} [file] */
async function open(file) {
	if (!file) return;
	try {
		const content = await file.slice(0, ENOUGH).arrayBuffer();
		form.elements.manifest.value = '';
		form.elements.manifest.oninput();
		bytes = new Uint8Array(content);
	} catch {
		return stop('This file cannot be read.');
	}
	start();
}
form.elements.file.onchange = async ({ target }) => {
	await open(target.files[0]);
	target.value = ''; // so that the same file can be opened again, once it has changed
};
form.ondragover = (event) => event.preventDefault();
form.ondrop = (event) => {
	const [file] = event.dataTransfer.files;
	if (!file) return;
	event.preventDefault();
	open(file);
};

$('#link').onclick = async ({ target }) => {
	const fragment = await fragmentOf({ manifest: subject.shared, name: subject.name, answers: request.answers, seed: request.seed });
	history.replaceState(null, '', `#${fragment}`);
	copy(location.href, target);
};

async function openLink() {
	const fragment = location.hash.slice(1);
	if (!fragment) return;
	try {
		const shared = await sharedIn(fragment);
		bytes = undefined;
		fill(shared);
	} catch {
		return stop('This link is incomplete or invalid.');
	}
	start();
}
addEventListener('hashchange', openLink);
say('Nothing has been forecast yet.');
openLink();
