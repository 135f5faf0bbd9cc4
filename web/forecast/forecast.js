// Forecasts what faults would cost the users of a Deployment: each fault with several seeds.

import { harmOf } from './faults.js';

/** How many seeds a forecast has. */
const SEEDS = 5;

/** The numbers of a row. */
export const TIMES = ['unready', 'replaced', 'ready'];
export const COUNTS = ['sent', 'lost', 'bad', 'retried', 'refused'];

/**
 * What a fault cost with each seed: the row in the middle, the least and the most of its numbers, and how much each hurt.
 * @typedef {import('./recorder.js').Row & { least: any, most: any, shares: number[], harms: number[], moments: any[], reason?: string }} Summary
 */

/**
 * A summary of rows, one a seed. What is lost without a fault, too, is no fault's cost: `overload` is its share of the
 * requests with each seed.
 * @returns {Summary}
 */
export function summaryOf(rows, overload = []) {
	const sorted = rows.toSorted((one, other) => harmOf(one) - harmOf(other));
	const extreme = (choose) =>
		Object.fromEntries(
			[...TIMES, ...COUNTS, 'restarts'].map((name) => {
				const known = rows.map((row) => row[name]).filter((value) => value !== undefined);
				return [name, known.length ? choose(...known) : undefined];
			}),
		);
	const shares = rows.map(({ lost, sent }) => (sent ? lost / sent : 0));
	return {
		...sorted[rows.length >> 1],
		least: extreme(Math.min),
		most: extreme(Math.max),
		shares,
		harms: rows.map((row, index) => Math.max(0, Math.round(harmOf(row) - (overload[index] ?? 0) * row.sent))),
	};
}

/** How much a summary hurts with all seeds, in requests. */
export const sumOf = ({ harms }) => harms.reduce((sum, harm) => sum + harm, 0);

/** The seeds from one on. */
export const seedsFrom = (first) => Array.from({ length: SEEDS }, (_, index) => first + index);

/** Injects a fault with each seed. @returns {Promise<Summary>} */
export async function forecastFault(subject, fault, seeds, pool, overload = []) {
	const { objects, main, settings } = subject;
	return summaryOf(await Promise.all(seeds.map((seed) => pool.run({ subject: { objects, main, settings }, fault, seed }))), overload);
}

/** The shares of requests that were lost in the control run, with each seed. */
export const overloadOf = (control) => (control?.fault === 'control' ? control.shares : []);

/**
 * Injects faults, and tells each summary as soon as there is one; if the replicas never get ready, there is that of the
 * control run alone.
 * @param {import('./run.js').Subject} subject
 * @param {string[]} faults
 * @param {number[]} seeds
 * @param {Pick<import('./pool.js').Pool, 'run'>} pool
 * @param {(summary: Summary) => void} [tell]
 * @returns {Promise<Summary[]>}
 */
export async function forecast(subject, faults, seeds, pool, tell = () => {}) {
	const summaries = {};
	const [first, ...others] = faults;
	const add = async (fault) => {
		const summary = await forecastFault(subject, fault, seeds, pool, fault === first ? [] : overloadOf(summaries[first]));
		summaries[fault] = summary;
		tell(summary);
	};
	if (first) await add(first);
	if (summaries[first]?.at !== undefined) await Promise.all(others.map(add));
	return faults.map((fault) => summaries[fault]).filter(Boolean);
}
