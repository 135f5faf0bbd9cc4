// A replica: the component under a host of its own, which has what Spin gives it (wit/world.wit). Every request gets
// its own instance; what outlives it is a map, which ends with the replica.

import { instantiate } from './component/replica.js';
import { FILES } from './files.js';

/** Whether this browser can suspend a component (JSPI, WebAssembly's JavaScript Promise Integration). */
export const CAN_WAIT = 'Suspending' in WebAssembly;
if (!CAN_WAIT) {
	// The rest of the component works as soon as these two are there; what would suspend traps before it does.
	WebAssembly.Suspending = function (act) { return act };
	WebAssembly.promising = (act) => async (...args) => act(...args);
}

const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];

const PREFIX = 'component/';

/** Gets the component's modules with `load`, and compiles them, once for all replicas. */
export async function compile(load) {
	const modules = FILES.filter((file) => file.endsWith('.wasm')).map(async (file) => {
		const response = await load(new Request(file));
		return [file.slice(PREFIX.length), await WebAssembly.compile(await response.arrayBuffer())];
	});
	return new Map(await Promise.all(modules));
}

// The resources of wasi:http, wasi:io and wasi:keyvalue that the world lists.

class Fields {
	constructor(entries) { this.entries = entries }
	static fromList(entries) { return new Fields(entries) }
	get(name) { return this.entries.filter(([it]) => it === name).map(([, value]) => value) }
}

class IncomingRequest {
	#request;
	constructor(request) { this.#request = request }
	method() {
		const tag = this.#request.method.toLowerCase();
		return METHODS.has(tag) ? { tag } : { tag: 'other', val: this.#request.method };
	}
	pathWithQuery() { return this.#request.target }
	authority() { return this.#request.authority }
	headers() { return new Fields(this.#request.headers.map(([name, value]) => [name, encoder.encode(value)])) }
}
const METHODS = new Set(['get', 'head', 'post', 'put', 'delete', 'connect', 'options', 'trace', 'patch']);

class OutgoingResponse {
	status = 200;
	chunks = [];
	constructor(headers) { this.headers = headers.entries }
	setStatusCode(status) { this.status = status }
	body() { return new OutgoingBody(this.chunks) }
}

class OutgoingBody {
	#chunks;
	constructor(chunks) { this.#chunks = chunks }
	write() { return new OutputStream((bytes) => this.#chunks.push(bytes)) }
	static finish() {}
}

class ResponseOutparam {
	static set(param, { val }) { param.response = val }
}

class OutputStream {
	#write;
	constructor(write) { this.#write = write }
	blockingWriteAndFlush(bytes) { this.#write(bytes.slice()) }
}

class Pollable {
	constructor(ms) { this.ms = ms }
	block() { return new Promise((resolve) => { setTimeout(resolve, this.ms) }) }
}

class Bucket {
	constructor(entries) { this.entries = entries }
	set(key, value) { this.entries.set(key, value) }
	delete(key) { this.entries.delete(key) }
	exists(key) { return this.entries.has(key) }
	listKeys() { return { keys: [...this.entries.keys()], cursor: undefined } }
}

/** What the component imports. Where a result is an error, that is thrown. */
const imports = (store, variables) => ({
	'fermyon:spin/variables': { get: (name) => variables[name] },
	'wasi:cli/stderr': { getStderr: () => new OutputStream(() => {}) },
	'wasi:clocks/monotonic-clock': {
		subscribeDuration(nanoseconds) {
			if (!CAN_WAIT) throw new Error('this browser cannot suspend a component');
			return new Pollable(Number(nanoseconds) / 1e6);
		},
	},
	'wasi:clocks/wall-clock': { now: () => ({ seconds: BigInt(Math.floor(Date.now() / 1000)), nanoseconds: 0 }) },
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

/** A container that runs the component, with at most so many instances at once, from when it is made until it ends. */
export class Replica {
	#store = new Map();
	#inFlight = new Set();
	#end = Promise.withResolvers();

	constructor(modules, variables, most) {
		Object.assign(this, { modules, most, imports: imports(this.#store, variables) });
	}

	/** Resolves when it has ended. */
	get ended() { return this.#end.promise }

	/** Ends it, and cuts the requests in flight, as SIGTERM does on Spin. */
	end() {
		this.hasEnded = true;
		this.#end.resolve();
		for (const cut of this.#inFlight) cut(new Error('The replica ended before it answered.'));
	}

	/**
	 * Answers { method, target, authority, headers } with { status, headers, body }, and tells whether it has failed.
	 * Throws if it has ended, or does before it has answered.
	 */
	async answer(request) {
		if (this.hasEnded) throw new Error('The replica refused the connection.');
		const { promise, resolve, reject } = Promise.withResolvers();
		this.#inFlight.add(reject);
		this.#run(request).then(resolve);
		const answer = await promise.finally(() => this.#inFlight.delete(reject));
		if (this.#store.has('quit')) this.end();
		return { ...answer, isFailed: this.#store.has('failed') };
	}

	async #run(request) {
		if (this.#inFlight.size > this.most) return FAILURE;
		try {
			const param = new ResponseOutparam();
			const { incomingHandler } = await instantiate((name) => this.modules.get(name), this.imports);
			await incomingHandler.handle(new IncomingRequest(request), param);
			const { status, headers, chunks } = param.response;
			return { status, headers: headers.map(([name, value]) => [name, decoder.decode(value)]), body: new Blob(chunks) };
		} catch {
			return FAILURE; // It trapped, or this browser has no more memory.
		}
	}
}
