// A Deployment under constant requests, into which faults are injected as kubectl and users would. It counts what users
// feel as scripts/drill does.

import { isReady, restartsOf, statusOf, versionOf } from '../cluster/cluster.js';
import { BROKEN, SLOW } from './program.js';
import { CAN_WAIT } from '../cluster/component.js';
import { MOMENT } from './questions.js';

/** The number of clients requesting /parity, the number requesting /wait, and how far over capacity a flood goes. */
const CLIENTS = 4;
const WAITING = CAN_WAIT ? 9 : 0;
const FLOODING = 1.2;
/** How long a client pauses after each answer on average, and for how long it waits for one, in seconds. */
const PAUSE = 0.2;
const GIVING_UP = 10;
/** How long a flood takes: longer than the patience of readiness and liveness. */
const FLOOD = 20;
/** How much longer than its numbers say a fault may take to heal, and how long it may take in all, in seconds. */
const PATIENCE = 15;
const LONGEST = 300;
/** How long a stalled rollout is left alone before it is undone. */
const WATCHING = 30;
/** How much of the past is kept, in moments, and how much of what was before a fault belongs to it, in milliseconds. */
const MOMENTS = 400;
const BEFORE = 3000;

const requestOf = (target, method = 'GET') => ({ method, target, authority: 'service', headers: [] });

/** What injects each fault. */
const FAULTS = {
	fail: (drill, row) => drill.poison(row),
	quit: (drill, row) => drill.poison(row),
	restart: (drill, row) => drill.restart(row),
	delete: (drill, row) => drill.delete(row),
	broken: (drill, row) => drill.rollOut(row, BROKEN),
	slow: (drill, row) => drill.rollOut(row, SLOW),
	scale: (drill, row) => drill.scale(row),
	burst: (drill, row) => drill.flood(row, 0),
	flood: (drill, row) => drill.flood(row, FLOOD),
};

/**
 * What a fault has cost, in requests, and how long it took, in seconds from when it was injected. `causes` are those of
 * the requests that were lost, and `restarts` those of containers.
 * @typedef {{ fault: string, replicas?: number, unready?: number, replaced?: number, ready?: number, sent: number,
 *   lost: number, retried: number, refused: number, bad: number, causes: Record<string, number>, restarts: number,
 *   at?: number, until?: number }} Row
 *
 * What there was at some time, in milliseconds, and what users got since the moment before.
 * @typedef {{ at: number, good: number, lost: number, refused: number, bad: number,
 *   pods: { name: string, state: string, isEndpoint: boolean, probes: boolean[] }[] }} Moment
 */

/** @returns {Row} */
export const rowOf = (fault) => ({ fault, sent: 0, lost: 0, retried: 0, refused: 0, bad: 0, causes: {}, restarts: 0 });

const momentOf = () => ({ good: 0, bad: 0, refused: 0, lost: 0 });

export class Drill {
	#kubernetes;
	#ingress;
	isOver = false;
	#isStarted = false;
	#count = rowOf('');
	#stopped = Promise.withResolvers();
	/** The last moments. @type {Moment[]} */
	moments = [];
	#moment = momentOf();
	#probes = new Map();

