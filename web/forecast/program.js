// What no manifest says of a program, around the component that plays it.

import { Replica } from '../cluster/component.js';
import { MORE } from './questions.js';

/** The tag of an image whose program is broken from the start, and of one that starts slowly. */
export const BROKEN = 'broken';
export const SLOW = 'slow';

/** How long a request to /wait takes, in seconds. */
const WAIT = 5;

export class Program extends Replica {
	#settings;
	#clock;
	#token;
	#broken = '';

	/** @param {import('./questions.js').Settings} settings */
	constructor(settings, modules, variables, most, clock, log) {
		// /wait plays the slowest answers.
		const stretched = { nowMs: () => clock.nowMs(), wait: (ms) => clock.wait((ms * settings.answer) / WAIT) };
		super(modules, variables, most, stretched, log);
		this.#settings = settings;
		this.#clock = clock;
		this.#token = variables.chaos_token;
	}

	get isFailed() {
		return this.#broken !== '' || super.isFailed;
	}

	/** Breaks as its settings say. */
	async break() {
		this.#broken = this.#settings.breaks;
		if (this.#broken === 'exits') this.end(1);
		else if (this.#broken === 'unhealthy') await this.#post('/fail');
	}
	/** Ends by itself, as after a crash. */
	quit() {
		return this.#post('/quit');
	}

	async #post(target) {
		/** @type {[string, string][]} */
		const headers = this.#token ? [['authorization', `Bearer ${this.#token}`]] : [];
		await this.answer({ method: 'POST', target, authority: 'service', headers }).catch(() => {}); // It has just ended.
	}

	/** Acts on SIGTERM. */
	terminate() {
		if (this.#settings.term === 'cuts') this.end(143);
		else if (this.#settings.term === 'finishes') this.drain();
	}

	async run(request) {
		if (this.#broken === 'hangs') return new Promise(() => {});
		if (this.#broken === 'slow') await this.#clock.wait(MORE * 1000);
		return super.run(request);
	}
}
