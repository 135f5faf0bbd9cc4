// Forecasts what faults would cost the users of Deployments, and what to change: docs/operations.md has how to use it. The
// same file runs as a thread, too.

import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { seedsFrom } from '../forecast/forecast.js';
import { escaped } from '../forecast/parse.js';
import { Pool } from '../forecast/pool.js';
import { run } from '../forecast/run.js';
import { documentOf } from './document.js';
import { deploymentOf, load, printable, refuse } from './inputs.js';
import { markdownOf } from './markdown.js';
import { help, parse } from './options.js';
import { textOf } from './text.js';

const RENDERERS = { text: textOf, markdown: markdownOf, json: (document) => escaped(JSON.stringify(document, undefined, 2)) };

/** A thread that runs one job after the other. @returns {import('../forecast/pool.js').Thread} */
function start() {
	const worker = new Worker(new URL(import.meta.url));
	/** @type {import('../forecast/pool.js').Thread} */
	const thread = { postMessage: (job) => worker.postMessage(job), terminate: () => worker.terminate() };
	worker.on('message', (data) => thread.onmessage({ data }));
	worker.on('error', ({ message }) => thread.onmessage({ data: { error: message } }));
	return thread;
}

/** The Deployments of some files: the one that is wanted, or all that run pods. */
function manifestsOf(paths, wanted) {
	const all = load(paths);
	const first = deploymentOf(all, wanted);
	const names = wanted ? [wanted] : first.names.filter((name) => !first.idle.includes(name));
	return names.length === 1 ? [first] : names.map((name) => deploymentOf(all, name, `Deployment ${name}`));
}

/** Says on a terminal what is going on; returns what takes that away. */
function progress() {
	const { stderr } = process;
	const write = (text) => stderr.isTTY && stderr.write(`\r\x1b[K${printable(text).slice(0, (stderr.columns || 80) - 1)}`);
	return { tell: write, clear: () => write('') };
}

function understand() {
	try {
		const options = parse();
		if (options.isHelp || options.isVersion) return options;
		const { paths, name, against } = options;
		return { ...options, manifests: manifestsOf(paths, name), old: against && manifestsOf([against], name) };
	} catch ({ message }) {
		return refuse('forecast', message);
	}
}

async function main() {
	const { manifests = [], old, given, seed, output, isHelp, isVersion } = understand();
	if (isHelp || isVersion) return console.log(isHelp ? help() : VERSION);
	const pool = new Pool(start, availableParallelism());
	const { tell, clear } = progress();
	const document = await documentOf(manifests, old, { seeds: seedsFrom(seed), pool, given, tell });
	pool.end();
	clear();
	console.log(printable(RENDERERS[output](document)));
	process.exitCode = Number(document.result !== 'good');
}

process.stdout.on('error', () => process.exit()); // Nobody reads it any more, as in `… | head`.
if (isMainThread) main().catch(({ message }) => refuse('forecast', `this is a fault of the forecast, so please report it: ${message}`));
else
	parentPort?.on('message', async ({ subject, fault, seed }) => {
		try {
			parentPort.postMessage({ result: await run(subject, fault, seed) });
		} catch (error) {
			parentPort.postMessage({ error: error.stack });
		}
	});
