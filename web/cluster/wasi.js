// What the component imports (wit/world.wit): the resources of a host, by hand. Every request gets its own instance; what
// outlives it is a map, which ends with the program.

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

export class IncomingRequest {
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

export class ResponseOutparam {
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
	block() {
		return this.#wait();
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
export const imports = (store, variables, wait, clock, log) => ({
	'fermyon:spin/variables': { get: (name) => variables[name] ?? '' },
	'wasi:cli/stderr': { getStderr: () => new OutputStream((bytes) => log(decoder.decode(bytes))) },
	'wasi:clocks/monotonic-clock': {
		subscribeDuration(nanoseconds) {
			if (!CAN_WAIT) throw new Error('this browser cannot suspend a component');
			return new Pollable(() => wait(Number(nanoseconds) / 1e6));
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
