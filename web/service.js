// A small service: one address for all pods that are ready, as host/src/demo/service.rs is.

import { isEndpoint, sleep } from './kubelet.js';

/** How long it takes, on a cluster, until a change of readiness reaches those who send requests, in seconds. */
export const PROPAGATION = 1;

export class Service {
	#endpoints;
	#turn = 0;

	/** Hears of the pods as they are now, a moment later. Of the first that is ready, it hears at once. */
	async hear(pods) {
		const endpoints = pods.filter(isEndpoint);
		if (this.#endpoints) await sleep(PROPAGATION);
		if (this.#endpoints || endpoints.length) this.#endpoints = endpoints;
	}

	/**
	 * Sends a request to the next endpoint and, if that refuses or cuts it and `mayRetry` says so, to another, as an
	 * ingress does with a GET. Tells whether it had to. Throws what a client would see if there is no answer.
	 */
	async send(request, mayRetry) {
		const first = this.#next();
		try {
			return await first.replica.answer(request);
		} catch (error) {
			if (!mayRetry()) throw error;
			return { ...await this.#next(first).replica.answer(request), retried: true };
		}
	}

	#next(refusing) {
		const endpoints = (this.#endpoints ?? []).filter((pod) => pod !== refusing);
		if (!endpoints.length) throw new Error('No replica is ready.');
		return endpoints[this.#turn++ % endpoints.length];
	}
}
