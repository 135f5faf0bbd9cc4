// A replica: the component under a host of its own, which has what Spin gives it (wit/world.wit). Every request gets
// its own instance; what outlives it is a map, which ends with the replica.

import { instantiate } from '../../target/component/replica.js';

/** Whether this browser can suspend a component (JSPI, WebAssembly's JavaScript Promise Integration). */
export const CAN_WAIT = 'Suspending' in WebAssembly;
/** What it would make of a function: the same function, which fails as soon as it has to wait. */
function Suspending(act) {
	return act;
}
if (!CAN_WAIT) {
	Object.assign(WebAssembly, {
		Suspending,
		promising:
			(act) =>
			async (...args) =>
				act(...args),
	});
}

const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];

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

/** How many instances compute right now, and do not wait: time that is stepped has to stand still meanwhile. */
export const instances = { computing: 0 };

// The resources of wasi:http, wasi:io and wasi:keyvalue that the world lists.

class Fields {
	constructor(entries) {
		this.entries = entries;
	}
	static fromList(entries) {
		return new Fields(entries);
	}
	get(name) {
		return this.entries.filter(([it]) => it === name).map(([, value]) => value);
	}
}

class IncomingRequest {
	#request;
	constructor(request) {
		this.#request = request;
	}
	method() {
		const tag = this.#request.method.toLowerCase();
		return METHODS.has(tag) ? { tag } : { tag: 'other', val: this.#request.method };
	}
	pathWithQuery() {
		return this.#request.target;
	}
	authority() {
		return this.#request.authority;
	}
	headers() {
		return new Fields(this.#request.headers.map(([name, value]) => [name, encoder.encode(value)]));
	}
}
const METHODS = new Set(['get', 'head', 'post', 'put', 'delete', 'connect', 'options', 'trace', 'patch']);

class OutgoingResponse {
	status = 200;
	chunks = [];
	constructor(headers) {
		this.headers = headers.entries;
	}
	setStatusCode(status) {
		this.status = status;
	}
	body() {
		return new OutgoingBody(this.chunks);
	}
}

class OutgoingBody {
	#chunks;
	constructor(chunks) {
		this.#chunks = chunks;
	}
	write() {
		return new OutputStream((bytes) => this.#chunks.push(bytes));
	}
	static finish() {}
}

class ResponseOutparam {
	response;
	static set(param, { val }) {
		param.response = val;
	}
}

class OutputStream {
	#write;
	constructor(write) {
		this.#write = write;
	}
	blockingWriteAndFlush(bytes) {
		this.#write(bytes.slice());
	}
}

class Pollable {
	#wait;
	constructor(wait) {
		this.#wait = wait;
	}
	async block() {
		instances.computing--;
		await this.#wait();
		instances.computing++;
	}
}

class Bucket {
	constructor(entries) {
		this.entries = entries;
	}
	set(key, value) {
		this.entries.set(key, value);
	}
	delete(key) {
		this.entries.delete(key);
	}
	exists(key) {
		return this.entries.has(key);
	}
	listKeys() {
		return { keys: [...this.entries.keys()], cursor: undefined };
	}
}

/** What the component imports. Where a result is an error, that is thrown. */
const imports = (store, variables, clock, log, ended) => ({
	'fermyon:spin/variables': { get: (name) => variables[name] ?? '' },
	'wasi:cli/stderr': { getStderr: () => new OutputStream((bytes) => log(decoder.decode(bytes))) },
	'wasi:clocks/monotonic-clock': {
		subscribeDuration(nanoseconds) {
			if (!CAN_WAIT) throw new Error('this browser cannot suspend a component');
			// Nothing is left suspended: it would take up room until it is collected, which no browser hastens.
			return new Pollable(() => Promise.race([clock.wait(Number(nanoseconds) / 1e6), ended]));
		},
	},
	'wasi:clocks/wall-clock': { now: () => ({ seconds: BigInt(Math.floor(clock.nowMs() / 1000)), nanoseconds: 0 }) },
	'wasi:http/types': { Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam },
	'wasi:io/error': { Error: class {} },
	'wasi:io/poll': { Pollable },
	'wasi:io/streams': { OutputStream },
	'wasi:keyvalue/atomics': {
		increment({ entries }, key, delta) {
			entries.set(key, (entries.get(key) ?? 0n) + delta);
			return entries.get(key);
		},
	},
	'wasi:keyvalue/store': { Bucket, open: () => new Bucket(store) },
});

/** As Spin answers when a guest traps, or when all of its instances are taken. */
const FAILURE = { status: 500, headers: [], body: null };

/** What a client reports when nothing is listening. */
export const REFUSED = 'The replica refused the connection.';

/** The path that Spin answers itself, whether the app is poisoned or not. */
export const SPIN_HEALTH = '/.well-known/spin/health';

/**
 * @typedef {{ method: string, target: string, authority: string, headers: [string, string][] }} Request
 * @typedef {{ status: number, headers: [string, string][], body: Blob | null, isFailed: boolean }} Answer
 */

/** A process that runs the component from when it is made until it ends. */
export class Replica {
	#store = new Map();
	#inFlight = new Set();
	#end = Promise.withResolvers();

	/**
	 * @param {Map<string, WebAssembly.Module>} modules
	 * @param {Record<string, string>} variables Spin's
	 * @param {number} most how many instances there may be at once
	 * @param {{ wait(ms: number): Promise<void>, nowMs(): number }} clock
	 * @param {(text: string) => void} log takes what the guest writes to its standard error
	 */
	constructor(modules, variables, most, clock, log) {
		this.modules = modules;
		this.most = most;
		this.log = log;
		this.imports = imports(this.#store, variables, clock, log, this.ended);
	}

	/** Resolves to its exit code when it has ended. @returns {Promise<number>} */
	get ended() {
		return this.#end.promise;
	}
	get isFailed() {
		return this.#store.has('failed');
	}

	/** Ends it with an exit code, and cuts the requests in flight, as SIGTERM does on Spin. */
	end(code = 0) {
		this.hasEnded = true;
		this.#end.resolve(code);
		for (const cut of this.#inFlight) cut(new Error('The replica ended before it answered.', { cause: 'cut' }));
	}

	/** Refuses new requests, and ends when those in flight are answered. */
	drain() {
		this.isDraining = true;
		if (!this.#inFlight.size) this.end();
	}

	/**
	 * Answers a request. Throws if the replica has ended, or does before it has answered.
	 * @param {Request} request
	 * @returns {Promise<Answer>}
	 */
	async answer(request) {
		if (this.hasEnded || this.isDraining) throw new Error(REFUSED, { cause: 'refused' });
		if (request.target === SPIN_HEALTH) return { status: 200, headers: [], body: new Blob(['OK']), isFailed: this.isFailed };
		const { promise, resolve, reject } = Promise.withResolvers();
		this.#inFlight.add(reject);
		this.run(request).then(resolve);
		const answer = await promise.finally(() => this.#inFlight.delete(reject));
		if (this.#store.has('quit') || (this.isDraining && !this.#inFlight.size)) this.end();
		return { ...answer, isFailed: this.isFailed };
	}

	/** Has an instance of its own answer a request. */
	async run(request) {
		if (this.#inFlight.size > this.most) return FAILURE;
		instances.computing++;
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
			instances.computing--;
		}
	}
}
