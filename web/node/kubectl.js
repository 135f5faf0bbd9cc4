// Runs kubectl, and asks the API server through it: always in the context that was current at first, even if someone
// switches to another meanwhile.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What ends a drill: a message in one line, and the exit code. */
export class Trouble extends Error {
	constructor(message, code = 1) {
		super(String(message).trim().split('\n').at(-1));
		this.code = code;
	}
}

/** Ends a drill that has touched nothing yet. @returns {never} */
export function refuse(message) {
	throw new Trouble(message, 2);
}

/** Why there is no answer, by the codes of Node and its system. */
const CAUSES = {
	refused: ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'ENOENT'],
	cut: ['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE'],
	late: ['ETIMEDOUT', 'ABORT_ERR'],
};

/**
 * Sends a request, by default over a connection of its own, and returns the answer. If there is none, throws a code that
 * says why, and the cause that a drill counts.
 * @param {string} url
 * @param {import('node:https').RequestOptions & { body?: string, seconds?: number }} [options]
 * @returns {Promise<{ status: number, headers: import('node:http').IncomingHttpHeaders, text: string }>}
 */
export async function ask(url, options = {}) {
	const { body, seconds = 15, ...rest } = options;
	const { request } = url.startsWith('https:') ? https : http;
	const sent = request(url, { agent: false, signal: AbortSignal.timeout(seconds * 1000), ...rest });
	sent.on('error', () => {}); // also if it breaks while the answer is read, which throws below
	sent.end(body);
	try {
		const [answer] = await once(sent, 'response');
		let text = '';
		for await (const part of answer.setEncoding('utf8')) text += part;
		return { status: answer.statusCode, headers: answer.headers, text };
	} catch ({ code = 'no answer' }) {
		// A connection that was closed between two requests is replaced.
		if (sent.reusedSocket && code === 'ECONNRESET') return ask(url, options);
		const [cause] = Object.entries(CAUSES).find(([, codes]) => codes.includes(code)) ?? ['error'];
		throw new Error(code, { cause });
	}
}

export class Kubectl {
	#global = [];
	#folder = '';
	#proxy;
	context = '';

	/** Pins the context. Refuses if no cluster answers there. */
	async connect() {
		this.context = await this.run(['config', 'current-context']).then(
			(name) => name.trim(),
			({ code }) => (code === 2 ? refuse('this needs kubectl') : ''),
		);
		if (this.context) this.#global = [`--context=${this.context}`];
		await this.run(['get', '--raw', '/readyz', '--request-timeout=5s']).catch(({ message }) =>
			refuse(`no cluster answers in the context '${this.context}': ${message}`),
		);
	}

	/** A group of its own: no signal of the terminal's ends it before we have cleaned up. */
	#spawn(args) {
		return spawn('kubectl', [...this.#global, ...args], { detached: true });
	}

	/** Runs a command, and returns what it says. Throws the last line of what it says if it fails. */
	async run(args, input = '') {
		const child = this.#spawn(args);
		const said = { stdout: '', stderr: '' };
		for (const name of ['stdout', 'stderr'])
			child[name].setEncoding('utf8').on('data', (text) => {
				said[name] += text;
			});
		child.stdin.on('error', () => {}).end(input); // It may end before it reads.
		const [status] = await once(child, 'close').catch(() => refuse('this needs kubectl'));
		if (status !== 0) throw new Trouble(said.stderr.trim() || `kubectl ${args[0]} ended with ${status}`);
		return said.stdout;
	}

	/** An object, or nothing if there is none. */
	async get(kind, ...args) {
		const text = await this.run(['get', kind, '--ignore-not-found', '--request-timeout=10s', '-o', 'json', ...args]);
		return text ? JSON.parse(text) : undefined;
	}

	/**
	 * Starts the proxy through which the API server is asked: on a socket in a private folder, as it has our rights. Returns
	 * a promise that fails if it ends.
	 */
	async startProxy() {
		this.#folder = await mkdtemp(join(tmpdir(), 'drill-')).catch(() => {
			throw new Trouble(`cannot make a folder in ${tmpdir()}`);
		});
		this.#proxy = this.#spawn(['proxy', `--unix-socket=${join(this.#folder, 'proxy')}`]);
		let said = '';
		this.#proxy.stderr.setEncoding('utf8').on('data', (text) => {
			said = text;
		});
		const ended = once(this.#proxy, 'close').then(() => {
			throw new Trouble(said.trim() || 'kubectl proxy has ended');
		});
		await Promise.race([once(this.#proxy.stdout, 'data'), ended]);
		return { ended };
	}

	async close() {
		this.#proxy?.kill();
		if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
	}

	/** Asks the API server, and returns its answer as it is. */
	ask(path, options = {}) {
		return ask(`http://localhost${path}`, { socketPath: join(this.#folder, 'proxy'), ...options });
	}

	/** Asks the API server for an object, or to change it. Throws what it says if it does not, with its status. */
	async api(path, method = 'GET', body = undefined, type = 'application/json') {
		const { status, text } = await this.ask(path, { method, ...(body && { body: JSON.stringify(body), headers: { 'content-type': type } }) }).catch(
			({ message }) => {
				throw new Trouble(`the API server does not answer (${message})`);
			},
		);
		const object = text.startsWith('{') ? JSON.parse(text) : {};
		if (status >= 400) throw Object.assign(new Trouble(object.message ?? `the API server answers ${status}`), { status });
		return object;
	}

	/** What happens to the objects of a list, until the API server has had enough of it. */
	async *events(path) {
		const sent = http.request({ socketPath: join(this.#folder, 'proxy'), path, agent: false });
		sent.on('error', () => {}).end();
		const [answer] = await once(sent, 'response');
		let rest = '';
		for await (const part of answer.setEncoding('utf8')) {
			const lines = (rest + part).split('\n');
			rest = lines.pop() ?? '';
			for (const line of lines) yield JSON.parse(line);
		}
	}
}
