// One run: a fresh cluster, a fault, and a seed, in virtual time.

import { Kubernetes } from '../cluster/cluster.js';
import { ROUTES } from '../cluster/route.js';
import { stepUntil } from '../cluster/time.js';
import { atEpoch, seedChance } from './chance.js';
import { Drill } from './drill.js';
import { Program, VERSIONS } from './program.js';
import { rowOf } from './recorder.js';

/**
 * What is forecast: a Deployment and its Service, the container that serves users, and what no manifest says of it.
 * @typedef {{ objects: any[], main: string, settings: import('./questions.js').Settings }} Subject
 */

/** Within how many seconds the seed chooses when a fault is injected, so that it meets any phase of the probes. */
const PHASE = 10;

/** The Deployment among some objects. */
export const deploymentOf = (objects) => objects.find(({ kind }) => kind === 'Deployment');

/** The program of a container: what serves users is as the settings say; whatever else runs beside it works. */
const playOf = (main, settings) => (seat) =>
	seat.container === main ? new Program(settings, seat) : new Program({ ...settings, health: 'itself' }, { ...seat, version: '' });

/**
 * Injects a fault into what is forecast, and returns its row. If the replicas never get ready, its `at` is missing, and
 * `reason` is what Kubernetes says.
 * @param {Subject} subject
 * @param {string} fault
 * @param {number} seed
 * @param {import('../cluster/cluster.js').Kubernetes['play']} [play]
 * @param {number} [replicas] how many to scale to, by default half of what there are, or to evict, by default all
 */
export async function run(subject, fault, seed, play = undefined, replicas = undefined) {
	seedChance(seed);
	const { objects, main } = subject;
	const settings = { dependency: { isDown: false }, ...subject.settings };
	play ??= playOf(main, settings);
	const kubernetes = atEpoch(() => new Kubernetes(objects, main, play, true));
	const step = (promise) => stepUntil(kubernetes, promise);
	await step(kubernetes.start(VERSIONS));
	const start = kubernetes.clock.nowMs();
	const warnings = [];
	kubernetes.watch('events', (_, { type, message }) => type === 'Warning' && warnings.push(message));
	const drill = new Drill(kubernetes, new ROUTES[settings.requests](kubernetes, settings.news), settings);
	const row = rowOf(fault, replicas ?? (fault === 'scale' ? Math.floor(deploymentOf(objects).spec.replicas / 2) : undefined));
	const ready = await step(drill.start());
	if (ready === undefined) Object.assign(row, { restarts: drill.restarts, reason: warnings.pop() });
	else {
		await step(drill.sleep(PHASE * Math.random()));
		await step(drill.inject(row));
		if (fault === 'control') row.ready = ready - start / 1000;
	}
	const moments = drill.recorder.momentsOf(row);
	drill.stop();
	await step(kubernetes.close());
	return { ...row, moments };
}
