// What a forecast has to say: each finding is a change of one field that was tried, and has made what users felt better.

import { PROBES, playedOf } from '../cluster/cluster.js';
import { deploymentOf, forecast } from './forecast.js';
import { merge } from './patch.js';
import { SPIN_HEALTH } from '../cluster/component.js';
import { FAULTS, PROGRAM } from './questions.js';

/** How long users may get bad answers until a replica that is broken becomes unready, in seconds. */
const SOON = 10;
/** Harm of something that never heals, in requests. */
const FOREVER = 200;
/** As much may be chance. */
const CHANCE = 1;
/** The most findings. */
const MOST = 5;

/** How much a row hurts, in requests. */
export function harmOf({ fault, lost, bad, restarts, unready, replaced, ready }) {
	switch (fault) {
		case 'fail':
			return lost + (unready === undefined || unready > SOON ? bad : 0) + (replaced === undefined ? FOREVER : 0);
		case 'broken':
			return lost + bad;
		case 'slow':
			return lost + bad + (replaced === undefined ? FOREVER : 0);
		case 'burst':
			return lost + FOREVER * restarts;
		case 'restart':
			return lost + (ready === undefined ? FOREVER : 0);
		default:
			return lost;
	}
}

/** The Deployment with another patch. */
export const withPatch = (objects, patch) => objects.map((it) => (it.kind === 'Deployment' ? merge(it, patch) : it));

const number = new Intl.NumberFormat('en');
const count = (amount, one) => `${number.format(amount)} ${one}${amount === 1 ? '' : 's'}`;

/** What a row hurts, in words. */
export function describeHarm({ fault, sent, lost, bad, restarts, unready, replaced, ready }) {
	const parts = [];
	if (fault === 'slow' && replaced === undefined)
		parts.push(restarts ? `never completes, because its containers keep being restarted (${count(restarts, 'restart')} so far)` : 'never completes');
	else if (fault === 'fail' && unready === undefined && bad) parts.push('is never noticed');
	else if (fault === 'fail' && replaced === undefined) parts.push('is never replaced');
	else if (fault === 'fail' && unready > SOON) parts.push(`is noticed only after ${Math.round(unready)} s`);
	else if (fault === 'restart' && ready === undefined) parts.push('does not finish');
	if (fault === 'burst' && restarts) parts.push(`makes Kubernetes restart ${count(restarts, 'container')}`);
	if (lost) parts.push(`loses ${number.format(lost)} of ${count(sent, 'request')}`);
	if (bad) parts.push(`answers ${number.format(bad)} of ${count(sent, 'request')} wrongly`);
	return parts.join(', and ') || 'costs nothing';
}

/** Why requests were lost, in words: the causes that were counted. */
const CAUSES = {
	cut: (n) => `${n} cut in flight`,
	refused: (n) => `${n} sent to a pod where nothing was listening`,
	none: (n) => `${n} while no pod was ready`,
	error: (n) => `${n} answered with an error`,
	late: (n) => `${n} never answered`,
};
const describeCauses = (causes) =>
	Object.entries(causes)
		.sort(([, a], [, b]) => b - a)
		.map(([cause, amount]) => CAUSES[cause](number.format(amount)))
		.join(', ');

/**
 * What may be changed: for which faults it is tried, and a patch that states all the numbers that it relies on, or
 * nothing where that is already so. `why` says what is wrong now, and `seen` whether a row shows that at all.
 */
