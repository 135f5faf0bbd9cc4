// A program as the questions say: it plays an image in a forecast.

import { Process } from '../cluster/process.js';

/** The tags of versions that are broken from the start, and that start slowly. */
export const VERSIONS = ['broken', 'slow'];

/** How much longer the answers of a program take that has become slow, in seconds. */
export const MORE = 10;

/** @typedef {import('../cluster/cluster.js').Program} Played */

/** @implements {Played} */
export class Program extends Process {
	#settings;
	#clock;
	#queue = [];
	#broken = '';

	/**
	 * @param {import('./questions.js').Settings} settings
	 * @param {import('../cluster/cluster.js').Seat} seat
	 */
	constructor(settings, { version, clock }) {
		super(settings.term);
		this.#settings = settings;
		this.#clock = clock;
		this.started = clock.wait((version === 'slow' ? settings.slow : settings.start) * 1000).then(() => {
			if (version === 'broken') this.break();
		});
	}

	get isFailed() {
		return this.#broken !== '';
	}

	break() {
		this.#broken = this.#settings.breaks;
		if (this.#broken === 'exits') this.end(1);
	}
	quit() {
		this.end(0);
	}

	/** Answers a probe or a request to `/wait`, which takes as long as the slowest answers do, or any other at once. */
	async answer({ target, probe = '' }) {
		if (!this.isListening) throw new Error('The replica refused the connection.', { cause: 'refused' });
		const { promise, resolve, reject } = Promise.withResolvers();
		this.inFlight.add(reject);
		const { most, beyond } = this.#settings;
		const work = () => this.#work(target, probe, resolve);
		if (this.inFlight.size <= most) work();
		else if (beyond === 'queues') this.#queue.push(work);
		else resolve(Number(beyond));
		const status = await promise.finally(() => this.#leave(reject));
		return { status, isFailed: this.isFailed };
	}

	async #work(target, probe, resolve) {
		const seconds = (target === '/wait' && !probe ? this.#settings.answer : 0) + (this.#broken === 'slow' ? MORE : 0);
		if (seconds) await this.#clock.wait(seconds * 1000);
		if (this.#broken !== 'hangs') resolve(this.#isWell(probe) ? 200 : 500);
	}

	/** Whether it can answer well: a request, or a probe of a kind. */
	#isWell(probe) {
		const { health, dependency } = this.#settings;
		if (probe && this.#broken === 'unhealthy') return false;
		if (!dependency?.isDown) return true;
		return probe !== '' && (health === 'itself' || (health === 'readiness' && probe !== 'readiness'));
	}

	#leave(reject) {
		this.inFlight.delete(reject);
		this.#queue.shift()?.();
		this.endIfDrained();
	}
}
