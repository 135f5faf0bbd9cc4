// Virtual time: a clock that stands still, and is stepped from one event to the next.

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
 * Lets everything happen that is due, and then time pass to the next event.
 * @param {import('./cluster.js').Kubernetes} kubernetes
 * @param {number} [most] how much time may pass, in milliseconds
 */
async function advance(kubernetes, most = Infinity) {
	const { clock } = kubernetes;
	do {
		clock.step(0); // which runs what webernetes has put off until then
		await turn();
	} while (kubernetes.isComputing || clock['microtasks'].length);
	let next = clock.nowMs() + most;
	for (const { dueAtMs } of clock['tasks'].values()) next = Math.min(next, dueAtMs);
	clock.step(Math.max(0, next - clock.nowMs()));
}

/**
 * Steps a cluster whose clock stands still until a promise has settled, and returns what it has settled to.
 * @template T
 * @param {import('./cluster.js').Kubernetes} kubernetes
 * @param {Promise<T>} promise
 */
export async function stepUntil(kubernetes, promise) {
	let isSettled = false;
	const settle = () => {
		isSettled = true;
	};
	promise.then(settle, settle);
	while (!isSettled) await advance(kubernetes);
	return promise;
}

/** A step of a clock that is faster than real time, in milliseconds. */
const STEP = 50;

/** Lets a cluster's time pass more quickly, or not at all. */
export class Pace {
	#kubernetes;
	#speed = 1;

	/** @param {import('./cluster.js').Kubernetes} kubernetes */
	constructor(kubernetes) {
		this.#kubernetes = kubernetes;
	}

	/** 1 is real time, and 0 a pause. */
	set(speed) {
		const { clock } = this.#kubernetes;
		const isStepping = this.#speed > 1;
		this.#speed = speed;
		if (speed === 1 && clock.isPaused()) clock.resume();
		if (speed !== 1 && !clock.isPaused()) clock.pause();
		if (speed > 1 && !isStepping) this.#step();
	}

	async #step() {
		const { clock } = this.#kubernetes;
		for (let due = performance.now(); this.#speed > 1; due = Math.max(due + STEP / this.#speed, performance.now() - STEP)) {
			const end = clock.nowMs() + STEP;
			while (this.#speed > 1 && clock.nowMs() < end) await advance(this.#kubernetes, end - clock.nowMs());
			await new Promise((resolve) => {
				setTimeout(resolve, due - performance.now());
			});
		}
	}
}
