// The page: it shows the state of the cluster, which is in the service worker, and sends it patches and faults.

import { LESSONS } from './lessons.js';
import manifest from './manifest.js';
import { merge } from './patch.js';

const FAULTS = { fail: '/fail', quit: '/quit', restart: 'rolling restart', scale: 'scale', burst: 'burst of waits', flood: 'flood of waits' };

const $ = (selector, root = document) => root.querySelector(selector);
const make = (tag, properties, ...children) => {
	const element = Object.assign(document.createElement(tag), properties);
	element.append(...children);
	return element;
};
const write = (element, text) => { if (element.textContent !== String(text)) element.textContent = text };
const post = (command) => navigator.serviceWorker.controller?.postMessage(command);
const form = $('form');

let state; // what the worker said last
let running; // the experiment that was begun last, from this page: { fault, output, after }
let shown; // when the pods were created that the control room shows
let restarted = ''; // when the browser ended the worker

/** The numbers of a deployment, by the names of the form's fields. */
function numbersOf({ spec: { replicas, template } }) {
	const [{ env, startupProbe, readinessProbe, livenessProbe, lifecycle }] = template.spec.containers;
	return {
		replicas,
		MAX_WAITS: env.find(({ name }) => name === 'MAX_WAITS').value,
		preStop: lifecycle?.preStop.sleep.seconds ?? 0,
		path: startupProbe.httpGet.path,
		readiness: Boolean(readinessProbe),
		'readiness period': readinessProbe?.periodSeconds,
		'readiness threshold': readinessProbe?.failureThreshold,
		liveness: Boolean(livenessProbe),
		'liveness period': livenessProbe?.periodSeconds,
		'liveness threshold': livenessProbe?.failureThreshold,
	};
}
const ORIGINAL = numbersOf(manifest);

/** What of `wanted` is not in `base`, as a patch; undefined if all is. Lists differ by name. */
function difference(base, wanted) {
	if (wanted === null || typeof wanted !== 'object') return wanted === base ? undefined : wanted;
	if (Array.isArray(wanted)) {
		const items = wanted.map((item) => [item.name, difference(base.find(({ name }) => name === item.name), item)]);
		const changed = items.filter(([, patch]) => patch).map(([name, patch]) => ({ name, ...patch }));
		return changed.length ? changed : undefined;
	}
	const entries = Object.keys(wanted).map((key) => [key, difference(base[key], wanted[key])]);
	const changed = entries.filter(([, patch]) => patch !== undefined);
	return changed.length ? Object.fromEntries(changed) : undefined;
}

/** The form as a patch of the manifest. */
function patchOfForm() {
	const field = (name) => form.elements[name];
	const number = (name) => field(name).valueAsNumber;
	const httpGet = { path: field('path').value };
	const probe = (kind) => field(kind).checked ? { httpGet, periodSeconds: number(`${kind} period`), failureThreshold: number(`${kind} threshold`) } : null;
	const api = {
		name: 'api',
		env: [{ name: 'MAX_WAITS', value: String(number('MAX_WAITS')) }],
		startupProbe: { httpGet },
		readinessProbe: probe('readiness'),
		livenessProbe: probe('liveness'),
		lifecycle: number('preStop') ? { preStop: { sleep: { seconds: number('preStop') } } } : null,
	};
	return difference(manifest, { spec: { replicas: number('replicas'), template: { spec: { containers: [api] } } } }) ?? {};
}

function fillForm(patch) {
	for (const [name, value] of Object.entries(numbersOf(merge(manifest, patch)))) {
		const field = form.elements[name];
		if (field.type === 'checkbox') field.checked = value;
		else field.value = value ?? ORIGINAL[name];
	}
	formChanged();
}

function formChanged() {
	for (const kind of ['readiness', 'liveness']) {
		for (const number of ['period', 'threshold']) form.elements[`${kind} ${number}`].disabled = !form.elements[kind].checked;
	}
	if (!form.checkValidity()) return write($('#command'), 'Not all numbers are valid.');
	const patch = JSON.stringify(patchOfForm());
	write($('#command'), patch === '{}' ? 'kubectl apply -f k8s/deployment.yaml' : `kubectl patch deployment spin-on-k8s --patch '${patch}'`);
}

const NONE = '–';

/** What a patch changes, in the form's words. */
function changesOf(patch) {
	const numbers = Object.entries(numbersOf(merge(manifest, patch)));
	const changed = numbers.filter(([name, value]) => value !== undefined && value !== ORIGINAL[name]);
	return changed.map(([name, value]) => `${name} ${value || 'off'}`).join(', ') || NONE;
}

/** Sends a patch and a fault; `output` will say what comes of it. */
function inject({ patch, fault }, output) {
	if (state.busy) return write(output, 'Another fault is under way. Wait until it is healed.');
	if (!state.canWait && (fault === 'burst' || fault === 'flood')) return write(output, 'This takes /wait, which does not work in this browser.');
	running = { fault, output, after: state.faults[0]?.id ?? 0 };
	write(output, 'Starting…');
	output.scrollIntoView({ block: 'nearest' });
	post({ patch, fault });
}

