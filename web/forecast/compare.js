// What a change of a manifest costs users, or saves them: faults before and after it, with the same seeds.

import { FAULTS, labelOf } from './faults.js';
import { describeHarm } from './report.js';
import { isWorse } from './search.js';

/** What differs less than this in time does not count, in seconds. */
const SOON = 3;

/** What a difference means to users. */
export const VERDICTS = { worse: 'Worse', better: 'Better', alike: 'Much the same' };

const number = new Intl.NumberFormat('en');

/** A number of the middle run, and the least and the most of all runs if they differ. */
function ranged(summary, name) {
	const [middle, least, most] = [summary[name], summary.least[name], summary.most[name]].map((it) => number.format(it));
	return least === most ? middle : `${middle} (${least}–${most})`;
}

/** Whether requests that were lost are all that a row may say. */
const isPlain = (summary) => !summary.most.bad && !FAULTS[summary.fault].says?.(summary);

function describe(before, after) {
	const label = labelOf(after);
	const time = Math.abs(after.ready - before.ready) > SOON ? ` It takes ${after.ready.toFixed(0)} s instead of ${before.ready.toFixed(0)} s.` : '';
	if (!isPlain(before) || !isPlain(after)) return `${label} ${describeHarm(after)}. Before the change, it ${describeHarm(before)}.${time}`;
	const [now, then] = [after, before].map((it) => ({ lost: ranged(it, 'lost'), sent: number.format(it.sent) }));
	return `${label} loses ${now.lost} of ${now.sent} requests; before the change, ${then.lost} of ${then.sent}.${time}`;
}

/**
 * The faults that differ, in words. `verdict` says what users feel of it: `alike` is no more than chance.
 * @typedef {{ fault: string, verdict: 'worse' | 'better' | 'alike', text: string }} Difference
 * @param {import('./forecast.js').Summary[]} before
 * @param {import('./forecast.js').Summary[]} after
 * @returns {Difference[]}
 */
export function compare(before, after) {
	const pairs = after.flatMap((now) => before.filter(({ fault }) => fault === now.fault).map((then) => ({ then, now })));
	const differ = pairs.filter(
		({ then, now }) => then.harms.some((harm, index) => harm !== now.harms[index]) || isPlain(then) !== isPlain(now) || Math.abs(now.ready - then.ready) > SOON,
	);
	return differ.map(({ then, now }) => ({
		fault: now.fault,
		verdict: isWorse(then, now) ? 'worse' : isWorse(now, then) ? 'better' : 'alike',
		text: describe(then, now),
	}));
}
