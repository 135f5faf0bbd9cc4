// An ingress: it sends each request to one of the Service's endpoints, in turn, as most of them do. (kube-proxy would
// choose one for each connection.)

import { REFUSED } from './component.js';

export class Ingress {
	#kubernetes;
	#slices = new Map();
	#endpoints = [];
	#turn = 0;

	/** @param {import('./cluster.js').Kubernetes} kubernetes */
	constructor(kubernetes) {
		this.#kubernetes = kubernetes;
		kubernetes.watch('endpointslices', (type, slice) => {
			const hear = () => {
				if (type === 'delete') this.#slices.delete(slice.metadata.name);
				else this.#slices.set(slice.metadata.name, slice);
				this.#endpoints = [...this.#slices.values()].flatMap(endpointsOf);
			};
			// It lists the first endpoints, and watches from then on.
			if (this.#endpoints.length || this.#turn) kubernetes.clock.setTimeout(hear, kubernetes.program.news * 1000);
			else hear();
		});
	}

	/** The addresses that it sends requests to. */
	get endpoints() {
		return this.#endpoints;
	}

	/**
	 * Sends a request to the next endpoint and, if that refuses or cuts it and `mayRetry` says so, to another, as an
	 * ingress may do with a GET. Throws what a client would see if there is no answer.
	 * @param {import('./component.js').Request} request
	 * @returns {Promise<import('./component.js').Answer & { retried?: boolean }>}
	 */
	async send(request, mayRetry = () => false) {
		const first = this.#next();
		try {
			return await this.#ask(first, request);
		} catch (error) {
			if (!mayRetry()) throw error;
			return { ...(await this.#ask(this.#next(first), request)), retried: true };
		}
	}

	#next(refusing) {
		const endpoints = this.#endpoints.filter((address) => address !== refusing);
		if (!endpoints.length) throw new Error('No replica is ready.', { cause: 'none' });
		return endpoints[this.#turn++ % endpoints.length];
	}

	async #ask(address, request) {
		const replica = this.#kubernetes.replicas.get(address);
		if (!replica) throw new Error(REFUSED, { cause: 'refused' });
		return replica.answer(request);
	}
}

/** The addresses in a slice that are ready: while a pod terminates, it is not. */
const endpointsOf = ({ endpoints }) => (endpoints ?? []).filter(({ conditions }) => conditions?.ready).flatMap(({ addresses }) => addresses);
