// Forecasts what faults would cost the users of a Deployment: a table, and what to change. It ends with 1 if something
// avoidable is lost, and with 2 if it has refused. The same file runs as a thread, too.

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { FAULTS, labelOf } from '../forecast/faults.js';
import { COUNTS, forecast, seedsFrom, TIMES } from '../forecast/forecast.js';
import { faultsFor, hintsFor, silenceOf } from '../forecast/hints.js';
import { commandOf } from '../forecast/patch.js';
import { Pool } from '../forecast/pool.js';
import { QUESTIONS, settingsOf } from '../forecast/questions.js';
import { describe } from '../forecast/report.js';
import { run } from '../forecast/run.js';
import { Search } from '../forecast/search.js';
import { load, refuse } from './manifest.js';

const options = Object.fromEntries(['name', 'seed', ...QUESTIONS.map(({ name }) => name)].map((name) => [name, /** @type {const} */ ({ type: 'string' })]));
const USAGE = `forecast FILE ${Object.keys(options)
	.map((name) => `[--${name} …]`)
	.join(' ')}`;

/** What each option means. */
function help() {
	console.log(USAGE);
	for (const { name, text, options } of QUESTIONS) {
		const answers = Object.entries(options ?? {}).map(([key, meaning]) => `${key}: ${meaning}`);
		console.log(`  --${name}  ${text} ${answers.join('; ')}`.trimEnd());
	}
}

function parse() {
	try {
		const { values, positionals } = parseArgs({ options: { ...options, help: { type: 'boolean' } }, allowPositionals: true });
		const seed = Number(values.seed ?? 1);
		if (!Number.isInteger(seed) || seed < 0) throw new Error(`seed: ${values.seed} is not a whole number`);
		settingsOf(values);
		return { values, path: positionals[0], seed };
	} catch ({ message }) {
		return refuse(`${message} (${USAGE})`);
	}
}

/** A thread that runs one job after the other. @returns {import('../forecast/pool.js').Thread} */
function start() {
	const worker = new Worker(new URL(import.meta.url));
	/** @type {import('../forecast/pool.js').Thread} */
	const thread = { postMessage: (job) => worker.postMessage(job), terminate: () => worker.terminate() };
	worker.on('message', (data) => thread.onmessage({ data }));
	worker.on('error', ({ message }) => thread.onmessage({ data: { error: message } }));
	return thread;
}

/** A line of a table. */
const line = ([first, ...rest]) => console.log(first.padEnd(32) + rest.map((text) => String(text).padStart(14)).join(''));
/** A number of a summary: that of the middle run, and the least and the most where they differ. */
function cell(summary, name) {
	const text = (value) => (value === undefined ? '-' : TIMES.includes(name) ? value.toFixed(1) : String(value));
	const [least, most] = [summary.least[name], summary.most[name]].map(text);
	return least === most || name === 'sent' ? text(summary[name]) : `${text(summary[name])} (${least}–${most})`;
}
const show = (summary) => line([labelOf(summary), ...[...TIMES, ...COUNTS].map((name) => cell(summary, name))]);

/** Says what was found, and how to change it. */
function report(subject, { findings, patch, after, rest, untried }, summaries) {
	if (summaries.length < after.length) {
		console.log('With the first change below:');
		after.forEach(show);
	}
	console.log();
	const paragraphs = [...findings.map(describe), ...hintsFor(subject, rest)];
	for (const paragraph of paragraphs) console.log(`- ${paragraph.replaceAll('`', '')}\n`);
	const labels = (faults) => faults.map((fault) => FAULTS[fault].label.toLowerCase()).join(', ');
	if (rest.length) console.log(`Nothing we tried helps with: ${labels(rest)}.\n`);
	if (untried.length) console.log(`Not tried: ${labels(untried)}.\n`);
	if (findings.length) console.log(commandOf(subject, patch));
	else if (!rest.length) console.log('Nothing is lost, if the program behaves as assumed (see --help).');
}

async function main() {
	const { values, path, seed } = parse();
	if (values.help) return help();
	const manifest = load(path, values.name);
	const { name, names, notes, route } = manifest;
	if (names.length > 1 && !values.name) console.log(`Of ${names.length} Deployments, this is ${name}; for another: --name ${names.find((it) => it !== name)}`);
	for (const note of notes) console.log(note);
	const silence = silenceOf(manifest);
	if (silence) return console.log(silence);
	const subject = { ...manifest, settings: settingsOf(values, { requests: route }), faults: faultsFor(manifest) };
	const pool = new Pool(start, availableParallelism());
	line(['fault', ...TIMES, ...COUNTS]);
	const summaries = await forecast(subject, subject.faults, seedsFrom(seed), pool, show);
	const result = await new Search(subject, seedsFrom(seed), pool).run(summaries);
	pool.end();
	report(subject, result, summaries);
	process.exitCode = Number(result.findings.length > 0);
}

process.stdout.on('error', () => process.exit()); // Nobody reads it any more, as in `… | head`.
if (isMainThread) main().catch(({ message }) => refuse(message));
else
	parentPort?.on('message', async ({ subject, fault, seed }) => {
		try {
			parentPort.postMessage({ result: await run(subject, fault, seed) });
		} catch (error) {
			parentPort.postMessage({ error: error.stack });
		}
	});
