// Looks for changes of a manifest that help: each is tried alone, and in the end all of them together.

import { forecast, forecastFault, overloadOf, sumOf } from './forecast.js';
import { withPatch } from './manifest.js';
import { runningOf } from './model.js';
import { compose } from './patch.js';
import { REMEDIES } from './remedies.js';
import { deploymentOf } from './run.js';

/** The most findings. */
const MOST = 5;

/**
 * A change that was tried: what it changes and why, its patch, and the summaries of the fault before and after it; and
 * those of other faults that it takes the harm from.
 * @typedef {{ field: string, lesson: string, why: string, note?: string, advice?: string, patch?: any, before: import('./forecast.js').Summary,
 *   after: import('./forecast.js').Summary, also: import('./forecast.js').Summary[] }} Finding
 *
 * What is forecast, and what reads its manifest.
 * @typedef {import('./manifest.js').Manifest & { settings: import('./questions.js').Settings, faults: string[] }} Subject
 */

/** Whether a change is better with each seed, and by half at least in all. */
const isBetter = (before, after) =>
	before.harms.every((harm, index) => after.harms[index] <= harm && (harm === 0 || after.harms[index] < harm)) && sumOf(after) <= sumOf(before) / 2;

/** Whether a change makes a fault worse than chance does. */
export const isWorse = (before, after) => middleOf(after) > 1.2 * Math.max(...before.harms) + 10;
const middleOf = ({ harms }) => harms.toSorted((one, other) => one - other)[harms.length >> 1];

/** The advice on a health check that asks what the program depends on. */
const LIVENESS = {
	field: 'livenessProbe',
	lesson: 'dependency',
	why: 'liveness checks what the program depends on, which no restart fixes',
	advice: 'Let liveness check the program alone; readiness may check more.',
};

export class Search {
	#subject;
	#seeds;
	/** @type {Pick<import('./pool.js').Pool, 'run'>} */
	#pool;
	/** The shares of requests that are lost without a fault, by seed. */
	#overload = new Map();

