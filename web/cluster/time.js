// Virtual time: a clock that is stepped, as fast as what happens in each step allows.

import { instances } from './component.js';

/** A step, in milliseconds of virtual time. */
const STEP = 50;
/** How often promises and channels may follow one another within a step. */
const TURNS = 8;

/** Lets everything run that is due. A browser's timers would take 4 ms for that. */
function turn() {
	if (globalThis.setImmediate)
		return new Promise((resolve) => {
			setImmediate(resolve);
		});
	const { port1, port2 } = new MessageChannel();
	return new Promise((resolve) => {
		port1.onmessage = resolve;
		port2.postMessage(undefined);
	});
}

/** Lets everything happen that is due, and then time pass by a step. */
async function advance(clock) {
	for (let count = 0; count < TURNS || instances.computing; count++) await turn();
	clock.step(STEP);
}

/**
 * Steps a clock that stands still until a promise has settled, and returns what it has settled to.
 * @template T
 * @param {{ step(ms: number): void }} clock
 * @param {Promise<T>} promise
 */
export async function stepUntil(clock, promise) {
	let isSettled = false;
	const settle = () => {
		isSettled = true;
	};
	promise.then(settle, settle);
	while (!isSettled) await advance(clock);
	return promise;
}

/** Lets a cluster's time pass more quickly, or not at all. */
export class Pace {
	#clock;
	#speed = 1;

	/** @param {import('@ngrok/webernetes').Clock} clock */
	constructor(clock) {
		this.#clock = clock;
	}

	/** 1 is real time, and 0 a pause. */
	set(speed) {
		const isStepping = this.#speed > 1;
		this.#speed = speed;
		if (speed === 1 && this.#clock.isPaused()) this.#clock.resume();
		if (speed !== 1 && !this.#clock.isPaused()) this.#clock.pause();
		if (speed > 1 && !isStepping) this.#step();
	}

	async #step() {
		for (let due = performance.now(); this.#speed > 1; due = Math.max(due + STEP / this.#speed, performance.now() - STEP)) {
			await advance(this.#clock);
			await new Promise((resolve) => {
				setTimeout(resolve, due - performance.now());
			});
		}
	}
}
