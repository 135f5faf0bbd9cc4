// The users of a Deployment: clients that ask again and again, and crowds.

import { CLIENTS } from './questions.js';

/** How long a client pauses after each answer on average, and for how long beyond the slowest answer it waits, in seconds. */
const PAUSE = 0.2;
const GIVING_UP = 10;

const QUICK = '/parity?int=7';
const SLOW = '/wait';

/** What came of a request: a status and how it was got, or the cause why there is none. @typedef {any} Outcome */

export class Traffic {
	#clock;
	#route;
	#answer;
	#count;
	#rate;
	#isOver = false;
	#inFlight = new Set();

	/**
	 * @param {{ wait(ms: number): Promise<void>, nowMs(): number, setTimeout(act: () => void, ms: number): number, clearTimeout(handle: number): void }} clock
	 * @param {{ send(request: any, client: object): Promise<any> }} route
	 * @param {number} answer how long the slowest answers take, in seconds
	 * @param {(outcome: Outcome) => void} count
	 * @param {number} [rate] of requests, a second: by default, clients ask again and again
	 */
	constructor(clock, route, answer, count, rate = undefined) {
		this.#clock = clock;
		this.#route = route;
		this.#answer = answer;
		this.#count = count;
		this.#rate = rate;
	}

	/** Lets the clients start, one after the other, until all ask. */
	async start() {
		if (this.#rate) return void this.#askSteadily(this.#rate);
		for (let client = 0; client < CLIENTS.quick; client++) this.#ask(QUICK, (PAUSE * client) / CLIENTS.quick);
		for (let client = 0; client < CLIENTS.slow; client++) this.#ask(SLOW, (Math.max(this.#answer, PAUSE) * client) / CLIENTS.slow);
		await this.#sleep(this.#answer);
	}
	stop() {
		this.#isOver = true;
	}
	/** Resolves when all that is in flight now has come to something. */
	settle() {
		return Promise.all(this.#inFlight);
	}

	/**
	 * So many more clients ask for the slowest answers: once, or again and again for as long as a flood takes, in seconds.
	 * After a refusal each pauses for a second, the least that Retry-After asks for.
	 */
	async crowd(size, duration = 0) {
		const end = this.#now + duration;
		const one = async (delay) => {
			await this.#sleep(delay);
			const client = {};
			do if (!(await this.#request(SLOW, client))) await this.#sleep(1);
			while (this.#now < end && !this.#isOver);
		};
		await Promise.all(Array.from({ length: size }, (_, index) => one(index / size)));
	}

	get #now() {
		return this.#clock.nowMs() / 1000;
	}
	#sleep(seconds) {
		return this.#clock.wait(seconds * 1000);
	}

	/** A client that asks again and again, after a delay. */
	async #ask(target, delay) {
		const client = {};
		await this.#sleep(delay);
		while (!this.#isOver) {
			await this.#request(target, client);
			await this.#sleep(PAUSE * (0.5 + Math.random())); // so that no client keeps step with a proxy
		}
	}

	/** Asks so many times a second, and never more often, whether there is an answer or not. */
	async #askSteadily(rate) {
		const client = {};
		while (!this.#isOver) {
			this.#request(QUICK, client);
			await this.#sleep(1 / rate);
		}
	}

	/** Asks once, and has the outcome counted; returns whether there was a good status. */
	async #request(target, client) {
		const request = this.#send(target, client).catch((error) => error);
		this.#inFlight.add(request);
		const outcome = await request;
		this.#inFlight.delete(request);
		this.#count(outcome);
		return outcome.status === 200;
	}

	/** Sends a request, and gives up if it takes too long. */
	#send(target, client) {
		return new Promise((resolve, reject) => {
			const giveUp = () => reject(new Error('There was no answer in time.', { cause: 'late' }));
			const timeout = this.#clock.setTimeout(giveUp, (this.#answer + GIVING_UP) * 1000);
			const answer = this.#route.send({ method: 'GET', target, authority: 'service', headers: [] }, client);
			answer.then(resolve, reject).finally(() => this.#clock.clearTimeout(timeout));
		});
	}
}
