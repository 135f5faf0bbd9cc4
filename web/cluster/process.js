// What the programs that play containers have in common: requests in flight, SIGTERM, and an end.

export class Process {
	/** What cuts each request in flight. @type {Set<(error: Error) => void>} */
	inFlight = new Set();
	#end = Promise.withResolvers();
	isListening = true;

	/** @param {string} term what it does on SIGTERM: `cuts`, `finishes` or `ignores` */
	constructor(term) {
		this.term = term;
	}

	/** Resolves to its exit code when it has ended. @returns {Promise<number>} */
	get ended() {
		return this.#end.promise;
	}

	/** Acts on SIGTERM. */
	terminate() {
		if (this.term === 'cuts') this.end(143);
		if (this.term !== 'finishes') return;
		this.isListening = false;
		this.endIfDrained();
	}
	/** Ends it with an exit code, and cuts the requests in flight. */
	end(code = 137) {
		this.isListening = false;
		this.#end.resolve(code);
		for (const cut of this.inFlight) cut(new Error('The replica ended before it answered.', { cause: 'cut' }));
	}
	/** Ends it if it takes no more requests, and has answered the last. */
	endIfDrained() {
		if (!this.isListening && !this.inFlight.size) this.end(0);
	}
}