const REMEDIES = [
	{
		faults: ['restart', 'broken', 'slow'],
		field: 'strategy',
		lesson: 'bad-version',
		why: 'old pods are removed before new ones are ready',
		patch: ({ strategy = /** @type {any} */ ({}) }) => {
			const { type = 'RollingUpdate', rollingUpdate: { maxUnavailable = '25%' } = {} } = strategy;
			if (type === 'RollingUpdate' && maxUnavailable === 0) return undefined;
			return { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };
		},
	},
	{
		faults: ['restart', 'broken', 'slow', 'fail', 'scale', 'delete'],
		field: 'terminationGracePeriodSeconds',
		lesson: 'no-pre-stop',
		why: 'the grace period ends before `preStop` and the requests in flight do',
		patch: (spec, { lifecycle }, program) => {
			const { terminationGracePeriodSeconds: now } = spec.template.spec;
			const preStop = lifecycle?.preStop?.sleep?.seconds ?? 0;
			const wanted = Math.max(preStop + 3, Math.ceil(program.answer) + 5 + (program.term === 'finishes' ? preStop : 0));
			return now < wanted ? { template: { spec: { terminationGracePeriodSeconds: wanted } } } : undefined;
		},
	},
	{
		faults: ['restart', 'broken', 'slow', 'fail', 'scale', 'delete'],
		field: 'preStop',
		lesson: 'no-pre-stop',
		why: 'a pod stops while requests are still in flight, or on their way to it',
		patch: (spec, { name, lifecycle }, program) => {
			const news = Math.ceil(program.news) + 1;
			const seconds = program.term === 'cuts' ? Math.ceil(program.answer) + news : news;
			if ((lifecycle?.preStop?.sleep?.seconds ?? 0) >= seconds) return undefined;
			const { terminationGracePeriodSeconds: now } = spec.template.spec;
			const grace = Math.max(now, Math.ceil(program.answer) + news + 3);
			return { template: { spec: { terminationGracePeriodSeconds: grace, containers: [{ name, lifecycle: { preStop: { sleep: { seconds } } } }] } } };
		},
	},
	{
		faults: ['fail', 'broken'],
		field: 'httpGet',
		lesson: 'blind-probe',
		why: 'its probes succeed although the program is broken',
		patch: (_, container) => {
			const blind = PROBES.filter((kind) => container[kind] && (container[kind].tcpSocket || container[kind].httpGet?.path === SPIN_HEALTH));
			const { port } = handlerOf(container);
			const probes = blind.map((kind) => [kind, asking(container[kind], { path: '/health', port })]);
			return blind.length ? inContainer(container, Object.fromEntries(probes)) : undefined;
		},
	},
	{
		faults: ['fail', 'broken', 'restart', 'slow', 'quit'],
		field: 'readinessProbe',
		lesson: 'no-readiness',
		why: 'a pod counts as ready for as long as its container runs, and gets requests',
		patch: (_, container) => (container.readinessProbe ? undefined : inContainer(container, { readinessProbe: { httpGet: handlerOf(container), ...OFTEN } })),
	},
	{
		faults: ['fail'],
		field: 'readinessProbe',
		lesson: 'probes',
		why: 'the readiness probe asks too seldom, or waits for too many failures',
		patch: (_, container) =>
			container.readinessProbe && differs(container.readinessProbe, OFTEN) ? inContainer(container, { readinessProbe: OFTEN }) : undefined,
	},
	{
		faults: ['fail'],
		field: 'livenessProbe',
		lesson: 'probes',
		why: 'nothing restarts a container that runs, but is broken',
		patch: (_, container, program) => {
			if (container.livenessProbe) return undefined;
			// Not while it starts.
			const startupProbe = container.startupProbe ? {} : { startupProbe: startupOf(container, program) };
			return inContainer(container, { ...startupProbe, livenessProbe: { httpGet: handlerOf(container), ...PATIENT } });
		},
	},
	{
		faults: ['slow'],
		field: 'startupProbe',
		lesson: 'slow-start',
		why: 'liveness restarts what is still starting',
		patch: (_, container, program) => inContainer(container, { startupProbe: startupOf(container, program) }),
	},
	{
		faults: ['burst'],
		field: 'MAX_WAITS',
		lesson: 'no-max-waits',
		why: 'waits take all the room there is, and nothing is left for anyone else',
		patch: (_, container) => {
			const value = (name) => Number(container.env?.find((it) => it.name === name)?.value ?? Number.NaN);
			if (value('MAX_WAITS') !== 0) return undefined;
			return inContainer(container, { env: [{ name: 'MAX_WAITS', value: String(Math.floor((value('SPIN_MAX_INSTANCE_COUNT') || 500) * 0.4)) }] });
		},
	},
	{
		faults: ['burst', 'fail'],
		seen: ({ restarts }) => restarts > 0,
		field: 'livenessProbe',
		lesson: 'hasty-liveness',
		why: 'liveness restarts what is only busy',
		patch: (_, container, { answer }) => {
			if (!container.livenessProbe) return undefined;
			const failureThreshold = Math.max(PATIENT.failureThreshold, Math.ceil((2 * answer) / PATIENT.periodSeconds));
			return inContainer(container, { livenessProbe: { ...PATIENT, failureThreshold } });
		},
	},
	{
		faults: ['quit', 'delete', 'fail', 'restart'],
		field: 'replicas',
		lesson: 'replicas',
		why: 'while one pod is away, too few are left',
		patch: ({ replicas }) => (replicas < 2 ? { replicas: 2 } : undefined),
	},
];

const OFTEN = { periodSeconds: 3, timeoutSeconds: 2, failureThreshold: 2 };
const PATIENT = { periodSeconds: 3, timeoutSeconds: 2, failureThreshold: 4 };

const differs = (probe, wanted) => Object.entries(wanted).some(([key, value]) => probe[key] !== value);
const inContainer = ({ name }, changes) => ({ template: { spec: { containers: [{ name, ...changes }] } } });

/** What makes a probe ask by HTTP, whatever it asks now. */
const asking = (probe, httpGet) => (probe?.tcpSocket ? { tcpSocket: null, httpGet } : { httpGet });

/** A startup probe that is twice as patient as the slowest start needs. */
function startupOf(container, { slow }) {
	return { ...asking(container.startupProbe, handlerOf(container)), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: Math.max(1, Math.ceil(slow)) };
}

