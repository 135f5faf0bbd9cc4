// Runs side by side: each worker runs one job at a time, in a thread of its own.

/** @typedef {{ postMessage(job: any): void, terminate(): void, onmessage?: any, onerror?: any }} Thread */

export class Pool {
	#start;
	#size;
	#threads = new Set();
	#idle = [];
	#waiting = [];

	/**
	 * @param {() => Thread} start starts a thread that answers each job with a message: `{ result }`, or `{ error }`; `onerror` is
	 *   called if it cannot run
	 * @param {number} size how many threads there may be
	 */
	constructor(start, size) {
		this.#start = start;
		this.#size = Math.max(1, size);
	}

	/** Has a thread do a job, as soon as one is free; returns its result. */
	run(job) {
		return new Promise((resolve, reject) => {
			this.#waiting.push({ job, resolve, reject });
			this.#next();
		});
	}

	end() {
		for (const thread of this.#threads) thread.terminate();
	}

	#next() {
		if (!this.#waiting.length) return;
		if (!this.#idle.length && this.#threads.size < this.#size) {
			const thread = this.#start();
			this.#threads.add(thread);
			this.#idle.push(thread);
		}
		const thread = this.#idle.pop();
		if (!thread) return;
		const { job, resolve, reject } = this.#waiting.shift();
		thread.onmessage = ({ data: { result, error } }) => {
			this.#idle.push(thread);
			this.#next();
			if (error === undefined) resolve(result);
			else reject(new Error(error));
		};
		thread.onerror = () => {
			this.#threads.delete(thread);
			reject(new Error('A part of the forecast could not be loaded. Try again.'));
			this.#next();
		};
		thread.postMessage(job);
	}
}
