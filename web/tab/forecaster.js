// The worker of the forecast's page: it reads the manifest, and has threads run the faults. The same file is a thread, too;
// ending the worker ends them all.

import { compare, VERDICTS } from '../forecast/compare.js';
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

/** What is forecast of an older version: the Deployment of the same name, or the only one. */
function olderOf(text, { name }, answers) {
	try {
		const first = read(text);
		const found = first.names.length > 1 ? read(text, name) : first;
		return { ...found, settings: assume(found, answers).settings, faults: faultsFor(found), silence: silenceOf(found) };
	} catch ({ message }) {
		throw new Error(`The older version: ${message}`);
	}
}

/** What a change has come to: the older version's forecast, and the faults that differ. */
async function comparedOf(older, summaries, seeds, pool) {
	const before = await forecast(older, older.faults, seeds, pool);
	const changes = compare(before, summaries).map(({ verdict, text }) => `${VERDICTS[verdict]}: ${text}`);
	const none = older.silence ? `The older version: ${older.silence}` : 'No fault costs users more or less than with the older version.';
	return { before, lines: changes.length ? changes : [none] };
}

/** Forecasts a manifest, or tries a patch of it, and tells the page what comes of it. */
async function act({ manifest, old, name, answers, seed, patch }) {
	const found = read(manifest, name);
	const older = old.trim() && !patch ? olderOf(old, found, answers) : undefined;
	const { settings } = assume(found, answers);
	const subject = { ...(patch ? withPatch(found, patch) : found), settings, faults: faultsFor(found) };
	const { text, names, notes, faults } = subject;
	postMessage({ subject: { text, names, name: subject.name, notes, faults, settings, shared: modelText(found), silence: silenceOf(found) } });
	if (!faults.length) return postMessage({ done: {} });
	const pool = new Pool(start, navigator.hardwareConcurrency);
	const seeds = seedsFrom(seed);
	const summaries = await forecast(subject, faults, seeds, pool, (summary) => postMessage({ summary }));
	if (patch) return postMessage({ done: {} });
	if (older) postMessage({ compared: await comparedOf(older, summaries, seeds, pool) });
	const shown = (finding) => ({
		text: describe(finding),
		fault: finding.before.fault,
		lesson: finding.lesson,
		patch: finding.patch,
		command: finding.patch && commandOf(found, finding.patch),
	});
	const { findings, patch: whole, ...more } = await new Search(subject, seeds, pool).run(summaries, (finding) => postMessage({ finding: shown(finding) }));
	postMessage({
		done: {
			...more,
			...hintsFor(subject, more.rest),
			findings: findings.map(shown),
			patch: whole,
			command: findings.some(({ patch }) => patch) && commandOf(found, whole),
		},
	});
}

/** As a thread: does a job. */
const work = async ({ subject, fault, seed }) => postMessage({ result: await run(subject, fault, seed) });

addEventListener('message', ({ data }) => ('fault' in data ? work(data) : act(data)).catch(({ message }) => postMessage({ error: message })));
