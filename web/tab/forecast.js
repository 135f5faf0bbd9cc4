// The page of the forecast: it hands a manifest to the forecaster, and shows what that says.

import manifests from '../../target/manifests.json' with { type: 'json' };
import { $, make, rich } from './dom.js';
import { commandOf } from '../forecast/patch.js';
import { Picture } from './picture.js';
import { FAULTS, labelOf, PROGRAM, programOf as parseAnswers, QUESTIONS } from '../forecast/questions.js';

/** The columns of the table, and those that are counted. */
const TIMES = ['unready', 'replaced', 'ready'];
const COUNTS = ['sent', 'lost', 'bad', 'retried', 'refused'];
/** A link may carry as much, in bytes. */
const LONGEST = 1_000_000;

const form = $('form');
const status = $('#status');
/** All elements that match. @returns {Iterable<any>} */
const all = (selector) => document.querySelectorAll(selector);
const picture = new Picture($('figure'));
let source = ''; // a file's bytes, for as long as they are what the text shows
let forecaster; // the worker that is busy
let rows = {}; // by fault; of the manifest as it is, with the patch that was tried
let before; // the rows without it
let chosen; // the fault whose picture is shown
let subject; // what the forecaster has found in the manifest

for (const { name, text, least, most, options } of QUESTIONS) {
	const field = options
		? make('select', { name }, ...Object.entries(options).map(([value, meaning]) => make('option', { value }, meaning)))
		: make('input', { type: 'number', name, min: least, max: most, step: name === 'most' ? 1 : 'any', required: true });
	field.value = PROGRAM[name];
	$('#program').append(make('label', {}, text, field));
}
/** Shows the assumptions about the program, so that users can see them without opening the questions. */
function showAnswers() {
	const { start, slow, answer, news, most, term, breaks } = programOf();
	$('#program summary').textContent =
		`What no manifest says: it starts in ${start} s, or in ${slow} s when slow; answers take up to ${answer} s; proxies learn of a change within ${news} s; it handles ${most} requests at once; SIGTERM: ${term}; breaks: ${breaks}`;
}
const programOf = () =>
	Object.fromEntries(QUESTIONS.map(({ name, options }) => [name, options ? form.elements[name].value : form.elements[name].valueAsNumber]));

function showRow(fault) {
	chosen = fault;
	const { moments, at, lost, bad, sent } = rows[fault];
	$('#caption').textContent = `${labelOf(rows[fault])}: of ${sent} requests, ${lost} were lost, and ${bad} got an answer from a broken replica.`;
	picture.show(moments, at);
	for (const button of all('#rows button')) button.ariaPressed = String(button.dataset.fault === fault);
}

function fillTable() {
	const body = $('#rows tbody');
	body.replaceChildren(
		...subject.faults.map((fault) => {
			const row = rows[fault];
			const old = before?.[fault];
			const cell = (name) => {
				const say = (it) => (it === undefined ? '…' : TIMES.includes(name) ? (it[name]?.toFixed(1) ?? '–') : String(it[name]));
				const [was, is] = [say(old ?? row), say(row)];
				return make('td', { className: (name === 'lost' || name === 'bad') && row?.[name] ? 'bad' : '' }, was === is ? is : `${was} → ${is}`);
			};
			const button = make('button', { type: 'button', className: 'link', disabled: !row, onclick: () => showRow(fault) }, row ? labelOf(row) : FAULTS[fault]);
			button.dataset.fault = fault;
			button.ariaPressed = String(fault === chosen);
			return make('tr', {}, make('th', { scope: 'row' }, button), ...[...TIMES, ...COUNTS].map(cell));
		}),
	);
}

function stop(said) {
	forecaster?.terminate();
	forecaster = undefined;
	$('#stop').disabled = true;
	for (const button of all('#go, #findings button')) button.disabled = false;
	status.textContent = said;
}