const CUT = 'Cut short: the pods were replaced.';

/** A row of the table of faults, in words. */
function describe({ fault, unready, replaced, ready, isInjected, isCut, sent, lost, bad, retried, refused, done }) {
	if (isCut) return CUT;
	if (!isInjected) return 'Getting ready: all replicas have to serve, and requests to flow.';
	// New pods are not ready at first, which is no news.
	const times = fault === 'restart' || fault === 'scale' ? { ready } : { unready, replaced, ready };
	const parts = Object.entries(times).filter(([, time]) => time != null).map(([what, time]) => `${what} after ${time.toFixed(1)} s`);
	if (!done) return `${ready != null ? 'Requests in flight are still counted' : 'Under way'}: ${parts.join(', ') || 'nothing seen yet'}.`;
	for (const what of ['unready', 'replaced']) if (what in times && times[what] == null) parts.push(`never ${what}`);
	return `Seen: ${parts.join(', ')}. Of ${sent} requests: ${lost} lost, ${bad} bad, ${retried} retried, ${refused} refused.`;
}

/** Asks the service, one request after the other, and shows the answers, or how many came from each replica. */
async function ask({ path, times }, output) {
	const counts = {};
	for (let count = 0; count < times; count++) {
		try {
			const response = await fetch(`cluster/${path}`, { cache: 'no-store' });
			const answer = `${response.status} ${await response.text()}`;
			const from = times > 1 && response.headers.get('x-replica') || answer;
			counts[from] = (counts[from] ?? 0) + 1;
		} catch { return write(output, 'No answer.') }
	}
	const answers = Object.entries(counts).sort();
	write(output, `Seen: ${times > 1 ? answers.map(([from, count]) => `${from}: ${count}`).join(', ') : answers[0][0]}.`);
}

/** Text, in which backticks enclose code. */
const rich = (text) => text.split('`').map((part, index) => index % 2 ? make('code', {}, part) : part);

const indentOf = (line) => line.search(/\S/);
const isComment = (line) => line.trim().startsWith('#');

/** The line that begins with `start`, with the comments above it and all that belongs to it. */
function excerpt(lines, start) {
	let from = lines.findIndex((line) => line.trim().startsWith(start)), to = from + 1;
	while (indentOf(lines[to]) > indentOf(lines[from])) to++;
	while (isComment(lines[from - 1])) from--;
	return lines.slice(from, to).map((line) => line.slice(indentOf(lines[from])));
}

const read = async (file) => (await fetch(`k8s/${file}`)).text();
const files = {};

