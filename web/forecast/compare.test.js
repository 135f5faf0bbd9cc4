// What a change of a manifest costs, in words.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from './compare.js';
import { summaryOf } from './forecast.js';
import { rowOf } from './recorder.js';

/** A summary of runs that differ by some numbers. */
const summary = (fault, ...runs) => summaryOf(runs.map((run) => ({ ...rowOf(fault), sent: 400, ready: 10, replaced: 10, unready: 1, ...run })));

test('what users feel of a change is said for each fault that differs', () => {
	const before = [
		summary('control', {}, {}, {}),
		summary('restart', { lost: 18 }, { lost: 17 }, { lost: 21 }),
		summary('slow', {}, {}, {}),
		summary('quit', { lost: 9 }, { lost: 6 }, { lost: 13 }),
		summary('delete', {}, {}, {}),
		summary('burst', {}, {}, {}),
	];
	const after = [
		summary('control', {}, {}, {}),
		summary('restart', { sent: 439 }, { sent: 439 }, { sent: 450 }),
		summary('slow', { ready: undefined }, { ready: undefined }, { ready: undefined }),
		summary('quit', { lost: 7 }, { lost: 7 }, { lost: 7 }),
		summary('delete', { ready: 40 }, { ready: 40 }, { ready: 40 }),
		summary('scale', { lost: 5 }, { lost: 5 }, { lost: 5 }),
		summary('burst', { sent: 401 }, { sent: 402 }, { sent: 403 }),
	];
	assert.deepEqual(compare(before, after), [
		{ fault: 'restart', verdict: 'better', text: 'A rollout loses 0 of 439 requests; before the change, 18 (17–21) of 400.' },
		{ fault: 'slow', verdict: 'worse', text: 'A rollout of a slow version never completes. Before the change, it costs nothing.' },
		{ fault: 'quit', verdict: 'alike', text: 'A replica that exits loses 7 of 400 requests; before the change, 9 (6–13) of 400.' },
		{ fault: 'delete', verdict: 'alike', text: 'A deleted pod loses 0 of 400 requests; before the change, 0 of 400. It takes 40 s instead of 10 s.' },
	]);
	assert.deepEqual(compare(after, after), []);
});
