// Forecasts what faults would cost the users of a Deployment: each fault with several seeds.

import { harmOf } from './faults.js';

/** How many seeds a forecast has. */
export const SEEDS = 5;

/** The numbers of a row. */
export const TIMES = ['unready', 'replaced', 'ready'];
export const COUNTS = ['sent', 'lost', 'bad', 'retried', 'refused'];

/**
 * What a fault cost with each seed: the row in the middle, the least and the most of its numbers, and how much each hurt.
 * @typedef {import('./recorder.js').Row & { least: any, most: any, harms: number[], moments: any[], reason?: string }} Summary
 */

/** @returns {Summary} */
export function summaryOf(rows) {
	const sorted = rows.toSorted((one, other) => harmOf(one) - harmOf(other));
	const extreme = (choose) =>
		Object.fromEntries(
			[...TIMES, ...COUNTS, 'restarts'].map((name) => {
				const known = rows.map((row) => row[name]).filter((value) => value !== undefined);
				return [name, known.length ? choose(...known) : undefined];
			}),
		);
	return { ...sorted[rows.length >> 1], least: extreme(Math.min), most: extreme(Math.max), harms: rows.map(harmOf) };
}

/** How much a summary hurts with all seeds, in requests. */
export const sumOf = ({ harms }) => harms.reduce((sum, harm) => sum + harm, 0);

/** The seeds from one on. */
export const seedsFrom = (first) => Array.from({ length: SEEDS }, (_, index) => first + index);

/** Injects a fault with each seed. @returns {Promise<Summary>} */
export async function forecastFault(subject, fault, seeds, pool) {
	const { objects, main, settings } = subject;
	return summaryOf(await Promise.all(seeds.map((seed) => pool.run({ subject: { objects, main, settings }, fault, seed }))));
}

/**
 * Injects faults, and tells each summary as soon as there is one; if the replicas never get ready, there is that of the
 * control run alone.
 * @param {import('./run.js').Subject} subject
 * @param {string[]} faults
 * @param {number[]} seeds
 * @param {import('./pool.js').Pool} pool
 * @param {(summary: Summary) => void} [tell]
 * @returns {Promise<Summary[]>}
 */
export async function forecast(subject, faults, seeds, pool, tell = () => {}) {
	const summaries = {};
	const add = async (fault) => {
		const summary = await forecastFault(subject, fault, seeds, pool);
		summaries[fault] = summary;
		tell(summary);
	};
	const [first, ...others] = faults;
	if (first) await add(first);
	if (summaries[first]?.at !== undefined) await Promise.all(others.map(add));
	return faults.map((fault) => summaries[fault]).filter(Boolean);
}
