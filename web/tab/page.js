// The page: it shows the state of the cluster, which is in the service worker, and sends it patches and faults.

import manifests from '../../target/manifests.json' with { type: 'json' };
import { $, make, rich } from './dom.js';
import { LESSONS } from './lessons.js';
import { merge } from '../forecast/patch.js';
import { Picture } from './picture.js';

const manifest = /** @type {any} */ (manifests.objects.find(({ kind }) => kind === 'Deployment'));
const [{ name: CONTAINER }] = manifest.spec.template.spec.containers;

const FAULTS = {
	fail: '/fail',
	quit: '/quit',
	restart: 'rolling restart',
	broken: 'broken version',
	slow: 'slow start',
	delete: 'deleted pod',
	scale: 'scale',
	burst: 'burst of waits',
	flood: 'flood of waits',
};

const write = (element, text) => {
	if (element.textContent !== String(text)) element.textContent = text;
};
const form = $('form');
const picture = new Picture($('figure'));

let state; // what the worker said last
let running; // the experiment that was begun last, from this page: { fault, output, after }
let shown; // when the cluster was started that the control room shows
let worker; // the service worker
const post = (command) => worker?.postMessage(command);
let restarted = ''; // when the browser ended the worker

/** The numbers of a deployment, by the names of the form's fields. */
function numbersOf({ spec: { replicas, strategy, template } }) {
	const [{ env = [], startupProbe, readinessProbe, livenessProbe, lifecycle }] = template.spec.containers;
	return {
		replicas,
		strategy: strategy.type === 'Recreate' ? strategy.type : `maxUnavailable ${strategy.rollingUpdate.maxUnavailable}`,
		MAX_WAITS: env.find(({ name }) => name === 'MAX_WAITS')?.value ?? 0,
		preStop: lifecycle?.preStop?.sleep?.seconds ?? 0,
		startup: startupProbe ? `${startupProbe.failureThreshold} failures` : '',
		path: (startupProbe ?? readinessProbe ?? livenessProbe)?.httpGet?.path,
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
	if (wanted === null || typeof wanted !== 'object') return wanted === (base ?? null) ? undefined : wanted;
	if (Array.isArray(wanted)) {
		const items = wanted.map((item) => [
			item.name,
			difference(
				base?.find(({ name }) => name === item.name),
				item,
			),
		]);
		const changed = items.filter(([, patch]) => patch).map(([name, patch]) => ({ name, ...patch }));
		return changed.length ? changed : undefined;
	}
	const entries = Object.keys(wanted).map((key) => [key, difference(base?.[key], wanted[key])]);
	const changed = entries.filter(([, patch]) => patch !== undefined);
	return changed.length ? Object.fromEntries(changed) : undefined;
}

/** The form as a patch of the manifest. */
function patchOfForm() {
	const field = (name) => form.elements[name];
	const number = (name) => field(name).valueAsNumber;
	const httpGet = { path: field('path').value };
	const probe = (kind) => (field(kind).checked ? { httpGet, periodSeconds: number(`${kind} period`), failureThreshold: number(`${kind} threshold`) } : null);
	const api = {
		name: CONTAINER,
		env: [{ name: 'MAX_WAITS', value: String(number('MAX_WAITS')) }],
		startupProbe: manifest.spec.template.spec.containers[0].startupProbe ? { httpGet } : null,
		readinessProbe: probe('readiness'),
		livenessProbe: probe('liveness'),
		lifecycle: number('preStop') ? { preStop: { sleep: { seconds: number('preStop') } } } : null,
	};
	return difference(manifest, { spec: { replicas: number('replicas'), template: { spec: { containers: [api] } } } }) ?? {};
}

function fillForm(patch) {
	for (const [name, value] of Object.entries(numbersOf(merge(manifest, patch)))) {
		const field = form.elements[name];
		if (!field) continue; // of a lesson alone
		if (field.type === 'checkbox') field.checked = value;
		else field.value = value ?? ORIGINAL[name] ?? 3;
	}
	formChanged();
}

function formChanged() {
	for (const kind of ['readiness', 'liveness']) {
		for (const number of ['period', 'threshold']) form.elements[`${kind} ${number}`].disabled = !form.elements[kind].checked;
	}
	if (!form.checkValidity()) return write($('#command'), 'Not all numbers are valid.');
	const patch = patchOfForm();
	write($('#command'), Object.keys(patch).length ? patchCommand(patch) : 'kubectl apply -f k8s/deployment.yaml');
}

const NONE = '–';

/** What a patch changes, in the form's words. */
function changesOf(patch, program = {}) {
	const numbers = Object.entries(numbersOf(merge(manifest, patch)));
	const changed = numbers.filter(([name, value]) => value !== undefined && value !== ORIGINAL[name]);
	const words = [...changed.map(([name, value]) => `${name} ${value || 'off'}`), ...Object.entries(program).map(([name, value]) => `${name} ${value}`)];
	return words.join(', ') || NONE;
}

/** Sends a patch and a fault; `output` will say what comes of it. */
function inject({ patch, program = {}, fault }, output) {
	if (state.busy) return write(output, 'A fault is already in progress. Wait for the cluster to heal, or start over.');
	if (!state.canWait && (fault === 'burst' || fault === 'flood')) return write(output, 'This needs /wait, which does not work in this browser.');
	running = { fault, output, after: state.faults[0]?.id ?? 0 };
	write(output, 'Starting…');
	output.scrollIntoView({ block: 'nearest' });
	post({ patch, program, fault });
}

const CUT = 'Cut short: the cluster started over.';

/** What ends in each fault: a container, which is restarted in its pod, or the pod. */
const REPLACED = { restart: 'replaced', delete: 'replaced', scale: 'replaced', broken: 'rolled out', slow: 'rolled out' };

/** A row of the table of faults, in words. */
function describe({ fault, at, unready, replaced, ready, isCut, sent, lost, bad, retried, refused, restarts, done }) {
	if (isCut) return CUT;
	if (!at) return 'Getting ready: waiting for all replicas and for traffic.';
	// New pods are not ready at first, which is no news.
	const end = REPLACED[fault] ?? 'restarted';
	const times =
		end === 'replaced' ? { ready } : end === 'rolled out' ? { 'new pod ready': replaced, 'undone, all ready': ready } : { unready, [end]: replaced, ready };
	const parts = Object.entries(times)
		.filter(([, time]) => time != null)
		.map(([what, time]) => `${what} after ${time.toFixed(1)} s`);
	if (!done) return `${ready != null ? 'Requests in flight are still counted' : 'Under way'}: ${parts.join(', ') || 'watch the picture'}.`;
	for (const what of ['unready', 'new pod ready', end])
		if (what in times && times[what] == null) parts.push(what === 'new pod ready' ? 'no new pod ready' : `never ${what}`);
	if (restarts && end === 'rolled out') parts.push(`${restarts} restarts of new containers`);
	return `Seen: ${parts.join(', ')}. Of ${sent} requests: ${lost} lost, ${bad} bad, ${retried} retried, ${refused} refused.`;
}

/** Asks the service, one request after the other, and shows the answers, or how many came from each replica. */
async function ask({ path, times }, output) {
	const counts = {};
	for (let count = 0; count < times; count++) {
		try {
			const response = await fetch(`cluster/${path}`, { cache: 'no-store' });
			const answer = `${response.status} ${await response.text()}`;
			const from = (times > 1 && response.headers.get('x-replica')) || answer;
			counts[from] = (counts[from] ?? 0) + 1;
		} catch {
			return write(output, 'No answer.');
		}
	}
	const answers = Object.entries(counts).sort();
	write(output, `Seen: ${times > 1 ? answers.map(([from, count]) => `${from}: ${count}`).join(', ') : answers[0][0]}.`);
}

const DEPLOYMENT = 'deployment/spin-on-k8s';
const setImage = (tag, seconds) => [
	`kubectl set image ${DEPLOYMENT} ${CONTAINER}=spin-on-k8s:${tag}`,
	`sleep ${seconds}`,
	`kubectl rollout undo ${DEPLOYMENT}`,
];
/** What injects each fault on a cluster. */
const COMMANDS = {
	fail: ['curl -X POST $URL/fail'],
	quit: ['curl -X POST $URL/quit'],
	restart: [`kubectl rollout restart ${DEPLOYMENT}`],
	broken: setImage('broken # a version whose /health fails', 30),
	slow: setImage('slow # a version that takes 40 s to start', 70),
	scale: [],
	burst: ['seq 2000 | xargs -P 2000 -I% curl -s $URL/wait'],
	flood: ['seq 20000 | xargs -P 2000 -I% curl -s $URL/wait'],
};
/** What a lesson's button does, as one would do it on a cluster. */
function commandsOf({ patch = {}, program = /** @type {any} */ ({}), fault, ask }) {
	if (ask) return [ask.times > 1 ? `for i in $(seq ${ask.times}); do curl -si $URL/${ask.path} | grep x-replica; done` : `curl '$URL/${ask.path}'`];
	return [
		...(program.term ? ['# On SIGTERM, the program has to finish its requests in flight.'] : []),
		...(Object.keys(patch).length ? [patchCommand(patch)] : []),
		...COMMANDS[fault],
	];
}
const patchCommand = (patch) => `kubectl patch ${DEPLOYMENT.replace('/', ' ')} --patch '${JSON.stringify(patch)}'`;

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

function quote(file, starts, pre) {
	// The page breaks a comment where it has to, so here each is one line.
	const lines = manifests.texts[file].replace(/(?<=^ *#.*)\n *#/gm, '').split('\n');
	for (const line of starts.flatMap((start) => excerpt(lines, start))) {
		const span = make('span', { className: isComment(line) ? 'comment' : '' }, line);
		span.style.setProperty('--indent', indentOf(line) + 2);
		pre.append(span);
	}
}

for (const { id, title, text, file, lines, button, see, ...command } of /** @type {any[]} */ (LESSONS)) {
	const output = make('output');
	const pre = make('pre');
	const action = make('button', { type: 'button' }, button);
	action.onclick = () => state && (command.ask ? ask(command.ask, output) : inject(command, output));
	// When this opens, the one above closes, which may move this out of sight.
	const ontoggle = ({ target }) => target.open && target.firstChild.scrollIntoView({ block: 'nearest' });
	$('#lessons').append(
		make(
			'details',
			{ id, name: 'lesson', ontoggle },
			make('summary', {}, title),
			...text.map((paragraph) => make('p', {}, ...rich(paragraph))),
			make('p', {}, 'In ', make('code', {}, `k8s/${file}`), ':'),
			pre,
			action,
			make('p', {}, make('b', {}, 'What to see: '), ...rich(see)),
			output,
			make('p', {}, 'The same on a cluster, with its address in ', make('code', {}, '$URL'), ':'),
			make('code', { className: 'command' }, commandsOf(command).join('\n')),
		),
	);
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
for (const button of $('#speed').children) button.onclick = () => post({ speed: Number(button.value) });
$('#restart').onclick = () => post({ isFresh: true, patch: {} });
$('#reset').onclick = () => {
	fillForm({});
	post({ patch: {} });
};
$('#copy').onclick = async ({ target }) => {
	getSelection().selectAllChildren($('#command'));
	try {
		await navigator.clipboard.writeText($('#command').textContent);
		target.textContent = 'Copied';
		setTimeout(() => {
			target.textContent = 'Copy';
		}, 2000);
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
		for (const [column, text] of cells.entries()) write(row.cells[column] ?? row.insertCell(), text);
	});
}

/** How long ago something was, as kubectl says it. */
function age(since) {
	const seconds = Math.max(0, Math.round((state.now - since) / 1000));
	if (seconds < 120) return `${seconds}s`;
	return seconds < 7200 ? `${Math.floor(seconds / 60)}m` : `${Math.floor(seconds / 3600)}h`;
}

function render(news) {
	if (news.error) return write($('#status'), `The cluster could not start: ${news.error}`);
	if (isOutdated(news.page)) return location.reload();
	if (state && state.worker !== news.worker) {
		restarted = `The browser ended the service worker at ${new Date().toLocaleTimeString()}: the cluster started afresh. `;
		if (running) write(running.output, CUT);
		running = undefined;
	}
	const isPatched = JSON.stringify(state?.patch ?? {}) !== JSON.stringify(news.patch);
	state = news;
	if (isPatched) fillForm(state.patch);
	const { pods, replicaSets, faults, events, busy, replicas } = state;
	const ready = pods.filter(({ ready }) => ready).length;
	const [last] = faults;
	write($('#status'), `${ready} of ${replicas} replicas ready${busy && last ? `, ${FAULTS[last.fault]} under way` : ''}`);
	write($('#notice'), restarted + (state.canWait ? '' : 'This browser cannot suspend WebAssembly (JSPI): /wait does not work here, everything else does.'));
	picture.show(state.moments, undefined, 120);
	for (const button of $('#speed').children) button.ariaPressed = String(Number(button.value) === state.speed);
	if (ready && shown !== state.started) {
		shown = state.started; // The lanes of pods that are gone would only confuse.
		$('iframe').src = 'cluster/';
	}

	fill(
		'#pods',
		pods.map(({ name, ready, status, restarts, since }) => [!ready, name, `${Number(ready)}/1`, status, restarts, age(since)]),
	);
	fill(
		'#replicasets',
		replicaSets.map(({ name, desired, ready }) => [ready < desired, name, desired, ready]),
	);
	fill(
		'#faults',
		faults.map(({ fault, patch, program, unready, replaced, ready, sent, lost, bad, retried, refused, done }) => {
			const times = [unready, replaced, ready].map((time) => time?.toFixed(1) ?? (done ? NONE : '…'));
			return [lost, FAULTS[fault], changesOf(patch, program), ...times, sent, lost, bad, retried, refused];
		}),
	);
	fill(
		'#events',
		events.map(({ at, since, count, type, reason, object, message }) => [
			type === 'Warning',
			count > 1 ? `${age(at)} (x${count} over ${age(since)})` : age(at),
			type,
			reason,
			object,
			message,
		]),
	);
	const logs = pods.flatMap(({ name, log }) => log.map((text) => `${name}  ${text}`));
	write($('#logs'), logs.join('') || 'Nothing yet.');

	for (const button of document.querySelectorAll('[data-fault]')) button.ariaDisabled = String(busy);
	const row = running && faults.find(({ id, fault }) => id > running.after && fault === running.fault);
	if (row) write(running.output, describe(row));
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
		if (data.error || source === worker) render(data);
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
