// The worker of the forecast's page: it reads the manifest, and has threads run the faults. The same file is a thread, too;
// ending the worker ends them all.

import { forecast, seedsFrom } from '../forecast/forecast.js';
import { faultsFor, hintsFor, silenceOf } from '../forecast/hints.js';
import { modelText, read, withPatch } from '../forecast/manifest.js';
import { commandOf } from '../forecast/patch.js';
import { Pool } from '../forecast/pool.js';
import { describe } from '../forecast/report.js';
import { run } from '../forecast/run.js';
import { Search } from '../forecast/search.js';
import { assume } from '../forecast/stated.js';

const start = () => new Worker(import.meta.url, { type: 'module' });

/** Forecasts a manifest, or tries a patch of it, and tells the page what comes of it. */
async function act({ manifest, name, answers, seed, patch }) {
	const found = read(manifest, name);
	const { settings } = assume(found, answers);
	const subject = { ...(patch ? withPatch(found, patch) : found), settings, faults: faultsFor(found) };
	const { text, names, notes, faults } = subject;
	postMessage({ subject: { text, names, name: subject.name, notes, faults, settings, shared: modelText(found), silence: silenceOf(found) } });
	if (!faults.length) return postMessage({ done: {} });
	const pool = new Pool(start, navigator.hardwareConcurrency);
	const summaries = await forecast(subject, faults, seedsFrom(seed), pool, (summary) => postMessage({ summary }));
	if (patch) return postMessage({ done: {} });
	const shown = (finding) => ({
		text: describe(finding),
		fault: finding.before.fault,
		lesson: finding.lesson,
		patch: finding.patch,
		command: finding.patch && commandOf(found, finding.patch),
	});
	const {
		findings,
		patch: whole,
		...more
	} = await new Search(subject, seedsFrom(seed), pool).run(summaries, (finding) => postMessage({ finding: shown(finding) }));
	postMessage({ done: { ...more, hints: hintsFor(subject, more.rest), findings: findings.map(shown), patch: whole, command: commandOf(found, whole) } });
}

/** As a thread: does a job. */
const work = async ({ subject, fault, seed }) => postMessage({ result: await run(subject, fault, seed) });

addEventListener('message', ({ data }) => ('fault' in data ? work(data) : act(data)).catch(({ message }) => postMessage({ error: message })));
