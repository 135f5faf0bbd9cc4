// What may be changed in a manifest against what hurts. Each change is tried before it is proposed.

import { ASKING, inContainer } from './probes.js';

/**
 * What a remedy is chosen by: the row that hurts; the Deployment's spec, its main container, and its settings as they
 * are modelled; the main container as it stands in the manifest; and the manifest's traits.
 * @typedef {{ row: import('./forecast.js').Summary, spec: any, container: any, original: any,
 *   settings: import('./questions.js').Settings, traits: import('./traits.js').Traits }} Case
 */

/** How long until whoever routes requests has heard of a change, and a moment more, in seconds. */
const newsOf = ({ news }) => Math.ceil(news) + 1;

/** How long `preStop` has to keep a pod serving, in seconds. */
const drainOf = (settings) => newsOf(settings) + (settings.term === 'finishes' ? 0 : Math.ceil(settings.answer));

/** What a pod needs from its deletion to its end, if `preStop` takes so long, in seconds. */
const graceOf = (settings, preStop) => preStop + (settings.term === 'finishes' ? Math.ceil(settings.answer) : 0) + 3;

/** Fields of the Deployment, and of how its pods end. */
const ENDINGS = [
	{
		faults: ['restart', 'broken', 'slow'],
		field: 'strategy',
		lesson: 'bad-version',
		why: 'old pods are removed before new ones are ready',
		note: 'If two versions must never run side by side, leave it as it is.',
		patch: ({ spec: { strategy }, traits }) => {
			if (traits.only || traits.exclusive || strategy.rollingUpdate?.maxUnavailable === 0) return undefined;
			return { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };
		},
	},
	{
		faults: ['restart', 'broken', 'slow', 'fail', 'scale', 'delete', 'drain'],
		field: 'terminationGracePeriodSeconds',
		lesson: 'no-pre-stop',
		why: 'the grace period ends before `preStop` and the requests in flight do',
		patch: ({ spec, container, settings }) => {
			const wanted = graceOf(settings, container.lifecycle?.preStop?.sleep?.seconds ?? 0);
			return spec.template.spec.terminationGracePeriodSeconds < wanted ? { template: { spec: { terminationGracePeriodSeconds: wanted } } } : undefined;
		},
	},
	{
		faults: ['restart', 'broken', 'slow', 'fail', 'scale', 'delete', 'drain'],
		field: 'preStop',
		lesson: 'no-pre-stop',
		why: 'a pod stops while requests are still in flight, or on their way to it',
		patch: ({ spec, container, original, settings, traits }) => {
			const seconds = drainOf(settings);
			if (traits.only || (container.lifecycle?.preStop?.sleep?.seconds ?? 0) >= seconds) return undefined;
			// A hook has one handler.
			const others = ['exec', 'httpGet', 'tcpSocket'].filter((handler) => original.lifecycle?.preStop?.[handler]).map((handler) => [handler, null]);
			const hook = inContainer(container, { lifecycle: { preStop: { ...Object.fromEntries(others), sleep: { seconds } } } });
			const grace = graceOf(settings, seconds);
			if (spec.template.spec.terminationGracePeriodSeconds < grace) hook.template.spec.terminationGracePeriodSeconds = grace;
			return hook;
		},
	},
];

/** How many replicas there are. */
const REPLICAS = [
	{
		faults: ['quit', 'delete', 'drain', 'fail', 'restart', 'broken'],
		field: 'replicas',
		lesson: 'replicas',
		why: 'while its only pod is gone, nothing answers',
		patch: ({ spec, traits }) => (spec.replicas < 2 && !traits.only && !traits.autoscaler ? { replicas: 2 } : undefined),
	},
	{
		faults: ['burst', 'control'],
		field: 'replicas',
		lesson: 'max-waits',
		why: 'more requests come at once than the replicas can handle',
		patch: ({ row, spec, settings, traits }) => {
			const wanted = Math.ceil((settings.burst + 13) / settings.most) + 1;
			return row.lost && wanted > spec.replicas && wanted <= 10 * spec.replicas && !traits.only && !traits.autoscaler ? { replicas: wanted } : undefined;
		},
	},
];

/**
 * What may be changed: for which faults it is tried, and a patch of the spec that states no more than is needed, or
 * nothing where it would not help, or would hurt. `why` says what is wrong now, and `seen` whether a row shows it.
 * @typedef {{ faults: string[], field: string, lesson: string, why: string, note?: string, seen?(row: any): boolean,
 *   patch(it: Case): any }} Remedy
 */

/** @type {Remedy[]} */
export const REMEDIES = [...ENDINGS, ...ASKING, ...REPLICAS];
