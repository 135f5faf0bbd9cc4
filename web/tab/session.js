// The cluster of this tab: it is there as soon as someone needs it, and starts over for a lesson that needs another one.

import manifests from '../../target/manifests.json' with { type: 'json' };
import { Kubernetes } from '../cluster/cluster.js';
import { COMPONENT, Component } from '../cluster/component.js';
import { ROUTES } from '../cluster/route.js';
import { Pace } from '../cluster/time.js';
import { Drill } from '../forecast/drill.js';
import { merge } from '../forecast/patch.js';
import { VERSIONS } from '../forecast/program.js';
import { rowOf } from '../forecast/recorder.js';
import { Watched } from './state.js';

/** What the clients, and the proxy that they come through, know of the component; a crowd is more than it has room for. */
export const SETTINGS = { ...COMPONENT, requests: 'proxy', start: 0, answer: 5, news: 1, burst: 90 };

const manifest = /** @type {any} */ (manifests.objects.find(({ kind }) => kind === 'Deployment'));

/**
 * All objects, with a patch of the Deployment.
 * @param {any} patch
 */
export const withPatch = (patch) => manifests.objects.map((object) => structuredClone(object === manifest ? merge(object, patch) : object));

/** What scaling and images have made of a Deployment. */
const outlineOf = ({ spec: { replicas, template } }) => [replicas, ...template.spec.containers.map(({ image }) => image)].join();

/** What a cluster starts with: a patch of the manifest, and where its program differs from the component. */
const PLAIN = { patch: {}, settings: {} };

export class Session {
	#compile;
	#tell;
	#modules; // a promise
	#running; // a promise
	#subject = PLAIN;
	speed = 1;
	/** The rows of faults, the newest first. @type {any[]} */
	faults = [];

	/**
	 * @param {() => Promise<Map<string, WebAssembly.Module>>} compile the component
	 * @param {() => void} tell is called whenever something has changed
	 */
	constructor(compile, tell) {
		this.#compile = compile;
		this.#tell = tell;
	}

	/** Whether a fault is under way. */
	get busy() {
		return this.faults.some(({ done }) => !done);
	}

	/** The cluster that runs, with what belongs to it, or a new one. */
	cluster() {
		this.#running ??= this.#start(this.#subject).catch((error) => {
			this.#running = this.#modules = undefined; // so that whoever asks next tries again
			this.#subject = PLAIN;
			throw error;
		});
		return this.#running;
	}

	async #start({ patch, settings }) {
		this.#modules ??= this.#compile();
		const modules = await this.#modules;
		const all = { ...SETTINGS, ...settings, dependency: { isDown: false } };
		const kubernetes = new Kubernetes(withPatch(patch), manifest.spec.template.spec.containers[0].name, (seat) => new Component(modules, seat, all));
		await kubernetes.start(VERSIONS);
		const pace = new Pace(kubernetes);
		pace.set(this.speed);
		kubernetes.onChange(this.#tell);
		const watched = new Watched(kubernetes, this.#tell);
		const route = new ROUTES.proxy(kubernetes, all.news);
		const drill = new Drill(kubernetes, route, all);
		return { kubernetes, route, drill, pace, watched, started: kubernetes.clock.nowMs(), ready: drill.start() };
	}

	/** Lets time pass more quickly, or not at all. */
	async setSpeed(speed) {
		this.speed = speed;
		(await this.cluster()).pace.set(speed);
	}

	/** Gives up on a fault that is under way, and starts with another cluster. */
	async startOver({ patch = {}, settings = {} } = {}) {
		for (const row of this.faults.filter(({ done }) => !done)) row.isCut = row.done = true;
		await this.#replace({ patch, settings });
	}

	async #replace(subject) {
		const old = this.#running;
		this.#running = undefined;
		this.#subject = subject;
		this.speed ||= 1;
		const fresh = this.cluster();
		const { drill, kubernetes, pace } = (await old?.catch(() => undefined)) ?? {};
		drill?.stop();
		pace?.set(1); // It closes in its own time.
		await kubernetes?.close();
		return fresh;
	}

	/** Injects a fault into a cluster that has what a lesson starts with, and nothing of the lessons before. */
	async inject({ lesson, fault, replicas, patch = {}, settings = {} }) {
		if (this.busy) return;
		const row = { ...rowOf(fault, replicas), id: (this.faults[0]?.id ?? 0) + 1, lesson, done: false, isCut: false };
		this.faults.unshift(row);
		this.faults.splice(20);
		this.#tell();
		try {
			const { drill, ready } = await this.#clusterFor({ patch, settings });
			await ready;
			if (!row.done) await drill.inject(row);
		} catch (error) {
			row.isCut = true;
			throw error;
		} finally {
			row.done = true;
		}
	}

	async #clusterFor(subject) {
		const isSame = JSON.stringify(subject) === JSON.stringify(this.#subject);
		const running = await this.cluster();
		const { drill, kubernetes } = running;
		const isAsStarted = outlineOf(kubernetes.deployment) === outlineOf(merge(manifest, subject.patch));
		return isSame && isAsStarted && drill.isHealthy ? running : this.#replace(subject);
	}
}