	/**
	 * @param {import('../cluster/cluster.js').Kubernetes} kubernetes
	 * @param {import('../cluster/ingress.js').Ingress} ingress
	 */
	constructor(kubernetes, ingress) {
		this.#kubernetes = kubernetes;
		this.#ingress = ingress;
		kubernetes.onProbe = (name, isGood) => this.#probes.set(name, [...(this.#probes.get(name) ?? []), isGood]);
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
	/** How long the slowest answers take. */
	get #wait() {
		return this.#kubernetes.program.answer;
	}
	/** How long it takes until the ingress has heard of a change. */
	get #news() {
		return this.#kubernetes.program.news;
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
		this.#watch();
		await this.#until(Infinity, () => this.#areAllReady);
		this.#isStarted = true;
		await this.#sleep(this.#news);
		for (let client = 0; client < CLIENTS; client++) this.#ask('/parity?int=7', (PAUSE * client) / CLIENTS);
		for (let client = 0; client < WAITING; client++) this.#ask('/wait', (this.#wait * client) / WAITING);
		await this.#sleep(this.#wait);
	}

	/** Ends the requests, and gives up on a fault that is under way. */
	stop() {
		this.isOver = true;
		this.#count = rowOf('');
		this.#stopped.resolve(undefined);
	}

	/** The moments since shortly before a fault was injected. */
	momentsOf({ at = 0 }) {
		return this.moments.filter((moment) => moment.at > at - BEFORE);
	}

	/** Writes down one moment after the other. */
	async #watch() {
		while (!this.isOver) {
			await this.#sleep(MOMENT / 1000);
			const pods = this.#pods.map((pod) => {
				const { name } = pod.metadata;
				const isEndpoint = this.#ingress.endpoints.includes(pod.status?.podIP ?? '');
				return { name, state: this.#stateOf(pod), isEndpoint, probes: this.#probes.get(name) ?? [] };
			});
			this.moments.push({ at: this.#kubernetes.clock.nowMs(), pods, ...this.#moment });
			this.moments.splice(0, this.moments.length - MOMENTS);
			this.#moment = momentOf();
			this.#probes.clear();
		}
	}

	#stateOf(pod) {
		if (pod.metadata.deletionTimestamp) return 'terminating';
		const replica = this.#kubernetes.replicaOf(pod);
		if (!replica) return statusOf(pod) === 'CrashLoopBackOff' ? 'backing off' : 'starting';
		if (replica.isFailed) return 'broken';
		return isReady(pod) ? 'ready' : 'not ready';
	}

	/** A client that asks again and again, after a delay. */
	async #ask(target, delay) {
		await this.#sleep(delay);
		while (!this.isOver) {
			await this.#request(target);
			await this.#sleep(PAUSE * (0.5 + Math.random())); // so that no client keeps step with the ingress
		}
	}

	/** Sends a request, and gives up if it takes too long. */
	#send(target) {
		// As through an ingress, but only then: other faults must cost nothing even without one.
		const mayRetry = () => this.#count.fault === 'quit';
		const { clock } = this.#kubernetes;
		return new Promise((resolve, reject) => {
			const giveUp = () => reject(new Error('There was no answer in time.', { cause: 'late' }));
			const timeout = clock.setTimeout(giveUp, (this.#wait + GIVING_UP) * 1000);
			const answer = this.#ingress.send(requestOf(target), mayRetry);
			answer.then(resolve, reject).finally(() => clock.clearTimeout(timeout));
		});
	}

	/** Asks once, and counts the outcome for the fault that is under way by then; returns whether it was good. */
	async #request(target) {
		const { status = 0, retried = false, isFailed = false, cause = 'error' } = await this.#send(target).catch((error) => error);
		const count = this.#count;
		count.sent++;
		if (retried) count.retried++;
		const outcome = status === 503 ? 'refused' : status !== 200 ? 'lost' : isFailed ? 'bad' : 'good';
		if (outcome !== 'good') count[outcome]++;
		if (outcome === 'lost') count.causes[cause] = (count.causes[cause] ?? 0) + 1;
		this.#moment[outcome]++;
		return status === 200;
	}

	/** Injects `row.fault`, and writes into the row what users felt and how long it took, until it is healed. */
	inject(row) {
		const drill = async () => {
			await this.#until(Infinity, () => this.#areAllReady);
			if (this.isOver) return;
			row.at = this.#kubernetes.clock.nowMs();
			this.#count = row;
			const before = new Map(this.#pods.map((pod) => [pod.metadata.name, restartsOf(pod)]));
			await FAULTS[row.fault](this, row);
			row.restarts ||= this.#pods.reduce((sum, pod) => sum + restartsOf(pod) - (before.get(pod.metadata.name) ?? 0), 0);
			await this.#sleep(this.#news + this.#wait + 1); // What is still under way belongs to this fault.
			row.until = this.#kubernetes.clock.nowMs();
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
		const { terminationGracePeriodSeconds = 30 } = this.#spec.template.spec;
		const { startupProbe, readinessProbe, livenessProbe } = this.#kubernetes.container;
		const patience = [startupProbe, readinessProbe, livenessProbe].map(patienceOf);
		const start = this.#now;
		const end =
			start + Math.min(Math.max(...patience) + (terminationGracePeriodSeconds + PATIENCE + this.#kubernetes.program.start) * victims.length + pause, LONGEST);
		const current = ({ metadata: { name } }) => this.#kubernetes.pods.get(name);
		const isUp = (pod) => pod !== undefined && isReady(pod);
		await Promise.all([
			this.#note(row, 'unready', start, end, () => !victims.every((victim) => isUp(current(victim)))),
			this.#note(row, 'replaced', start, end, () => victims.every((victim) => isReplaced(current(victim)))),
		]);
		if (row.unready !== undefined) await this.#note(row, 'ready', start, end, () => this.#areAllReady);
	}

	/** Breaks or ends a replica that has not failed, and has been restarted least. */
	async poison(row) {
		const able = this.#pods.filter((pod) => isReady(pod) && this.#kubernetes.replicaOf(pod)?.isFailed === false);
		const [victim] = able.sort((a, b) => restartsOf(a) - restartsOf(b));
		const replica = victim && this.#kubernetes.replicaOf(victim);
		if (!replica) return; // They all went down just now.
		const restarts = restartsOf(victim);
		const healed = this.#heal(row, [victim], (now) => !now || restartsOf(now) > restarts, pauseAfter(restarts));
		await (row.fault === 'quit' ? replica.quit() : replica.break());
		await healed;
	}

	/** As `kubectl rollout restart` does. */
	async restart(row) {
		const healed = this.#heal(row, this.#pods, isGone);
		const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date(this.#kubernetes.clock.nowMs()).toISOString() };
		await this.#kubernetes.patch({ spec: { template: { metadata: { annotations } } } });
		await healed;
	}

	/**
	 * As `kubectl set image` does with a version that is broken or starts slowly, and as `kubectl rollout undo` does as
	 * soon as it is known whether that version gets ready.
	 */
	async rollOut(row, version) {
		const old = this.#pods.map(({ metadata: { name } }) => name);
		const isOld = ({ metadata: { name } }) => old.includes(name);
		const { name, image } = this.#kubernetes.container;
		const container = (image) => ({ spec: { template: { spec: { containers: this.#withImage(name, image) } } } });
		await this.#kubernetes.patch(container(versionOf(image, version)));
		const start = this.#now;
		const end = start + WATCHING + (version === SLOW ? this.#kubernetes.program.slow : 0);
		const isReplaced = () => this.#pods.some((pod) => !isOld(pod) && isReady(pod));
		const isHopeless = () => version === SLOW && this.#pods.some((pod) => !isOld(pod) && restartsOf(pod) > 1);
		await Promise.all([
			this.#note(row, 'unready', start, end, () => this.#pods.filter(isOld).some((pod) => !isReady(pod))),
			this.#until(end, () => isReplaced() || isHopeless()).then((at) => {
				if (at !== undefined && isReplaced()) row.replaced = at - start;
			}),
		]);
		if (row.replaced !== undefined && version === BROKEN) await this.#sleep(end - this.#now); // as long as nobody notices
		row.restarts = this.#pods.reduce((sum, pod) => sum + (isOld(pod) ? 0 : restartsOf(pod)), 0);
		await this.#kubernetes.patch(container(image));
		const undone = this.#now;
		await this.#note(
			row,
			'ready',
			start,
			undone + LONGEST,
			() => this.#areAllReady && this.#pods.every((pod) => pod.spec?.containers.some((it) => it.image === image)),
		);
	}

	/** The containers of the Deployment, since a merge patch takes a list as a whole. */
	#withImage(name, image) {
		return this.#spec.template.spec.containers.map((it) => (it.name === name ? { ...it, image } : it));
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
		const over = start + duration + this.#wait;
		const restarts = () => this.#pods.reduce((sum, pod) => sum + restartsOf(pod), 0);
		const before = restarts();
		const crowd = Math.ceil(FLOODING * this.#kubernetes.room * this.#spec.replicas);
		for (let client = 0; client < crowd; client++) this.#crowd(client / crowd, start + duration);
		const { terminationGracePeriodSeconds = 30 } = this.#spec.template.spec;
		const end = Math.min(over + terminationGracePeriodSeconds + pauseAfter(Math.max(0, ...this.#pods.map(restartsOf))), start + LONGEST);
		await Promise.all([this.#note(row, 'unready', start, over, () => !this.#areAllReady), this.#note(row, 'replaced', start, end, () => restarts() > before)]);
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
