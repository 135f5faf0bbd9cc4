// Hints where no patch can be tried: why something stays as it is, and what only people know.

import { FAULTS } from './faults.js';
import { runningOf } from './model.js';
import { PROBES } from './probes.js';

const ROLLOUTS = ['restart', 'broken', 'slow'];
/** What takes too long, and what a drained node shows. */
const LEFT_OUT = ['flood', 'evict'];

/** Why nothing is forecast of a manifest at all, if that is so. @param {import('./manifest.js').Manifest} manifest */
export function silenceOf({ traits }) {
	if (traits.reaches) return `The Service reaches ${traits.reaches}. Nobody is served, so there is nothing to forecast.`;
	if (!traits.isServed)
		return 'Nothing sends it requests: it has no port for users, and no Service selects it. So no fault costs a request; what work it loses when it ends is not forecast.';
	return undefined;
}

/** The faults that can be forecast of a manifest; the control run comes first. @param {import('./manifest.js').Manifest} manifest */
export function faultsFor(manifest) {
	if (silenceOf(manifest)) return [];
	const { objects, traits } = manifest;
	const { replicas, strategy } = objects.find(({ kind }) => kind === 'Deployment').spec;
	const isStuck = traits.exclusive && strategy.type !== 'Recreate';
	return Object.keys(FAULTS).filter((fault) => !LEFT_OUT.includes(fault) && (fault !== 'scale' || replicas > 1) && !(isStuck && ROLLOUTS.includes(fault)));
}

/** @typedef {{ subject: import('./search.js').Subject, rest: string[], main: any }} Left what is forecast, which faults still hurt, and the main container as it is in the manifest */

/** Each returns a sentence, or nothing; `[sentence, fault]` where it says all that there is to say of a fault. @type {((left: Left) => string | [string, string] | undefined)[]} */
const HINTS = [
	({ subject: { traits, faults } }) =>
		traits.exclusive && !faults.includes('restart')
			? `Rollouts are not forecast: ${traits.exclusive}, and whether a node is free for a new pod is not known here. With as many pods as nodes, a rollout that starts a new pod first gets stuck.`
			: undefined,
	({ subject: { traits, objects }, rest }) =>
		traits.only && objects[0].spec.strategy.type === 'Recreate' && rest.includes('restart')
			? `Recreate is right here, since ${traits.only}. An outage in each rollout is the price.`
			: undefined,
	({ subject: { traits, objects } }) =>
		traits.only && objects[0].spec.strategy.type !== 'Recreate'
			? `A rollout may hang, which is not modelled: ${traits.only}, but a rolling update starts the new pod first. \`strategy: { type: Recreate }\` avoids that.`
			: undefined,
	({ subject: { settings } }) =>
		settings.requests === 'kept' && settings.term !== 'finishes'
			? 'A request whose connection is cut before an answer is sent again here, as HTTP clients do with GET. A gRPC client does so only with a retry policy.'
			: undefined,
	({ main }) => {
		const names = (main.ports ?? []).filter(({ name = '' }) => /^(grpc|h2c)/.test(name)).flatMap(({ name, containerPort }) => [name, containerPort]);
		const kind = PROBES.find((it) => names.includes(main[it]?.httpGet?.port));
		return (
			kind &&
			`The ${kind} asks by HTTP on a port that is called after gRPC: a server that speaks gRPC alone would never pass it. Kubernetes has probes for gRPC.`
		);
	},
	({ subject: { objects } }) => {
		const { containers, terminationGracePeriodSeconds: grace } = objects[0].spec.template.spec;
		const slow = containers.find(({ lifecycle }) => lifecycle?.preStop?.sleep?.seconds >= grace - 1);
		return slow && `The preStop hook of ${slow.name} takes the whole grace period of ${grace} s, so after SIGTERM the program has 2 s to end.`;
	},
	({ subject: { traits, objects }, rest }) =>
		traits.only && objects[0].spec.replicas === 1 && rest.length ? `A second replica is not proposed, since ${traits.only}.` : undefined,
	({ subject: { traits, objects }, rest }) =>
		traits.autoscaler && objects[0].spec.replicas === 1 && rest.length
			? `The number of replicas is up to the ${traits.autoscaler.kind} ${traits.autoscaler.name}: a minimum of 2 would help.`
			: undefined,
	({ subject: { traits }, rest }) =>
		traits.budget && rest.includes('drain')
			? [
					`PodDisruptionBudget ${traits.budget.name} allows no eviction, so draining a node, as every cluster upgrade does, waits for ever. Let it allow one (\`maxUnavailable: 1\` instead of \`minAvailable\`), or run more replicas than it requires.`,
					'drain',
				]
			: undefined,
	({ subject: { traits, objects }, rest }) =>
		!traits.budget && rest.includes('drain') && objects[0].spec.replicas > 1
			? ['Without a PodDisruptionBudget, all pods of a drained node end at once. One with `maxUnavailable: 1` makes them go one at a time.', 'drain']
			: undefined,
	({ rest, main }) =>
		rest.some((fault) => fault === 'fail' || fault === 'broken') && PROBES.every((kind) => !main[kind] || main[kind].tcpSocket)
			? 'No probe asks whether the program works. One that does, by HTTP, gRPC or a command, would notice when it is broken. Only you know which check your program can answer.'
			: undefined,
	({ subject: { settings }, main }) => {
		const wait = (kind) => main[kind].timeoutSeconds ?? 1;
		// The one that restarts is told first.
		const [hasty] = ['livenessProbe', 'readinessProbe', 'startupProbe'].filter((kind) => main[kind] && wait(kind) < settings.answer);
		return (
			hasty &&
			`The ${hasty} waits ${wait(hasty)} s for an answer (\`timeoutSeconds: ${wait(hasty)}\`), but the slowest answers take ${settings.answer} s: if the health check is ever that slow, the probe fails on a program that works.`
		);
	},
	({ subject: { settings }, main }) =>
		settings.breaks === 'slow' && PROBES.some((kind) => main[kind])
			? 'A replica that is slow is noticed only because its probes time out (`timeoutSeconds`): a longer timeout would hide it.'
			: undefined,
];

/**
 * Sentences on what is left, and the faults that they do not speak of.
 * @param {import('./search.js').Subject} subject
 * @param {string[]} rest the faults that still hurt with all changes
 * @returns {{ hints: string[], rest: string[] }}
 */
export function hintsFor(subject, rest) {
	const main = runningOf(subject.original.spec.template.spec).find(({ name }) => name === subject.main);
	const said = HINTS.map((hint) => [hint({ subject, rest, main })].flat()).filter(([sentence]) => sentence);
	const answered = said.map(([, fault]) => fault);
	return { hints: said.map(([sentence]) => sentence), rest: rest.filter((fault) => !answered.includes(fault)) };
}
