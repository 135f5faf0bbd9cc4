// Virtual time: a clock that is stepped, as fast as what happens in each step allows.

import { instances } from './replica.js';

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
	for (;;) {
		for (let count = 0; count < TURNS || instances.computing; count++) await turn();
		if (isSettled) return promise;
		clock.step(STEP);
	}
}
