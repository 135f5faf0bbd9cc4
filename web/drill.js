// A deployment under constant requests, into which faults are injected. It counts what users feel as tests/drill does.

import { CAN_WAIT } from './replica.js';
import { Kubelet, isEndpoint, now, sleep } from './kubelet.js';
import { PROPAGATION, Service } from './service.js';

/** Clients that ask for /parity, those that ask for /wait, and those of a flood: more than five replicas' instances. */
const CLIENTS = 4;
const WAITING = CAN_WAIT ? 15 : 0;
const FLOODING = 200;
/** How long a client pauses after each answer, and how long a /wait takes, in seconds. */
const PAUSE = 0.2;
const WAIT = 5;
/** How long a flood takes: longer than the patience of readiness and liveness. */
const FLOOD = 20;

const requestOf = (target, method = 'GET') => ({ method, target, authority: 'service', headers: [] });

export class Drill {
	isOver = false;
	#service = new Service();
	#checks = new Set();
	#stopped = Promise.withResolvers();
	#count = {};

	/** Deploys `modules`, and keeps requests coming. It calls `tell` when a pod has changed, and reports events. */
	constructor({ spec }, modules, tell, report) {
		const changed = () => {
			this.#service.hear(this.pods);
			this.#checks.forEach((check) => check());
			tell();
		};
		this.kubelet = new Kubelet(spec.template.spec, modules, changed, report);
		this.scale(spec.replicas);
		this.#start();
	}

	get pods() { return [...this.kubelet.pods] }
	/** Whether a replica is not ready, and nobody will restart it. */
	get isStuck() { return !this.kubelet.container.livenessProbe && this.pods.some(({ ready, status }) => !ready && status === 'Running') }

	get #ready() { return this.pods.filter(isEndpoint).length }
	get #areAllReady() { return this.#ready === this.replicas && this.pods.length === this.replicas }

	/** Sends a request through the service. */
	send(request, mayRetry) { return this.#service.send(request, mayRetry) }

	/** Ends everything at once; a fault that is under way, too. */
	stop() {
		this.isOver = true;
		this.#count = {};
		this.kubelet.stop();
		this.#stopped.resolve();
	}

	/** Creates pods, or deletes some, those that are not ready first, until there are as many. */
	scale(replicas) {
		this.replicas = replicas;
		const pods = this.pods.filter((pod) => !pod.deleted).sort((a, b) => b.ready - a.ready);
		for (let count = pods.length; count < replicas; count++) this.kubelet.create();
		for (const pod of pods.slice(replicas)) this.kubelet.delete(pod);
	}

	/** Waits until something holds; returns when, or nothing if it does not until `end`. */
	#until(end, holds) {
		return new Promise((resolve) => {
			const settle = (at) => {
				this.#checks.delete(check);
				resolve(at);
			};
			const check = () => { if (holds()) settle(now()) };
			this.#checks.add(check);
			if (end < Infinity) setTimeout(settle, (end - now()) * 1000);
			check();
		});
	}