/** Runs a forecast, or tries a patch of the manifest that was forecast last. */
function start(patch) {
	stop('Starting…');
	const started = performance.now();
	if (patch) before ??= rows;
	else {
		before = undefined;
		$('#findings ol').replaceChildren();
		$('#findings').hidden = $('#all').hidden = true;
		chosen = undefined;
		$('#caption').textContent = 'The picture of each fault is shown here.';
		$('#rows tbody').replaceChildren();
		picture.show([]);
	}
	rows = {};
	for (const button of all('#go, #findings button')) button.disabled = true;
	$('#stop').disabled = false;
	forecaster = new Worker(FORECASTER, { type: 'module' });
	forecaster.onerror = ({ message }) => stop(`The forecast could not start${message ? `: ${message}` : ''}.`);
	forecaster.onmessage = ({ data }) => hear(data, started, patch);
	showAnswers();
	forecaster.postMessage({ manifest: source || form.elements.manifest.value, name: form.elements.name.value, program: programOf(), patch });
}

function hear({ error, text, faults, row, finding, isDone, ...more }, started, patch) {
	if (error) return stop(error);
	if (faults) {
		subject = { faults, ...more };
		if (source) form.elements.manifest.value = text;
		showSubject();
	}
	if (row) {
		rows[row.fault] = row;
		const count = Object.keys(rows).length;
		const isWorst = !chosen || !rows[chosen] || row.lost + row.bad > rows[chosen].lost + rows[chosen].bad;
		if (patch ? row.fault === chosen : isWorst) showRow(row.fault);
		status.textContent =
			count < subject.faults.length || patch ? `${subject.name}: ${count} of ${subject.faults.length} faults…` : 'Trying what would make it better…';
	}
	if (faults || row) fillTable();
	if (finding) showFinding(finding);
	if (!isDone) return;
	const seconds = ((performance.now() - started) / 1000).toFixed(0);
	const found = $('#findings ol').children.length;
	if (!patch) {
		for (const [index, text] of more.texts.entries()) $('#findings ol').children[index].firstChild.replaceChildren(...rich(text));
		if (found > 1) {
			$('#all').hidden = false;
			$('#all button').onclick = () => start(more.patch);
		}
		const sum = (kind) => Object.values(rows).reduce((sum, row) => sum + row[kind], 0);
		if (!found) {
			$('#findings').hidden = false;
			$('#findings ol').append(
				make(
					'li',
					{},
					sum('lost') === 0
						? `No request is lost in any of these, under the assumptions listed on this page. ${sum('bad')} were answered by a broken replica until its probes noticed, and ${sum('refused')} refused by the program’s own limit.`
						: 'No change to the manifest was found that improves any of this.',
				),
			);
		} else if (more.rest.length) {
			$('#findings ol').append(make('li', {}, `No change was found that improves the rest: ${more.rest.map((fault) => FAULTS[fault]).join(', ')}.`));
		}
	}
	stop(`Done in ${seconds} s.${patch ? ' Before → with the change.' : ''}`);
}

function showSubject() {
	const { names, name, notes, canWait } = subject;
	const select = form.elements.name;
	select.replaceChildren(...names.map((it) => make('option', { value: it, selected: it === name }, it)));
	$('#which').hidden = names.length < 2;
	const assumed = [
		...notes,
		...(canWait ? [] : ['This browser cannot suspend WebAssembly (JSPI), so slow requests and the burst are left out.']),
		'The program behaves as you answered under “What no manifest says”.',
		'Requests come through a proxy, at random moments, so no two runs are the same. One that is refused or cut is lost; only when a replica exits is it retried, as an ingress does.',
		'Together, the replicas here have room for 75 requests at once, or fewer if yours do. A burst is 1.2 times that, so adding replicas does not help.',
	];
	$('#assumed ul').replaceChildren(...assumed.map((note) => make('li', {}, note)));
	$('#assumed').hidden = false;
}

