// Forecasts what faults would cost the users of a Deployment: the drill in virtual time.

import { Kubernetes, restartsOf } from '../cluster/cluster.js';
import { Drill, rowOf } from './drill.js';
import { Ingress } from '../cluster/ingress.js';
import { CAN_WAIT } from '../cluster/component.js';
import { FAULTS, PROGRAM } from './questions.js';
import { stepUntil } from '../cluster/time.js';

/**
 * What is forecast: a Deployment and its Service, the component, and how the program behaves that it plays.
 * @typedef {{ objects: any[], modules: Map<string, WebAssembly.Module>, program?: import('./questions.js').Settings }} Subject
 */

/** How long replicas may take to get ready at most, in seconds: Kubernetes' own default. */
const LONGEST = 600;

/** The Deployment among some objects. */
export const deploymentOf = (objects) => objects.find(({ kind }) => kind === 'Deployment');

/** The faults that can be injected into what `objects` describe. */
export function faultsFor(objects) {
	const { replicas } = deploymentOf(objects).spec;
	return Object.keys(FAULTS).filter((fault) => (fault !== 'scale' || replicas > 1) && (fault !== 'burst' || CAN_WAIT));
}

/** Applies the objects to a new cluster, and keeps requests coming. Throws if its replicas do not get ready. */
async function begin({ objects, modules, program = PROGRAM }) {
	const kubernetes = new Kubernetes(structuredClone(objects), modules, program, true);
	const step = (promise) => stepUntil(kubernetes.clock, promise);
	await step(kubernetes.start());
	const warnings = new Set();
	kubernetes.watch('events', (_, { type, message }) => type === 'Warning' && warnings.add(message));
	const drill = new Drill(kubernetes, new Ingress(kubernetes));
	const deadline = Math.min(kubernetes.deployment.spec.progressDeadlineSeconds ?? LONGEST, LONGEST);
	const late = kubernetes.clock.wait(deadline * 1000).then(() => {
		throw new Error(
			`its replicas are not ready after ${deadline} s: ${[...warnings].pop() ?? 'no probe has failed yet, so one may ask too late or too seldom'}`,
		);
	});
	late.catch(() => {});
	const close = () => {
		drill.stop();
		return step(kubernetes.close());
	};
	await step(Promise.race([drill.start(), late])).catch(async (error) => {
		await close();
		throw error;
	});
	return { kubernetes, drill, step, close };
}

/**
 * Injects faults one after the other, and tells each row as soon as there is one. Throws if the replicas do not get ready.
 * @param {Subject} subject
 * @param {string[]} faults
 * @param {(row: any) => void} [tell]
 */
export async function forecast(subject, faults, tell = () => {}, replicas = undefined) {
	const rows = [];
	let cluster;
	for (const [index, fault] of faults.entries()) {
		cluster ??= await begin(subject);
		const { kubernetes, drill, step, close } = cluster;
		const { spec } = kubernetes.deployment;
		const row = { ...rowOf(fault), moments: [], replicas: replicas ?? Math.floor(spec.replicas / 2) };
		await step(drill.inject(row));
		row.moments = drill.momentsOf(row);
		rows.push(row);
		tell(row);
		// Whatever has not healed by now never will. And a container that has been restarted backs off before its next restart.
		const isAsBefore = drill.isHealthy && row.replaced !== undefined && fault !== 'scale' && fault !== 'slow' && fault !== 'broken';
		const isFresh = [...kubernetes.pods.values()].some((pod) => restartsOf(pod) === 0) || fault === faults[index + 1];
		if (isAsBefore && isFresh && index + 1 < faults.length) continue;
		await close();
		cluster = undefined;
	}
	return rows;
}
