// A pool of threads, with real ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Pool } from './pool.js';

test('a job whose thread cannot be loaded is rejected in one line, and so is the next', async () => {
	const start = () => {
		const worker = new Worker(new URL('nowhere.js', import.meta.url));
		/** @type {import('./pool.js').Thread} */
		const thread = { postMessage: (job) => worker.postMessage(job), terminate: () => worker.terminate() };
		worker.on('error', () => thread.onerror());
		return thread;
	};
	const pool = new Pool(start, 1);
	const jobs = [pool.run({}), pool.run({})];
	for (const job of jobs) await assert.rejects(job, /^Error: A part of the forecast could not be loaded/);
});