	/**
	 * @param {Subject} subject
	 * @param {number[]} seeds
	 * @param {import('./pool.js').Pool} pool
	 */
	constructor(subject, seeds, pool) {
		this.#subject = subject;
		this.#seeds = seeds;
		const known = new Map();
		// The same run comes out the same, so none is made twice.
		this.#pool = {
			run(job) {
				const key = JSON.stringify(job);
				if (!known.has(key)) known.set(key, pool.run(job));
				return known.get(key);
			},
		};
	}

	/**
	 * Tries what may be changed for the faults that hurt, the worst first, and tells each finding as soon as there is one.
	 * @param {import('./forecast.js').Summary[]} summaries of a forecast
	 * @param {(finding: Finding) => void} [tell]
	 * @returns {Promise<{ findings: Finding[], patch: any, after: import('./forecast.js').Summary[], rest: string[], untried: string[] }>}
	 *   the findings, all of their patches in one, the forecast with it, the faults that still hurt, and those that
	 *   nothing was tried for
	 */
	async run(summaries, tell = () => {}) {
		const found = [];
		let known = summaries;
		const [control] = summaries;
		for (const [index, share] of overloadOf(control).entries()) this.#overload.set(this.#seeds[index], share);
		if (control && control.at === undefined) {
			// What never gets ready can have no other fault.
			const finding = await this.#improve(found, control);
			if (!finding) return { findings: found, patch: {}, after: summaries, rest: [control.fault], untried: [] };
			found.push(finding);
			tell(finding);
			known = await this.#forecast(found);
		}
		const hurting = known.filter((it) => sumOf(it) > 0).sort((one, other) => sumOf(other) - sumOf(one));
		const untried = [];
		for (const before of hurting) if (!(await this.#solve(found, before, tell))) untried.push(before.fault);
		const { findings, after } = await this.#together(known, found);
		await Promise.all(findings.map((finding) => this.#spread(finding, hurting)));
		const advice = await this.#advise(after, tell);
		const isDone = ({ fault }) => untried.includes(fault) || advice.some((it) => it.before.fault === fault);
		const rest = after.filter((it) => sumOf(it) > 0 && !isDone(it)).map(({ fault }) => fault);
		return { findings: [...findings, ...advice], patch: patchOf(findings), after, rest, untried };
	}

	/** Adds what helps against a fault to what was found; returns whether all was tried that there is. */
	async #solve(found, before, tell) {
		let now = found.length ? await this.#try(patchOf(found), before.fault) : before;
		while (now && sumOf(now) > 0) {
			if (found.length === MOST) return false;
			const finding = await this.#improve(found, now);
			if (!finding) break;
			found.push(finding);
			tell(finding);
			now = finding.after;
		}
		return true;
	}

	/** All faults, with what was found. */
	#forecast(found) {
		return forecast(this.#with(patchOf(found)), this.#subject.faults, this.#seeds, this.#pool);
	}

	/** What is forecast, with a patch. Throws what the API server would say of it. */
	#with(patch) {
		return { ...withPatch(this.#subject, patch), settings: this.#subject.settings };
	}

	/** What a fault costs with a patch, with some of the seeds; nothing, if an API server would refuse the patch. */
	async #try(patch, fault, seeds = this.#seeds) {
		try {
			const overload = fault === 'control' ? [] : seeds.map((seed) => this.#overload.get(seed));
			return await forecastFault(this.#with(patch), fault, seeds, this.#pool, overload);
		} catch {
			return undefined;
		}
	}

	/** The change that helps most against what hurts now, with all that was found before. */
	async #improve(found, before) {
		const patch = patchOf(found);
		const { objects, main, original, traits, settings } = this.#with(patch);
		const { spec } = deploymentOf(objects);
		const container = (containers) => containers.find(({ name }) => name === main);
		const it = {
			row: before,
			spec,
			container: container(spec.template.spec.containers),
			original: container(runningOf(original.spec.template.spec)),
			settings,
			traits,
		};
		const worst = before.harms.indexOf(Math.max(...before.harms));
		const tries = REMEDIES.map(async (remedy) => {
			const { faults, seen = () => true } = remedy;
			const change = faults.includes(before.fault) && seen(before) && remedy.patch(it);
			if (!change) return undefined;
			const whole = compose(patch, { spec: change });
			// Most changes do not help, which one seed shows.
			const first = await this.#try(whole, before.fault, [this.#seeds[worst]]);
			if (!first || sumOf(first) > before.harms[worst] / 2) return undefined;
			const after = await this.#try(whole, before.fault);
			return after && isBetter(before, after) ? { ...remedy, patch: { spec: change }, before, after, also: [] } : undefined;
		});
		const better = (await Promise.all(tries)).filter((finding) => finding !== undefined);
		return better.sort((one, other) => sumOf(one.after) - sumOf(other.after))[0];
	}

	/** What no patch can be written for, since only people know what to change: tried with a program that does so. */
	async #advise(summaries, tell) {
		const before = summaries.find(({ fault, restarts }) => fault === 'dependency' && restarts > 0);
		if (!before) return [];
		const settings = { ...this.#subject.settings, health: 'readiness' };
		const after = await forecastFault({ ...this.#subject, settings }, before.fault, this.#seeds, this.#pool);
		if (!isBetter(before, after)) return [];
		const finding = { ...LIVENESS, patch: undefined, before, after, also: [] };
		tell(finding);
		return [finding];
	}

	/** All faults with all changes in one patch, without those that make any fault worse. */
	async #together(summaries, found) {
		let findings = found;
		for (;;) {
			if (!findings.length) return { findings, after: summaries };
			const after = await this.#forecast(findings);
			const worse = summaries.find((before) => after.some((it) => it.fault === before.fault && isWorse(before, it)));
			if (!worse) return { findings, after };
			findings = await this.#without(findings, worse);
		}
	}

	/** The findings without the one that makes a fault worse: the last, if it is not one alone. */
	async #without(findings, worse) {
		for (const finding of findings.toReversed()) {
			const others = findings.filter((it) => it !== finding);
			const after = others.length ? await this.#try(patchOf(others), worse.fault) : worse;
			if (after && !isWorse(worse, after)) return others;
		}
		return findings.slice(0, -1);
	}

	/** Notes which other faults a change alone takes the harm from. */
	async #spread(finding, hurting) {
		const others = hurting.filter(({ fault }) => fault !== finding.before.fault);
		const tried = await Promise.all(others.map((before) => this.#try(finding.patch, before.fault)));
		finding.also = others.filter((before, index) => tried[index] && isBetter(before, tried[index]) && sumOf(tried[index]) === 0);
	}
}

/** The patches of findings in one. */
const patchOf = (findings) => compose(...findings.map(({ patch }) => patch));