/** What a probe of a container asks that has none: what another one asks. */
function handlerOf({ ports, startupProbe, readinessProbe, livenessProbe }) {
	const probes = [readinessProbe, livenessProbe, startupProbe];
	const asked = probes.map((probe) => probe?.httpGet).find((handler) => handler && handler.path !== SPIN_HEALTH);
	const port = probes.map((probe) => (probe?.httpGet ?? probe?.tcpSocket)?.port).find(Boolean) ?? ports?.[0]?.name ?? ports?.[0]?.containerPort ?? 80;
	return { path: asked?.path ?? '/health', port: asked?.port ?? port };
}

/**
 * A change that was tried: what it changes and why, the Deployment's spec before it, and the rows of faults before and
 * after.
 * @typedef {{ field: string, lesson: string, why: string, spec: any, patch: any, before: any[], after: any[] }} Finding
 */

/**
 * Tries what may be changed for the rows that hurt, the worst first, and tells each finding as soon as there is one.
 * @param {import('./forecast.js').Subject} subject
 * @param {any[]} rows of its forecast
 * @param {(finding: Finding) => void} [tell]
 * @returns {Promise<{ findings: Finding[], patch: any, rest: any[] }>} the findings, all of their patches in one, and the
 *   rows that no change has made better
 */
export async function advise(subject, rows, tell = () => {}) {
	const program = subject.program ?? PROGRAM;
	const findings = [];
	const rest = [];
	let { objects } = subject;
	let patch = {};
	const run = async (objects, fault) => {
		try {
			return (await forecast({ ...subject, objects }, [fault]))[0];
		} catch {
			return undefined; // Its replicas do not get ready.
		}
	};
	for (const before of rows.filter((row) => harmOf(row) > CHANCE).sort((a, b) => harmOf(b) - harmOf(a))) {
		const { fault } = before;
		let now = findings.length ? await run(objects, fault) : before;
		let shown = before; // as in the table, unless a change has made it another
		// What has been found for another fault may have been the reason here, too.
		if (now && harmOf(now) < harmOf(before) / 2) {
			shown = now;
			const related = findings.findLast(({ faults }) => faults.includes(fault));
			related?.before.push(before);
			related?.after.push(now);
		}
		while (now && harmOf(now) > CHANCE && findings.length < MOST) {
			const { spec } = deploymentOf(objects);
			let best;
			for (const remedy of REMEDIES) {
				const { faults, seen = () => true } = remedy;
				if (!faults.includes(fault) || !seen(now)) continue;
				const change = remedy.patch(spec, playedOf({ spec }), program);
				const changed = change && withPatch(objects, { spec: change });
				if (!changed || JSON.stringify(changed) === JSON.stringify(objects)) continue;
				const after = await run(changed, fault);
				if (after && harmOf(after) < harmOf(best?.after[0] ?? now) / 2)
					best = { ...remedy, patch: { spec: change }, objects: changed, spec, before: [shown], after: [after] };
				if (best && harmOf(best.after[0]) <= CHANCE) break;
			}
			if (!best) break;
			({ objects } = best);
			patch = merge(patch, best.patch);
			[now] = best.after;
			shown = now;
			findings.push(best);
			tell(best);
		}
		if (!now || harmOf(now) > CHANCE) rest.push(now ?? before);
	}
	return { findings, patch, rest };
}

/** A finding in words. */
export function describe({ why, spec, patch, before, after }) {
	const [first, ...others] = before;
	const causes = describeCauses(first.causes);
	const also = others.map((row) => ` ${FAULTS[row.fault]} ${describeHarm(row)}, for the same reason.`).join('');
	// The patch also states what is so already, and may not change.
	const isNew = (change) => change !== `\`terminationGracePeriodSeconds: ${spec.template.spec.terminationGracePeriodSeconds}\``;
	const isGood = after.every((row) => harmOf(row) <= CHANCE);
	const tried = isGood ? `it ${describeHarm(after[0])}` : after.map((row) => `${FAULTS[row.fault].toLowerCase()} ${describeHarm(row)}`).join('; ');
	const longer = after[0].ready > first.ready + 3 ? `, and takes ${after[0].ready.toFixed(0)} s instead of ${first.ready.toFixed(0)} s` : '';
	return `${FAULTS[first.fault]} ${describeHarm(first)}: ${why}${causes ? ` (${causes})` : ''}.${also} Set ${changesOf(patch.spec).filter(isNew).join(', ')}. Tried: ${tried}${longer}.`;
}

/** What a patch sets, a field of the spec or of a container a time. */
function changesOf(value, key = '') {
	if (Array.isArray(value) && key !== 'env') return value.flatMap(({ name, ...item }) => changesOf(item));
	if (['', 'template', 'spec', 'containers'].includes(key)) return Object.entries(value).flatMap(([key, it]) => changesOf(it, key));
	return key === 'env' ? value.map(({ name, value }) => `\`${name}: "${value}"\``) : [`\`${key}: ${flow(value)}\``];
}

/** A value in YAML, in one line; what a patch only removes is left out. */
function flow(value) {
	if (value === null || typeof value !== 'object') return value;
	const items = Object.entries(value).filter(([, it]) => it !== null);
	return `{ ${items.map(([key, it]) => `${key}: ${flow(it)}`).join(', ')} }`;
}
