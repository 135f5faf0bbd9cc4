// The forecast beside a real cluster: what faults cost six Deployments there (truth/), and what they cost here.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { seedsFrom, summaryOf } from './forecast.js';
import { read } from './manifest.js';
import { settingsOf } from './questions.js';
import { run } from './run.js';

const MANIFESTS = ['default', 'good', 'no-prestop', 'no-probes', 'recreate', 'single'];
/** The headings of the figures that are compared, by how requests came. Clients that keep connections are too few to compare. */
const ROUTES = {
	'through the Service (kube-proxy)': 'service',
	'through an ingress': 'proxy',
	'a slow version that nobody undoes': 'service',
	'two more faults': 'service',
};

/** What is not reached, and why. */
const OFF = {
	'no-probes scale service lost': 'the cluster counted 31 requests, since its clients hung; the numbers agree, but not the shares',
	'no-prestop scale proxy lost': 'likewise, 34 requests',
	'single delete service lost': 'five waits were cut there, since the new pod took a second longer; here, that is so with two of five seeds',
	'single delete proxy lost': 'its proxy heard of both pods at once, since it reloads every 5 s at most; this one takes a second for each',
};

/** The causes of lost requests in one word each, here and there. What still hung was not counted there when a fault was over. */
const CAUSES = { cut: 'cut', refused: 'refused', none: 'refused', error: 'error', 'error 500': 'error', 'error 502': 'cut', 'error 503': 'refused' };
/** How many requests each of these causes has cost. */
function countsOf(causes) {
	const counts = {};
	for (const [cause, amount] of Object.entries(causes)) if (CAUSES[cause]) counts[CAUSES[cause]] = (counts[CAUSES[cause]] ?? 0) + amount;
	return counts;
}
/** Whether the cause that leads here leads on the cluster, or is half as frequent as what leads there at least. */
function isLead(here, there) {
	const [[lead]] = Object.entries(countsOf(here)).sort(([, one], [, other]) => other - one);
	const counts = countsOf(there);
	return 2 * (counts[lead] ?? 0) >= Math.max(...Object.values(counts));
}

/** The rows of a file of figures: what was seen, and how requests came. */
function* rowsOf(name) {
	let requests;
	for (const line of readFileSync(`${import.meta.dirname}/truth/${name}.txt`, 'utf8').split('\n')) {
		if (line.startsWith('#')) requests = Object.entries(ROUTES).find(([heading]) => line.includes(heading))?.[1];
		const [, fault, , , ready, sent, lost, bad, causes] = /^(\w+) +(\S+) +(\S+) +(\S+) +(\d+) lost +(\d+) bad +(\d+) refused.*?(\{.*?\})/.exec(line) ?? [];
		// A burst there was 1.2 times what the replicas had room for; a slow version was undone as soon as a pod was ready; and
		// an outage made no pod unready.
		if (!fault || !requests || fault === 'burst' || (fault === 'slow' && name === 'no-probes')) continue;
		const shares = { lost: Number(lost) / Number(sent), bad: Number(bad) / Number(sent) };
		yield {
			fault,
			requests,
			ready: fault === 'slow' || fault === 'dependency' || ready === '-' ? undefined : Number(ready),
			shares,
			causes: JSON.parse(causes.replaceAll("'", '"')),
		};
	}
}

/** Whether a share is as on the cluster: up to 1 % where nothing was, or else within a factor of two or five points. */
const isNear = (here, there) =>
	(there === 0 ? here <= 0.01 : here > 0 && (Math.abs(here - there) <= 0.05 || Math.max(here / there, there / here) <= 2)) || Math.max(here, there) <= 0.01;

for (const name of MANIFESTS) {
	test(name, async (context) => {
		const { objects, main, original } = read(readFileSync(`${import.meta.dirname}/truth/${name}.yaml`));
		const { spec } = original;
		const term = spec.template.spec.containers[0].env.find((it) => it.name === 'TERM_DOES').value;
		for (const { fault, requests, ready, shares, causes } of rowsOf(name)) {
			await context.test(`${fault} ${requests}`, async (row) => {
				const settings = settingsOf({ requests, term, answer: 5, beyond: 500 });
				const runs = [];
				for (const seed of seedsFrom(1)) runs.push(await run({ objects, main, settings }, fault === 'slowly' ? 'slow' : fault, seed));
				const here = summaryOf(runs);
				row.diagnostic(
					`cluster ${ready ?? '-'} s, ${JSON.stringify(shares)} ${JSON.stringify(causes)}; here ${here.ready} s, ${here.lost} lost, ${here.bad} bad of ${here.sent} ${JSON.stringify(here.causes)}`,
				);
				for (const kind of ['lost', 'bad']) {
					const isOff = !isNear(here[kind] / here.sent, shares[kind]);
					assert.equal(isOff, `${name} ${fault} ${requests} ${kind}` in OFF, `${kind}: ${here[kind]} of ${here.sent}, there ${shares[kind]}`);
				}
				if (ready !== undefined) assert.ok(Math.abs(here.ready - ready) <= Math.max(3, 0.15 * ready), `ready after ${here.ready} s, there after ${ready} s`);
				if (here.lost && shares.lost > 0.01) assert.ok(isLead(here.causes, causes), `${JSON.stringify(here.causes)}, there ${JSON.stringify(causes)}`);
			});
		}
	});
}
