// A Deployment under constant requests, into which faults are injected as kubectl and users would. It counts what users
// feel as tests/drill does.

import { isReady, restartsOf } from './cluster.js';
import { PROPAGATION } from './ingress.js';
import { CAN_WAIT } from './replica.js';

/** Clients that ask for /parity, those that ask for /wait, and those of a flood for each replica: more than its instances. */
const CLIENTS = 4;
const WAITING = CAN_WAIT ? 12 : 0;
const FLOODING = 30;
/** How long a client pauses after each answer on average, and how long a /wait takes, in seconds. */
const PAUSE = 0.2;
const WAIT = 5;
/** How long a flood takes: longer than the patience of readiness and liveness. */
const FLOOD = 20;
/** How much longer than its numbers say a fault may take to heal, in seconds. */
const PATIENCE = 15;

const requestOf = (target, method = 'GET') => ({ method, target, authority: 'service', headers: [] });

/** What injects each fault. */
const FAULTS = {
	fail: (drill, row) => drill.poison(row),
	quit: (drill, row) => drill.poison(row),
	restart: (drill, row) => drill.restart(row),
	delete: (drill, row) => drill.delete(row),
	scale: (drill, row) => drill.scale(row),
	burst: (drill, row) => drill.flood(row, WAIT),
	flood: (drill, row) => drill.flood(row, FLOOD),
};

/**
 * What a fault has cost, in requests, and how long it took, in seconds from when it was injected.
 * @typedef {{ fault: string, replicas?: number, unready?: number, replaced?: number, ready?: number, sent: number,
 *   lost: number, retried: number, refused: number, bad: number, isInjected?: boolean }} Row
 */

/** @returns {Row} */
export const rowOf = (fault) => ({ fault, sent: 0, lost: 0, retried: 0, refused: 0, bad: 0 });

export class Drill {
	#kubernetes;
	#ingress;
	isOver = false;
	#isStarted = false;
	#count = rowOf('');
	#stopped = Promise.withResolvers();

	/**
	 * @param {import('./cluster.js').Kubernetes} kubernetes
	 * @param {import('./ingress.js').Ingress} ingress
	 */
	constructor(kubernetes, ingress) {
		this.#kubernetes = kubernetes;
		this.#ingress = ingress;
	}