	/** Waits until all replicas are ready, and the service knows. */
	async #areServed() {
		await this.#until(Infinity, () => this.#areAllReady);
		await sleep(PROPAGATION);
	}

	async #start() {
		await this.#areServed();
		for (let client = 0; client < CLIENTS; client++) this.#ask('/parity?int=7', (PAUSE * client) / CLIENTS);
		for (let client = 0; client < WAITING; client++) this.#ask('/wait', (WAIT * client) / WAITING);
	}

	/** A client that asks again and again, after a delay. */
	async #ask(target, delay) {
		await sleep(delay);
		while (!this.isOver) {
			await this.#request(target);
			await sleep(PAUSE);
		}
	}

	/** Asks once, and counts the outcome; returns whether it was good. */
	async #request(target) {
		// As through an ingress, but only then: other faults must cost nothing even without one.
		const mayRetry = () => this.#count.fault === 'quit';
		const { status, retried, isFailed } = await this.send(requestOf(target), mayRetry).catch(() => ({}));
		this.#count.sent++;
		if (isFailed) this.#count.bad++;
		if (retried) this.#count.retried++;
		if (status === 503) this.#count.refused++;
		else if (status !== 200) this.#count.lost++;
		return status === 200;
	}

	/** Injects `row.fault`, and writes into the row what users felt and how many seconds it took, until it is healed. */
	inject(row) {
		const faults = { fail: this.#poison, quit: this.#poison, restart: this.#restart, scale: this.#scale, burst: this.#flood, flood: this.#flood };
		const drill = async () => {
			await this.#areServed();
			await sleep(1 + 2 * Math.random()); // of requests, and so that a fault does not always come just after a probe
			if (this.isOver) return;
			row.isInjected = true;
			this.#count = row;
			await faults[row.fault].call(this, row, now());
			await sleep(PROPAGATION + WAIT + 1); // What is still under way belongs to this fault.
			this.#count = {};
		};
		return Promise.race([drill(), this.#stopped.promise]);
	}

	/** Writes into a row, as `name`, after how many seconds something held, if it did until `end`. */
	async #note(row, name, start, end, holds) {
		const at = await this.#until(end, holds);
		if (!this.isOver) row[name] = at && at - start;
	}

	/** Waits out a fault, as long as probes, hook and back-off can take. */
	async #heal(row, start, isReplaced, pause = 0) {
		const { readinessProbe, livenessProbe } = this.kubelet.container;
		const patience = [readinessProbe, livenessProbe].map((probe) => probe ? probe.periodSeconds * (probe.failureThreshold + 2) : 0);
		const end = now() + Math.max(...patience) + this.kubelet.hook + pause + 10;
		await this.#note(row, 'unready', start, end, () => this.#ready < this.pods.length);
		await this.#note(row, 'replaced', start, end, isReplaced);
		if (row.unready !== undefined) await this.#note(row, 'ready', start, end, () => this.#areAllReady);
	}

	/** POST /fail or /quit, to a replica that has not been restarted, if there is one. */
	async #poison(row, start) {
		const ready = this.pods.filter(isEndpoint);
		const victim = ready.find(({ restarts }) => !restarts) ?? ready[0];
		if (!victim) return; // They all went down just now.
		const { restarts, pause } = victim;
		const healed = this.#heal(row, start, () => victim.restarts > restarts, pause);
		await victim.replica.answer(requestOf(`/${row.fault}`, 'POST')).catch(() => {}); // It has just ended by itself.
		await healed;
	}

	/** One pod more than there should be, and when that is ready, an old one less; and so on. */
	async #restart(row, start) {
		const old = this.pods;
		const healed = this.#heal(row, start, () => !this.pods.some((pod) => old.includes(pod)));
		for (const pod of old) {
			this.kubelet.create();
			await this.#until(start + 60, () => this.#ready > this.replicas);
			this.kubelet.delete(pod);
		}
		await healed;
	}

	#scale(row, start) {
		this.scale(row.replicas);
		return this.#note(row, 'ready', start, start + 60, () => this.#areAllReady);
	}

	/** More clients than the replicas have instances ask for /wait: once, or for as long as a flood takes. */
	async #flood(row, start) {
		const restarts = () => this.pods.reduce((sum, pod) => sum + pod.restarts, 0);
		const before = restarts();
		const [last, end] = row.fault === 'flood' ? [start + FLOOD, start + FLOOD] : [start, start + WAIT];
		for (let client = 0; client < FLOODING; client++) this.#crowd(client / FLOODING, last);
		const over = end + this.kubelet.hook + Math.max(...this.pods.map(({ pause }) => pause)) + 1;
		await this.#note(row, 'unready', start, over, () => !this.#areAllReady);
		await this.#note(row, 'replaced', start, over, () => restarts() > before);
		await sleep(end - now());
		if (row.unready !== undefined) await this.#note(row, 'ready', start, end + 60, () => this.#areAllReady);
	}

	/** One client of a flood. After a refusal it pauses for a second, the least that Retry-After asks for. */
	async #crowd(delay, last) {
		await sleep(delay);
		do if (!await this.#request('/wait')) await sleep(1);
		while (now() < last && !this.isOver);
	}
}