function showFinding({ fault, text, lesson, patch }) {
	if (!$('#findings ol').children.length) showRow(fault);
	const command = commandOf(subject, patch);
	const attempt = make('button', { type: 'button', onclick: () => start(patch), disabled: true }, 'Try it');
	const copy = make('button', { type: 'button', className: 'soft', onclick: () => copyText(command, copy) }, 'Copy');
	const item = make(
		'li',
		{},
		make('p', {}, ...rich(text)),
		make('details', {}, make('summary', {}, 'The patch'), make('code', { className: 'command' }, command)),
	);
	item.append(make('div', { className: 'row' }, attempt, copy, make('a', { href: `./#${lesson}`, target: '_blank', rel: 'noopener' }, 'The lesson on this')));
	$('#findings ol').append(item);
	$('#findings').hidden = false;
}

async function copyText(text, button) {
	const { textContent } = button;
	const isCopied = await navigator.clipboard?.writeText(text).then(
		() => true,
		() => false,
	);
	button.textContent = isCopied ? 'Copied' : 'Could not copy';
	setTimeout(() => {
		button.textContent = textContent;
	}, 2000);
}

// What comes in: text, a file, or a link, whose fragment carries all of it, compressed. No server is sent a fragment.

form.onsubmit = (event) => {
	event.preventDefault();
	start();
};
form.oninput = () => {
	showAnswers();
	if (!forecaster && subject) status.textContent = 'This has changed: press Forecast again.';
};
showAnswers();
form.elements.manifest.oninput = () => {
	source = '';
	form.elements.name.replaceChildren();
	$('#which').hidden = true;
};
form.elements.name.onchange = () => start();
$('#stop').onclick = () => stop('Stopped.');
$('#example').onclick = () => take(`${manifests.texts['deployment.yaml']}---\n${manifests.texts['service.yaml']}`);

/** Takes a manifest, text or a file's bytes, in place of the one that is there. */
function take(manifest) {
	form.elements.manifest.value = typeof manifest === 'string' ? manifest : '';
	form.elements.manifest.oninput();
	source = typeof manifest === 'string' ? '' : manifest;
	start();
}
async function open(file) {
	if (file) take(new Uint8Array(await file.arrayBuffer()));
}
form.elements.file.onchange = ({ target }) => open(target.files[0]);
// A field that is wrong has to be in sight.
form.addEventListener('invalid', () => $('#program').setAttribute('open', ''), true);
form.ondragover = (event) => event.preventDefault();
form.ondrop = (event) => {
	const [file] = event.dataTransfer.files;
	if (!file) return;
	event.preventDefault();
	open(file);
};

$('#link').onclick = async ({ target }) => {
	const text = JSON.stringify({ manifest: form.elements.manifest.value, name: form.elements.name.value, program: programOf() });
	const compressed = new Blob([text]).stream().pipeThrough(new CompressionStream('deflate-raw'));
	const bytes = new Uint8Array(await new Response(compressed).arrayBuffer());
	const fragment = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
	history.replaceState(null, '', `#${fragment.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`);
	copyText(location.href, target);
};

async function openLink() {
	const fragment = location.hash.slice(1);
	if (!fragment) return;
	try {
		const bytes = Uint8Array.from(atob(fragment.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
		const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
		const parts = [];
		let length = 0;
		for (let part = await reader.read(); !part.done; part = await reader.read()) {
			length += part.value.length;
			if (length > 2 * LONGEST) throw new Error('it is too long');
			parts.push(part.value);
		}
		const { manifest, name, program } = JSON.parse(await new Blob(parts).text());
		for (const [name, value] of Object.entries(parseAnswers(program, PROGRAM))) form.elements[name].value = value;
		form.elements.manifest.value = String(manifest);
		if (name) form.elements.name.replaceChildren(make('option', { value: name }, name));
		if (form.reportValidity()) start();
	} catch (error) {
		status.textContent = `This link is incomplete or invalid: ${error.message || 'it ends too early'}.`;
	}
}
addEventListener('hashchange', openLink);
status.textContent = 'Nothing has been forecast yet.';
openLink();