	get #pods() {
		return [...this.#kubernetes.pods.values()];
	}
	get #spec() {
		return this.#kubernetes.deployment.spec;
	}
	/** Whether no fault has left anything: all replicas are ready, or never were, and none has failed. */
	get isHealthy() {
		return !this.#isStarted || (this.#areAllReady && !this.#pods.some((pod) => this.#kubernetes.replicaOf(pod)?.isFailed));
	}

	get #ready() {
		return this.#pods.filter(isReady).length;
	}
	get #areAllReady() {
		const { replicas } = this.#spec;
		return this.#ready === replicas && this.#pods.length === replicas;
	}
	get #now() {
		return this.#kubernetes.clock.nowMs() / 1000;
	}
	#sleep(seconds) {
		return this.#kubernetes.clock.wait(seconds * 1000);
	}

	/** Waits until something holds; returns when, or nothing if it does not until `end`. */
	#until(end, holds) {
		return new Promise((resolve) => {
			const settle = (at) => {
				forget();
				resolve(at);
			};
			const check = () => {
				if (holds()) settle(this.#now);
			};
			const forget = this.#kubernetes.onChange(check);
			if (end < Infinity) this.#sleep(end - this.#now).then(() => settle());
			check();
		});
	}

	/** Keeps requests coming, from when all replicas are ready and the ingress knows. */
	async start() {
		await this.#until(Infinity, () => this.#areAllReady);
		this.#isStarted = true;
		await this.#sleep(PROPAGATION);
		for (let client = 0; client < CLIENTS; client++) this.#ask('/parity?int=7', (PAUSE * client) / CLIENTS);
		for (let client = 0; client < WAITING; client++) this.#ask('/wait', (WAIT * client) / WAITING);
		await this.#sleep(WAIT);
	}

	/** Ends the requests, and gives up on a fault that is under way. */
	stop() {
		this.isOver = true;
		this.#count = rowOf('');
		this.#stopped.resolve(undefined);
	}

	/** A client that asks again and again, after a delay. */
	async #ask(target, delay) {
		await this.#sleep(delay);
		while (!this.isOver) {
			await this.#request(target);
			await this.#sleep(PAUSE * (0.5 + Math.random())); // so that no client keeps step with the ingress
		}
	}

	/** Asks once, and counts the outcome for the fault that is under way by then; returns whether it was good. */
	async #request(target) {
		// As through an ingress, but only then: other faults must cost nothing even without one.
		const mayRetry = () => this.#count.fault === 'quit';
		const { status = 0, retried = false, isFailed = false } = await this.#ingress.send(requestOf(target), mayRetry).catch(() => ({}));
		const count = this.#count;
		count.sent++;
		if (isFailed) count.bad++;
		if (retried) count.retried++;
		if (status === 503) count.refused++;
		else if (status !== 200) count.lost++;
		return status === 200;
	}

	/** Injects `row.fault`, and writes into the row what users felt and how long it took, until it is healed. */
	inject(row) {
		const drill = async () => {
			await this.#until(Infinity, () => this.#areAllReady);
			if (this.isOver) return;
			row.isInjected = true;
			this.#count = row;
			await FAULTS[row.fault](this, row);
			await this.#sleep(PROPAGATION + WAIT + 1); // What is still under way belongs to this fault.
			this.#count = rowOf('');
		};
		return Promise.race([drill(), this.#stopped.promise]);
	}

	/** Writes into a row, as `name`, after how many seconds something held, if it did until `end`. */
	async #note(row, name, start, end, holds) {
		const at = await this.#until(end, holds);
		if (at !== undefined) row[name] = at - start;
	}

	/** Waits out a fault for as long as probes, hooks and back-off can take, and notes when what held. */
	async #heal(row, victims, isReplaced, pause = 0) {
		const {
			terminationGracePeriodSeconds = 30,
			containers: [{ startupProbe, readinessProbe, livenessProbe }],
		} = this.#spec.template.spec;
		const patience = [startupProbe, readinessProbe, livenessProbe].map(patienceOf);
		const start = this.#now;
		const end = start + Math.max(...patience) + (terminationGracePeriodSeconds + PATIENCE) * victims.length + pause;
		const current = ({ metadata: { name } }) => this.#kubernetes.pods.get(name);
		const isUp = (pod) => pod !== undefined && isReady(pod);
		await Promise.all([
			this.#note(row, 'unready', start, end, () => !victims.every((victim) => isUp(current(victim)))),
			this.#note(row, 'replaced', start, end, () => victims.every((victim) => isReplaced(current(victim)))),
		]);
		if (row.unready !== undefined) await this.#note(row, 'ready', start, end, () => this.#areAllReady);
	}

	/** POST /fail or /quit, to a replica that has not failed, and has been restarted least. */
	async poison(row) {
		const able = this.#pods.filter((pod) => isReady(pod) && this.#kubernetes.replicaOf(pod)?.isFailed === false);
		const [victim] = able.sort((a, b) => restartsOf(a) - restartsOf(b));
		const replica = victim && this.#kubernetes.replicaOf(victim);
		if (!replica) return; // They all went down just now.
		const restarts = restartsOf(victim);
		const healed = this.#heal(row, [victim], (now) => !now || restartsOf(now) > restarts, pauseAfter(restarts));
		await replica.answer(requestOf(`/${row.fault}`, 'POST')).catch(() => {}); // It has just ended by itself.
		await healed;
	}

	/** As `kubectl rollout restart` does. */
	async restart(row) {
		const healed = this.#heal(row, this.#pods, isGone);
		const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date(this.#kubernetes.clock.nowMs()).toISOString() };
		await this.#kubernetes.patch({ spec: { template: { metadata: { annotations } } } });
		await healed;
	}

	/** As `kubectl delete pod` does. */
	async delete(row) {
		const [victim] = this.#pods;
		if (!victim) return;
		const healed = this.#heal(row, [victim], isGone);
		await this.#kubernetes.delete(victim);
		await healed;
	}

	/** As `kubectl scale` does. */
	async scale(row) {
		await this.#kubernetes.patch({ spec: { replicas: row.replicas } });
		this.#spec.replicas = row.replicas;
		const start = this.#now;
		await this.#note(row, 'ready', start, start + 60, () => this.#areAllReady);
	}

	/** More clients than the replicas have instances ask for /wait: once, or for as long as a flood takes, in seconds. */
	async flood(row, duration) {
		const start = this.#now;
		const last = row.fault === 'flood' ? start + duration : start;
		const restarts = () => this.#pods.reduce((sum, pod) => sum + restartsOf(pod), 0);
		const before = restarts();
		const crowd = FLOODING * this.#spec.replicas;
		for (let client = 0; client < crowd; client++) this.#crowd(client / crowd, last);
		const { terminationGracePeriodSeconds = 30 } = this.#spec.template.spec;
		const end = start + duration + terminationGracePeriodSeconds + pauseAfter(Math.max(0, ...this.#pods.map(restartsOf)));
		await Promise.all([
			this.#note(row, 'unready', start, start + duration, () => !this.#areAllReady),
			this.#note(row, 'replaced', start, end, () => restarts() > before),
		]);
		if (row.unready !== undefined) await this.#note(row, 'ready', start, end + 60, () => this.#areAllReady);
	}

	/** One client of a flood. After a refusal it pauses for a second, the least that Retry-After asks for. */
	async #crowd(delay, last) {
		await this.#sleep(delay);
		do if (!(await this.#request('/wait'))) await this.#sleep(1);
		while (this.#now < last && !this.isOver);
	}
}

const isGone = (now) => now === undefined;

/** How long a probe can take until it has failed, or succeeded again, in seconds. */
const patienceOf = (probe) => (probe ? (probe.initialDelaySeconds ?? 0) + (probe.periodSeconds ?? 10) * ((probe.failureThreshold ?? 3) + 2) : 0);

/** The kubelet's pause before a container's next start after so many, in seconds: none, 10, 20, … 300. */
const pauseAfter = (restarts) => (restarts ? Math.min(10 * 2 ** (restarts - 1), 300) : 0);
