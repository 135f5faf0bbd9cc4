// Somebody's own Deployment: a drill does to it only what an operator does anyway.

import { Agent } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import { createInterface } from 'node:readline';
import { ask, refuse, Trouble } from './kubectl.js';

/** What a drill will do, in words that follow "This drill"; `replicas` is how many are left, or evicted. */
const PLAN = {
	control: () => 'watches it for 30 s',
	restart: ({ name }) => `restarts it: kubectl rollout restart deployment/${name}`,
	delete: () => 'deletes one of its pods',
	evict: () => 'evicts one of its pods, if its budget allows that',
	scale: ({ name, replicas }) => `scales it: kubectl scale deployment/${name} --replicas=${replicas}`,
};

/** Asks a question on the terminal; returns whether the answer is yes. */
async function confirm(question) {
	const lines = createInterface({ input: process.stdin });
	process.stdout.write(`${question} [y/N] `);
	for await (const line of lines) return /^y(es)?$/i.test(line.trim());
	return false;
}

export class Operated {
	#kubectl;
	#deployment;
	#path;
	#expected = 200;
	#isScaled = false;
	#agents = new WeakMap();
	/** What is assumed beyond what the manifest says. */
	defaults = {};

	/**
	 * @param {import('./kubectl.js').Kubectl} kubectl
	 * @param {Record<string, string>} env
	 */
	constructor(kubectl, env) {
		const { BASE_URL, GET = '/', RATE = '10' } = env;
		this.#kubectl = kubectl;
		this.env = env;
		if (!BASE_URL) refuse('a drill of your own Deployment needs BASE_URL, where users reach it');
		if (!/^[a-z0-9][-.a-z0-9]*$/.test(env.DEPLOYMENT)) refuse(`'${env.DEPLOYMENT}' cannot be the name of a Deployment`);
		if (!GET.startsWith('/')) refuse(`GET is not a path: '${GET}'`);
		this.rate = Number(RATE);
		if (!(this.rate > 0 && this.rate <= 1000)) refuse(`RATE is not a number of requests a second, up to 1000: '${RATE}'`);
		this.#path = GET;
		this.way = `to ${BASE_URL}${GET}, ${this.rate} a second`;
	}

	/** Reads the Deployment and what stands beside it. Refuses if there is none, or nobody answers. */
	async check() {
		const { DEPLOYMENT, NAMESPACE } = this.env;
		const where = NAMESPACE ? ['-n', NAMESPACE] : [];
		const deployment = await this.#kubectl.get('deployment', DEPLOYMENT, ...where).catch(({ message }) => refuse(message));
		this.#deployment =
			deployment ?? refuse(`there is no Deployment ${DEPLOYMENT}${NAMESPACE ? ` in the namespace ${NAMESPACE}` : ' in the current namespace'}`);
		const list = (kind) => this.#kubectl.get(kind, ...where).then((found) => found?.items ?? []);
		// Who may not see autoscalers does not know whether one owns the replicas.
		const autoscalers = await list('horizontalpodautoscalers').catch(() => undefined);
		const others = await Promise.all(['services', 'poddisruptionbudgets'].map((kind) => list(kind).catch(() => [])));
		this.objects = [deployment, ...others.flat(), ...(autoscalers ?? [])];
		this.mayScale = autoscalers !== undefined;
		const { status } = await this.ask('').catch(({ message }) => refuse(`nothing answers at ${this.env.BASE_URL}${this.#path} (${message})`));
		if (status >= 500) refuse(`${this.env.BASE_URL}${this.#path} answers ${status}`);
		this.#expected = status;
	}

	/** The faults, each with how many replicas it takes. */
	faults(/** @type {import('../forecast/manifest.js').Manifest} */ { traits: { autoscaler } }) {
		const { replicas } = this.#deployment.spec;
		const all = /** @type {[string, number?][]} */ ([['control'], ['restart'], ['delete'], ['evict', 1]]);
		const owner = autoscaler
			? `the ${autoscaler.kind} ${autoscaler.name} owns its replicas`
			: !this.mayScale && 'you may not see whether an autoscaler owns its replicas';
		if (owner) console.log(`Scaling is left out: ${owner}.`);
		return owner || replicas < 2 ? all : [...all, ['scale', replicas - 1], ['scale', replicas]];
	}

	/** Says what is going to happen, and asks whether it may. */
	async confirm(faults) {
		const { name, namespace } = this.#deployment.metadata;
		const { replicas } = this.#deployment.spec;
		console.log(
			`This drill sends GET requests ${this.way}, and expects ${this.#expected}. To ${name} in the namespace ${namespace} of the context '${this.#kubectl.context}', it`,
		);
		for (const [fault, replicas] of faults) console.log(`- ${PLAN[fault]({ name, replicas })}`);
		console.log(`Whatever happens, it leaves ${name} with ${replicas} replicas.`);
		if (this.env.YES !== '1' && !process.stdin.isTTY) refuse('there is no terminal to ask on; YES=1 means yes');
		if (this.env.YES !== '1' && !(await confirm('Go on?'))) refuse('nothing was touched');
	}
	async open() {
		return this.#deployment;
	}

	async reach() {}

	/** Asks it, over a connection of its own or one that the client keeps. */
	ask(_target, options = {}, client = undefined) {
		const url = this.env.BASE_URL + this.#path;
		if (!client) return ask(url, options);
		const Kept = url.startsWith('https:') ? SecureAgent : Agent;
		if (!this.#agents.has(client)) this.#agents.set(client, new Kept({ keepAlive: true }));
		return ask(url, { ...options, agent: this.#agents.get(client) });
	}

	/** What an answer counts as. Throws if it is another one than before the drill. */
	judge({ status }) {
		if (status !== this.#expected) throw new Error(String(status), { cause: 'error' });
		return { status: 200 };
	}

	/** Is told before replicas are changed. */
	willScale() {
		this.#isScaled = true;
	}

	/** Puts back the number of replicas, if it is still what the drill has made it. */
	async cleanUp() {
		if (!this.#isScaled) return;
		const { metadata, spec } = this.#deployment;
		const { name, namespace } = metadata;
		const command = ['scale', `deployment/${name}`, `--replicas=${spec.replicas}`, '-n', namespace];
		try {
			const { spec: now } = await this.#kubectl.get('deployment', name, '-n', namespace);
			if (now.replicas !== spec.replicas - 1) return;
			console.log(`scaling ${name} back to ${spec.replicas}`);
			await this.#kubectl.run(command);
		} catch ({ message }) {
			throw new Trouble(`please put back what was changed: kubectl ${command.join(' ')} (${message})`);
		}
	}
}