async function quote(file, starts, pre) {
	const text = await (files[file] ??= read(file));
	// The page breaks a comment where it has to, so here each is one line.
	const lines = text.replace(/(?<=^ *#.*)\n *#/gm, '').split('\n');
	for (const line of starts.flatMap((start) => excerpt(lines, start))) {
		const span = make('span', { className: isComment(line) ? 'comment' : '' }, line);
		span.style.setProperty('--indent', indentOf(line) + 2);
		pre.append(span);
	}
}

for (const { id, title, text, file, lines, button, see, ...command } of LESSONS) {
	const changes = changesOf(command.patch ?? {});
	const output = make('output');
	const pre = make('pre');
	const action = make('button', { type: 'button' }, button);
	action.onclick = () => state && (command.ask ? ask(command.ask, output) : inject(command, output));
	// When this opens, the one above closes, which may move this out of sight.
	const ontoggle = ({ target }) => target.open && target.firstChild.scrollIntoView({ block: 'nearest' });
	$('#lessons').append(make('details', { id, name: 'lesson', ontoggle },
		make('summary', {}, title),
		...text.map((paragraph) => make('p', {}, ...rich(paragraph))),
		make('p', {}, 'In ', make('code', {}, `k8s/${file}`), ':'), pre,
		...(changes === NONE ? [] : [make('p', {}, `Changed for this: ${changes}.`)]),
		action,
		make('p', {}, make('b', {}, 'What to see: '), ...rich(see)),
		output));
	if (command.fault) action.dataset.fault = command.fault;
	quote(file, lines, pre);
}

/** Opens the lesson that the address names, or the first. */
function openLesson() {
	const named = document.getElementById(location.hash.slice(1));
	const lesson = named?.matches('details') ? named : $('details');
	lesson.open = true;
	if (named) lesson.scrollIntoView();
}
addEventListener('hashchange', openLesson);
openLesson();

const result = $('form output');
for (const button of $('#inject').children) {
	button.dataset.fault = button.value;
	button.onclick = () => state && form.reportValidity() && inject({ patch: patchOfForm(), fault: button.value }, result);
}
form.onsubmit = (event) => {
	event.preventDefault();
	post({ patch: patchOfForm() });
};
form.oninput = formChanged;
$('#reset').onclick = () => {
	fillForm({});
	post({ patch: {} });
};
$('#copy').onclick = async ({ target }) => {
	getSelection().selectAllChildren($('#command'));
	try {
		await navigator.clipboard.writeText($('#command').textContent);
		target.textContent = 'Copied';
		setTimeout(() => { target.textContent = 'Copy' }, 2000);
	} catch {} // Without HTTPS there is no clipboard; the line stays selected.
};
fillForm({});

// Past its header, so that all lanes are in sight.
$('iframe').onload = ({ target: { contentWindow, contentDocument } }) => contentDocument && contentWindow.scrollTo(0, $('main', contentDocument)?.offsetTop);

/** Makes a table say `rows`: each is whether it is bad, and its cells. */
function fill(selector, rows) {
	const body = $(`${selector} tbody`);
	while (body.rows.length > rows.length) body.deleteRow(-1);
	rows.forEach(([isBad, ...cells], index) => {
		const row = body.rows[index] ?? body.insertRow();
		row.className = isBad ? 'bad' : '';
		cells.forEach((text, column) => write(row.cells[column] ?? row.insertCell(), text));
	});
}

/** How long ago something was, as kubectl says it. */
function age(since) {
	const seconds = Math.max(0, Math.round((Date.now() - since) / 1000));
	if (seconds < 120) return `${seconds}s`;
	return seconds < 7200 ? `${Math.floor(seconds / 60)}m` : `${Math.floor(seconds / 3600)}h`;
}

function render(news) {
	if (news.error) return write($('#status'), `The cluster does not start: ${news.error}`);
	if (state && state.cluster !== news.cluster) {
		restarted = `The browser ended the service worker at ${new Date().toLocaleTimeString()}: the cluster started afresh. `;
		if (running) write(running.output, CUT);
		running = undefined;
	}
	const isPatched = JSON.stringify(state?.patch ?? {}) !== JSON.stringify(news.patch);
	state = news;
	if (isPatched) fillForm(state.patch);
	const { pods, faults, events, busy, replicas } = state;
	const ready = pods.filter(({ ready, status }) => ready && status !== 'Terminating').length;
	const [last] = faults;
	write($('#status'), `${ready} of ${replicas} replicas ready${busy && last ? `, ${FAULTS[last.fault]} under way` : ''}`);
	write($('#notice'), restarted + (state.canWait ? '' : 'This browser cannot suspend WebAssembly (JSPI): /wait does not work here, all else does.'));
	if (ready && shown !== state.started) {
		shown = state.started; // The lanes of pods that are gone would only confuse.
		$('iframe').src = 'cluster/';
	}

	fill('#pods', pods.map(({ name, ready, status, restarts, since }) => [!ready, name, `${Number(ready)}/1`, status, restarts, age(since)]));
	fill('#faults', faults.map(({ fault, patch, unready, replaced, ready, sent, lost, bad, retried, refused, done }) => {
		const times = [unready, replaced, ready].map((time) => time?.toFixed(1) ?? (done ? '–' : '…'));
		return [lost, FAULTS[fault], changesOf(patch), ...times, sent, lost, bad, retried, refused];
	}));
	fill('#events', events.map(({ at, since, count, type, reason, object, message }) => [type === 'Warning', count > 1 ? `${age(at)} (x${count} over ${age(since)})` : age(at), type, reason, object, message]));

	for (const button of document.querySelectorAll('[data-fault]')) button.ariaDisabled = String(busy);
	const row = running && faults.find(({ id, fault }) => id > running.after && fault === running.fault);
	if (row) write(running.output, describe(row));
}

/** Starts the service worker, and keeps in touch with it. */
async function connect() {
	const { serviceWorker } = navigator;
	if (!serviceWorker) return write($('#status'), 'No service worker here: this needs HTTPS or localhost, and often a window that is not private.');
	const controlled = new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve, { once: true }));
	try {
		const { scope, installing } = await serviceWorker.register('worker.js', { type: 'module', updateViaCache: 'none' });
		new BroadcastChannel(scope).onmessage = ({ data }) => render(data);
		installing?.addEventListener('statechange', ({ target: { state: is } }) => {
			if (is === 'redundant' && !state) write($('#status'), 'The service worker could not be installed: a file is missing, or there is no room.');
		});
	} catch ({ message }) {
		return write($('#status'), `This browser does not start the service worker: ${message}`);
	}
	const { active } = await serviceWorker.ready;
	active.postMessage({}); // A page that was loaded past the worker is not controlled until the worker claims it.
	if (!serviceWorker.controller) await controlled;
	// Where another worker takes over from now on, this page is of an older version.
	serviceWorker.oncontrollerchange = () => location.reload();
	setInterval(post, 1000, {}); // The answer keeps ages right, and the question keeps the worker alive.
}
connect();
