// A Deployment under constant requests, into which faults are injected as kubectl and users would.

import { isReady, PROBES, restartsOf, versionOf } from '../cluster/pods.js';
import { FAULTS } from './faults.js';
import { Recorder, rowOf } from './recorder.js';
import { Traffic } from './traffic.js';
import { SLACK, Watch } from './watch.js';

export class Drill extends Watch {
	#giveUp = () => {};
	#stopped = new Promise((resolve) => {
		this.#giveUp = () => resolve(undefined);
	});
	#isStarted = false;
	isOver = false;

	/**
	 * @param {import('../cluster/cluster.js').Kubernetes & { evict?(pod: any): Promise<boolean> }} kubernetes
	 * @param {import('../cluster/route.js').Service | import('../cluster/route.js').ReverseProxy} route
	 * @param {{ answer: number, news: number, slow: number, start: number, burst: number, rate?: number, dependency?: { isDown: boolean } }} settings
	 */
	constructor(kubernetes, route, settings) {
		super(kubernetes, settings);
		this.recorder = new Recorder(kubernetes, route);
		this.traffic = new Traffic(kubernetes.clock, route, settings.answer, (outcome) => this.recorder.count(outcome), settings.rate);
	}

	/** Whether no fault has left anything: all replicas are ready, or never were, and none has failed. */
	get isHealthy() {
		return !this.#isStarted || (this.areAllReady && !this.pods.some((pod) => this.kubernetes.replicaOf(pod)?.isFailed));
	}
	/** Keeps requests coming, from when all replicas are ready; returns when that is, or nothing if they never are. */
	async start() {
		this.recorder.start();
		const ready = await this.until(() => this.areAllReady);
		if (ready === undefined) return undefined;
		this.#isStarted = true;
		await this.sleep(this.settings.news + 1);
		await this.traffic.start();
		return ready;
	}

	/** Ends the requests, and gives up on a fault that is under way. */
	stop() {
		this.isOver = true;
		this.traffic.stop();
		this.recorder.stop();
		this.#giveUp();
	}

	/** Injects `row.fault`, and writes into the row what users felt and how long it took, until it is over. */
	inject(row) {
		const drill = async () => {
			await this.until(
				() => this.areAllReady,
				() => Infinity,
			);
			if (this.isOver) return;
			row.at = this.kubernetes.clock.nowMs();
			this.recorder.row = row;
			const before = new Map(this.pods.map((pod) => [pod.metadata.name, restartsOf(pod)]));
			await FAULTS[row.fault].inject(this, row);
			row.restarts ||= this.pods.reduce((sum, pod) => sum + restartsOf(pod) - (before.get(pod.metadata.name) ?? 0), 0);
			await this.sleep(this.settings.news + 1);
			await this.traffic.settle(); // What is still under way belongs to this fault.
			row.until = this.kubernetes.clock.nowMs();
			this.recorder.row = rowOf('');
		};
		return Promise.race([drill(), this.#stopped]);
	}

	/** Has `act` done to pods, and notes when one was not ready, when all were replaced, and when all are ready again. */
	async #heal(row, victims, isReplaced, act) {
		const start = this.now;
		const current = ({ metadata: { name } }) => this.kubernetes.pods.get(name);
		const isUp = (pod) => pod !== undefined && isReady(pod);
		const healed = Promise.all([
			this.note(row, 'unready', start, () => !victims.every((victim) => isUp(current(victim)))),
			this.note(row, 'replaced', start, () => victims.every((victim) => isReplaced(current(victim), victim))),
		]);
		await act();
		await healed;
		await this.noteReady(row, start);
	}

	/** Breaks or ends a replica that works, and has been restarted least. */
	async poison(row, act) {
		const able = this.pods.filter((pod) => isReady(pod) && this.kubernetes.replicaOf(pod)?.isFailed === false);
		const [victim] = able.sort((a, b) => restartsOf(a) - restartsOf(b));
		const replica = victim && this.kubernetes.replicaOf(victim);
		if (replica) await this.#heal(row, [victim], isRestarted, () => act(replica)); // Otherwise they all went down just now.
	}

	/** As `kubectl rollout restart` does; with a version, as `kubectl set image` does. */
	async rollOut(row, version = undefined) {
		const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date(this.kubernetes.clock.nowMs()).toISOString() };
		const patch = version ? this.#imagePatch(versionOf(this.kubernetes.container.image, version)) : { metadata: { annotations } };
		await this.#heal(row, this.pods, isGone, () => this.kubernetes.patch({ spec: { template: patch } }));
		if (version) await this.sleep(this.settings.slow); // Pods that count as ready may still be starting.
	}

	/** As `kubectl set image` does with a version that is broken, and `kubectl rollout undo` when its probes have had their time. */
	async rollOutAndUndo(row, version) {
		const { image } = this.kubernetes.container;
		const old = this.pods.map(({ metadata: { name } }) => name);
		const isNew = ({ metadata: { name } }) => !old.includes(name);
		const start = this.now;
		const { startupProbe, readinessProbe } = this.kubernetes.container;
		const delays = [startupProbe, readinessProbe].map((probe) => probe?.initialDelaySeconds ?? 0);
		const watched = this.sleep(30 + Math.max(...delays));
		this.note(row, 'unready', start, () => this.pods.some((pod) => !isNew(pod) && !isReady(pod)));
		this.note(row, 'replaced', start, () => this.pods.some((pod) => isNew(pod) && isReady(pod)));
		await this.kubernetes.patch({ spec: { template: this.#imagePatch(versionOf(image, version)) } });
		await watched;
		row.restarts = this.pods.filter(isNew).reduce((sum, pod) => sum + restartsOf(pod), 0);
		await this.kubernetes.patch({ spec: { template: this.#imagePatch(image) } });
		const isUndone = (pod) => pod.spec?.containers.some((it) => it.image === image);
		await this.note(row, 'ready', start, () => this.areAllReady && this.pods.every(isUndone));
	}

	/** Another image for the container that serves users; a merge patch takes a list as a whole. */
	#imagePatch(image) {
		const { containers } = this.spec.template.spec;
		return { spec: { containers: containers.map((it) => (it.name === this.kubernetes.main ? { ...it, image } : it)) } };
	}

	/** As `kubectl delete pod` does. */
	async delete(row) {
		const [victim] = this.pods;
		if (victim) await this.#heal(row, [victim], isGone, () => this.kubernetes.delete(victim));
	}

	/** As `kubectl drain` does with a node that has a pod: evicts all that it has. */
	drain(row) {
		const [{ spec }] = this.pods;
		return this.evict(
			row,
			this.pods.filter((pod) => pod.spec?.nodeName === spec?.nodeName),
		);
	}

	/** Evicts pods, by default the first `row.replicas`, and asks again after a second where a budget refuses it. */
	async evict(row, victims = this.pods.slice(0, row.replicas)) {
		const countReady = () => {
			row.least = Math.min(row.least ?? Infinity, this.pods.filter(isReady).length);
		};
		row.denied = 0;
		countReady();
		const forget = this.kubernetes.onChange(countReady);
		await this.#heal(row, victims, isGone, async () => {
			for (const victim of victims) await this.#evict(row, victim);
		});
		forget();
	}

	async #evict(row, victim) {
		const end = this.now + this.patience;
		while (!this.isOver && this.now < end && !(await this.kubernetes.evict(victim))) {
			row.denied++;
			await this.sleep(1);
		}
	}

	/** What all replicas depend on is down for so long, in seconds. */
	async outage(row, duration) {
		const start = this.now;
		const before = this.restarts;
		const patience = () => duration;
		const { dependency } = this.settings;
		dependency.isDown = true;
		const noted = Promise.all([
			this.note(row, 'unready', start, () => !this.areAllReady, patience),
			this.note(row, 'replaced', start, () => this.restarts > before, patience),
		]);
		await this.sleep(duration);
		dependency.isDown = false;
		await noted;
		await this.noteReady(row, start);
	}

	/** As `kubectl scale` does. */
	async scale(row) {
		const start = this.now;
		await this.kubernetes.patch({ spec: { replicas: row.replicas } });
		await this.note(row, 'ready', start, () => this.areAllReady);
	}

	/** More clients than usual ask: once, or for as long as a flood takes, in seconds. */
	async crowd(row, duration = 0) {
		const start = this.now;
		const before = this.restarts;
		const probes = PROBES.map((kind) => this.kubernetes.container[kind]).map((probe) =>
			probe ? (probe.periodSeconds ?? 10) * (probe.failureThreshold ?? 3) : 0,
		);
		const patience = () => duration + this.settings.answer + Math.max(...probes) + SLACK;
		await Promise.all([
			this.traffic.crowd(this.settings.burst, duration),
			this.note(row, 'unready', start, () => !this.areAllReady, patience),
			this.note(row, 'replaced', start, () => this.restarts > before, patience),
		]);
		await this.noteReady(row, start);
	}
}

const isGone = (now) => now === undefined;
const isRestarted = (now, victim) => now === undefined || restartsOf(now) > restartsOf(victim);
