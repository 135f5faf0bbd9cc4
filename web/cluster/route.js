// How requests come to the pods of a Deployment. Whoever routes them hears of a change to its endpoints a little late.

const NOBODY = 'No replica is ready.';

/** @typedef {import('./cluster.js').Answer & { isRetried?: boolean }} Routed */

/** What all routes share: they know the endpoints of the Service. */
class Route {
	#slices = new Map();
	/** The endpoints that are ready. @type {string[]} */
	endpoints = [];
	/** Those that terminate, but still serve. @type {string[]} */
	terminating = [];

	/**
	 * @param {import('./cluster.js').Kubernetes} kubernetes
	 * @param {number} news how long it takes until a change is known here, in seconds
	 */
	constructor(kubernetes, news) {
		this.kubernetes = kubernetes;
		kubernetes.watch('endpointslices', (type, slice) => {
			const hear = () => {
				if (type === 'delete') this.#slices.delete(slice.metadata.name);
				else this.#slices.set(slice.metadata.name, slice);
				const endpoints = [...this.#slices.values()].flatMap(({ endpoints }) => endpoints ?? []);
				const addresses = (is) => endpoints.filter(({ conditions }) => is(conditions ?? {})).flatMap(({ addresses }) => addresses);
				this.endpoints = addresses(({ ready }) => ready);
				this.terminating = addresses(({ serving, terminating }) => serving && terminating);
			};
			kubernetes.clock.setTimeout(hear, news * 1000);
		});
	}

	/**
	 * Has the program at an address answer. Throws what a client would see if there is no answer, and hangs where the pod
	 * has gone, since nobody is left to refuse the connection.
	 * @returns {Promise<Routed>}
	 */
	async ask(address, request) {
		const program = this.programAt(address);
		if (program) return program.answer(request);
		if (!this.kubernetes.hasAddress(address)) await this.hang();
		throw new Error('The replica refused the connection.', { cause: 'refused' });
	}

	/** Waits for a connection to an address that nobody has. */
	hang() {
		return new Promise(() => {});
	}

	/** The program that takes new connections at an address, if one does. */
	programAt(address) {
		const program = this.kubernetes.replicas.get(address);
		return program?.isListening ? program : undefined;
	}
}

const any = (list) => list[Math.floor(Math.random() * list.length)];

/** A Service alone: kube-proxy picks an endpoint for each connection at random, and nothing is retried. */
export class Service extends Route {
	/** An endpoint for a new connection. Without one that is ready, those that terminate serve on (since Kubernetes 1.28). */
	pick() {
		const address = any(this.endpoints.length ? this.endpoints : this.terminating);
		if (!address) throw new Error(NOBODY, { cause: 'none' });
		return address;
	}

	/** @param {import('./cluster.js').Request} request */
	async send(request, _client = undefined) {
		return this.ask(this.pick(), request);
	}
}

/** A Service to which clients keep their connections: each stays with its pod, whatever readiness says. */
export class Kept extends Service {
	#connections = new WeakMap();

	/**
	 * @param {import('./cluster.js').Request} request
	 * @param {object} client whose connection is used, or replaced if the pod has closed it
	 */
	async send(request, client) {
		const kept = this.#connections.get(client);
		if (kept && this.programAt(kept.address) === kept.program) {
			try {
				return await kept.program.answer(request);
			} catch {} // As HTTP clients do where a connection that was used before is closed before an answer.
		}
		const address = this.pick();
		const program = this.programAt(address);
		if (program) this.#connections.set(client, { address, program });
		return this.ask(address, request);
	}
}

/** How many endpoints a proxy tries, and how long it waits for a connection, in milliseconds. */
const TRIES = 3;
const CONNECT = 5000;

/** A proxy, such as an ingress: it takes endpoints in turn, and tries another where a connection is refused. */
export class ReverseProxy extends Route {
	#turn = Math.floor(Math.random() * 1000);

	hang() {
		return this.kubernetes.clock.wait(CONNECT);
	}

	/** @param {import('./cluster.js').Request} request */
	async send(request, _client = undefined) {
		for (let tried = 1; ; tried++) {
			const { length } = this.endpoints;
			if (!length) throw new Error(NOBODY, { cause: 'none' }); // a proxy's own 503
			try {
				return { ...(await this.ask(this.endpoints[this.#turn++ % length], request)), isRetried: tried > 1 };
			} catch (error) {
				// Only what is idempotent may be sent again.
				const mayRetry = error.cause === 'refused' && (request.method === 'GET' || request.method === 'HEAD');
				if (!mayRetry || tried === Math.min(TRIES, length)) throw error;
			}
		}
	}
}

/** The routes, by the answers to the question how requests come. */
export const ROUTES = { service: Service, proxy: ReverseProxy, kept: Kept };
