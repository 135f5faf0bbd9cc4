// The component as a program, under a host of its own, which has what Spin gives it (wit/world.wit). Every request gets
// its own instance; what outlives it is a map, which ends with the program.

import { instantiate } from '../../target/component/replica.js';
import { Process } from './process.js';
import { IncomingRequest, imports, ResponseOutparam } from './wasi.js';

const decoder = new TextDecoder();

/** The component's modules. */
const MODULES = ['replica.core.wasm', 'replica.core2.wasm', 'replica.core3.wasm'];

/**
 * Compiles the component, once for all replicas.
 * @param {(name: string) => Promise<BufferSource>} load gets one of its modules
 */
export async function compile(load) {
	const modules = MODULES.map(async (name) => {
		try {
			return /** @type {const} */ ([name, await WebAssembly.compile(await load(name))]);
		} catch ({ message }) {
			throw new Error(`${name}: ${message}`); // Not every host lets a page compile.
		}
	});
	return new Map(await Promise.all(modules));
}

/** As Spin answers when a guest traps, or when all of its instances are taken. */
const FAILURE = { status: 500, headers: [], body: null };

/** The path that Spin answers itself, whether the app is poisoned or not. */
const SPIN_HEALTH = '/.well-known/spin/health';

/** How many times smaller than its manifest says a replica is here: V8 has no room for more than 124 instances that wait. */
const SMALLER = 20;

/** How long the slow version of the component takes to start, in seconds, and what it does on SIGTERM: Spin cuts. */
export const COMPONENT = { slow: 20, term: 'cuts' };

/** @typedef {import('./cluster.js').Program} Program */

/** A process that runs the component from when it is made until it ends. @implements {Program} */
export class Component extends Process {
	#store = new Map();
	#computing = 0;

	/**
	 * @param {Map<string, WebAssembly.Module>} modules
	 * @param {import('./cluster.js').Seat} seat
	 * @param {{ slow: number, term: string, health?: string, dependency?: { isDown: boolean } }} settings
	 */
	constructor(modules, { name, version, env, clock, log }, { slow, term, health, dependency } = COMPONENT) {
		super(term);
		this.modules = modules;
		/** Whether what it is said to depend on is down, for users or for a probe: in truth, it depends on nothing. */
		this.isStranded = (probe) => dependency?.isDown && (!probe || health === 'dependency');
		this.log = log;
		const variables = variablesOf(env, name);
		this.token = variables.chaos_token;
		this.most = Math.ceil(Number(env.get('SPIN_MAX_INSTANCE_COUNT') ?? 1000) / SMALLER);
		this.imports = imports(this.#store, variables, (ms) => this.#wait(clock, ms), clock, log);
		/** When it listens: at once, but for a version that is slow. */
		this.started = version === 'slow' ? clock.wait(slow * 1000) : Promise.resolve();
		if (version === 'broken') this.break();
	}

	get isFailed() {
		return this.#store.has('failed');
	}
	/** Whether an instance computes right now, and does not wait. */
	get isComputing() {
		return this.#computing > 0;
	}

	break() {
		this.#post('/fail');
	}
	quit() {
		this.#post('/quit');
	}
	#post(target) {
		/** @type {[string, string][]} */
		const headers = this.token ? [['authorization', `Bearer ${this.token}`]] : [];
		this.answer({ method: 'POST', target, authority: 'service', headers }).catch(() => {}); // It has just ended.
	}

	async answer(request) {
		if (!this.isListening) throw new Error('The replica refused the connection.', { cause: 'refused' });
		if (request.target === SPIN_HEALTH) return { status: 200, headers: [], body: new Blob(['OK']), isFailed: this.isFailed };
		if (this.isStranded(request.probe)) return { ...FAILURE, isFailed: this.isFailed };
		const { promise, resolve, reject } = Promise.withResolvers();
		this.inFlight.add(reject);
		this.#run(request).then(resolve);
		const answer = await promise.finally(() => this.inFlight.delete(reject));
		if (this.#store.has('quit')) this.end(0);
		this.endIfDrained();
		return { ...answer, isFailed: this.isFailed };
	}

	/** Has an instance of its own answer a request. */
	async #run(request) {
		if (this.inFlight.size > this.most) return FAILURE;
		this.#computing++;
		try {
			const param = new ResponseOutparam();
			const { incomingHandler } = await instantiate((name) => this.modules.get(name), this.imports);
			await incomingHandler.handle(new IncomingRequest(request), param);
			const { status, headers, chunks } = param.response;
			return { status, headers: headers.map(([name, value]) => [name, decoder.decode(value)]), body: new Blob(chunks) };
		} catch (error) {
			this.log(`${error}\n`); // It trapped, or this browser has no more memory.
			console.error(error);
			return FAILURE;
		} finally {
			this.#computing--;
		}
	}

	/** Suspends an instance, until the program ends at the latest: it would take up room until it is collected. */
	async #wait(clock, ms) {
		this.#computing--;
		await Promise.race([clock.wait(ms), this.ended]);
		this.#computing++;
	}
}

/** Spin's variables, which take their values from the environment, where their names are in capitals. */
function variablesOf(env, hostname) {
	const variables = { chaos_token: '', max_waits: '0' };
	for (const [name, value] of env) variables[name.toLowerCase()] = value;
	return { ...variables, hostname, max_waits: String(Math.ceil(Number(variables.max_waits) / SMALLER)) };
}
