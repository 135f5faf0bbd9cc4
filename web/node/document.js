// A forecast as data: what `--output json` prints, and what text and Markdown are written from. Its schema is
// docs/forecast.schema.json.

import { compare } from '../forecast/compare.js';
import { labelOf } from '../forecast/faults.js';
import { COUNTS, forecast, sumOf, TIMES } from '../forecast/forecast.js';
import { faultsFor, hintsFor, silenceOf } from '../forecast/hints.js';
import { commandOf } from '../forecast/patch.js';
import { describe, describeHarm } from '../forecast/report.js';
import { Search } from '../forecast/search.js';
import { assume } from '../forecast/stated.js';

/** @typedef {{ seeds: number[], pool: import('../forecast/pool.js').Pool, given: Record<string, any>, tell(text: string): void }} Means how a forecast is made */

/** The numbers of a row, without the noise of a clock that is stepped. What never happened has none. */
const numbersOf = (row) =>
	Object.fromEntries([...TIMES, ...COUNTS, 'restarts'].filter((name) => row[name] !== undefined).map((name) => [name, Math.round(row[name] * 1000) / 1000]));

/** A row: numbers of the middle run, the least and the most, and how much each run hurt. @param {import('../forecast/forecast.js').Summary} summary */
function rowOf(summary) {
	const { fault, replicas, causes, least, most, harms, reason } = summary;
	return { fault, label: labelOf(summary), replicas, ...numbersOf(summary), causes, least: numbersOf(least), most: numbersOf(most), harms, reason };
}
const count = (amount, name) => `${amount} ${name}${amount === 1 ? '' : 's'}`;

/** What is forecast of a manifest, and what a document says of it before. */
function start(manifest, { given }) {
	const { settings, sources } = assume(manifest, given);
	const { name, namespace, notes } = manifest;
	const assumptions = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, { value, from: sources[name] }]));
	return { subject: { ...manifest, settings, faults: faultsFor(manifest) }, head: { name, namespace, assumptions, notes } };
}

const rows = (subject, { seeds, pool, tell }) =>
	forecast(subject, subject.faults, seeds, pool, (summary) => tell(`${subject.name}: ${labelOf(summary).toLowerCase()} ${describeHarm(summary)}`));

/** A forecast in one line: how many faults users feel, which is the worst, and how many changes help. */
function summarize(summaries, { findings }) {
	const [control, ...faults] = summaries;
	const felt = faults.filter((it) => sumOf(it) > 0).sort((one, other) => sumOf(other) - sumOf(one));
	const [worst = control] = felt;
	if (!sumOf(worst)) return `Users feel none of ${count(faults.length, 'fault')}, if the program behaves as assumed.`;
	const helps = findings.length ? `${count(findings.length, 'change')} help${findings.length === 1 ? 's' : ''}.` : 'Nothing we tried helps.';
	const said = `${describeHarm(worst)}. ${helps}`;
	if (worst === control) return `${labelOf(worst)} ${said}`;
	const label = felt.length > 1 ? `The worst: ${labelOf(worst).toLowerCase()}` : labelOf(worst);
	return `Users feel ${felt.length} of ${count(faults.length, 'fault')}. ${label} ${said}`;
}

/** The forecast of a Deployment. @param {Means} means */
async function forecastOf(manifest, means) {
	const { seeds, pool, tell } = means;
	const { subject, head } = start(manifest, means);
	const silence = silenceOf(manifest);
	const none = { rows: [], findings: [], hints: [], rest: [], untried: [] };
	if (silence) return { ...head, summary: silence, ...none };
	const summaries = await rows(subject, means);
	const found = await new Search(subject, seeds, pool).run(summaries, ({ field }) => tell(`${subject.name}: ${field} helps`));
	const findings = found.findings.map((finding) => ({
		text: describe(finding),
		fault: finding.before.fault,
		also: finding.also.map(({ fault }) => fault),
		patch: finding.patch,
		command: finding.patch && commandOf(subject, finding.patch),
		before: rowOf(finding.before),
		after: rowOf(finding.after),
	}));
	return {
		...head,
		summary: summarize(summaries, found),
		rows: summaries.map(rowOf),
		findings,
		...(findings.some(({ patch }) => patch) && { together: { patch: found.patch, command: commandOf(subject, found.patch), rows: found.after.map(rowOf) } }),
		...hintsFor(subject, found.rest),
		untried: found.untried,
	};
}

/** What a change of a Deployment costs or saves. @param {Means} means */
async function comparisonOf(manifest, old, means) {
	const { subject, head } = start(manifest, means);
	const summaries = await rows(subject, means);
	if (!old) return { ...head, summary: 'This Deployment is new, so there is nothing to compare it with.', rows: summaries.map(rowOf), before: [], changes: [] };
	const before = await rows(start(old, means).subject, means);
	const changes = compare(before, summaries);
	const [worse, better] = ['worse', 'better'].map((wanted) => changes.filter(({ verdict }) => verdict === wanted).length);
	const parts = [worse && `worse off under ${count(worse, 'fault')}`, better && `better off under ${count(better, 'fault')}`].filter(Boolean);
	const summary = parts.length ? `Users are ${parts.join(', and ')}.` : 'No fault costs users more or less than before.';
	return { ...head, summary, rows: summaries.map(rowOf), before: before.map(rowOf), changes };
}

/**
 * The forecasts of some Deployments, as a document. With `old`, each is compared with the one of the same name there; if
 * there is one alone on either side, names may differ.
 * @param {import('../forecast/manifest.js').Manifest[]} manifests
 * @param {import('../forecast/manifest.js').Manifest[] | undefined} old
 * @param {Means} means
 */
export async function documentOf(manifests, old, means) {
	const deployments = [];
	const isOne = manifests.length === 1 && old?.length === 1;
	for (const manifest of manifests) {
		const before = isOne ? old[0] : old?.find(({ name }) => name === manifest.name);
		deployments.push(await (old ? comparisonOf(manifest, before, means) : forecastOf(manifest, means)));
	}
	const isWorse = deployments.some(({ changes = [] }) => changes.some(({ verdict }) => verdict === 'worse'));
	const isAvoidable = deployments.some(({ findings = [] }) => findings.length);
	const idle = manifests[0].idle.filter((name) => !manifests.some((it) => it.name === name));
	return { version: 1, result: isWorse ? 'worse' : isAvoidable ? 'avoidable' : 'good', seeds: means.seeds, deployments, idle };
}
