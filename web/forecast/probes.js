// Changes of what is asked, by which probe, and how patiently.

/** Probes that find out soon without being hasty: those of k8s/deployment.yaml. */
const OFTEN = { periodSeconds: 3, timeoutSeconds: 2, failureThreshold: 2 };
/** Liveness that restarts nothing that is only busy: Kubernetes' own period and threshold, with more time to answer. */
const PATIENT = { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 };
/** The defaults of a probe. */
const DEFAULTS = { periodSeconds: 10, timeoutSeconds: 1, failureThreshold: 3 };

export const PROBES = ['readinessProbe', 'livenessProbe', 'startupProbe'];
const HANDLERS = ['httpGet', 'exec', 'grpc', 'tcpSocket'];

export const inContainer = ({ name }, changes) => ({ template: { spec: { containers: [{ name, ...changes }] } } });
const settingOf = (probe, name) => probe?.[name] ?? DEFAULTS[name];
/** The numbers of `wanted` that a probe does not have, if `isWorse` says so. */
const numbers = (probe, wanted, isWorse) => {
	const changed = Object.entries(wanted).filter(([name, value]) => isWorse(settingOf(probe, name), value));
	return changed.length ? Object.fromEntries(changed) : undefined;
};

/** What a probe of a container asks that another has: of the first there is, in the manifest's own words. */
function handlerOf({ original, container }, kinds = PROBES) {
	const asked = kinds.map((kind) => original[kind]).find(Boolean);
	const kind = HANDLERS.find((handler) => asked?.[handler]);
	if (kind) return { [kind]: asked[kind] };
	const [port] = container.ports ?? [];
	return port && { tcpSocket: { port: port.name ?? port.containerPort } };
}

/** A startup probe that is twice as patient as the slowest start needs. */
function startupOf({ original, container, settings }) {
	const wanted = 2 * Math.max(settings.slow, settings.start, 1);
	const { startupProbe } = original;
	if (startupProbe) {
		const period = settingOf(startupProbe, 'periodSeconds');
		return { failureThreshold: Math.max(settingOf(startupProbe, 'failureThreshold') + 1, Math.ceil(wanted / period)) };
	}
	// As liveness does, which it holds back.
	const handler = handlerOf({ original, container }, ['livenessProbe', 'readinessProbe']);
	return handler && { ...handler, periodSeconds: 2, timeoutSeconds: 2, failureThreshold: Math.ceil(wanted / 2) };
}

/** @type {import('./remedies.js').Remedy[]} */
export const ASKING = [
	{
		faults: ['fail', 'broken'],
		field: 'httpGet',
		lesson: 'blind-probe',
		why: 'its probes succeed although the program is broken',
		patch: ({ original }) => {
			const known = PROBES.map((kind) => original[kind]?.httpGet).find(Boolean);
			const blind = PROBES.filter((kind) => original[kind]?.tcpSocket);
			return known && blind.length ? inContainer(original, Object.fromEntries(blind.map((kind) => [kind, { tcpSocket: null, httpGet: known }]))) : undefined;
		},
	},
	{
		faults: ['control', 'fail', 'broken', 'restart', 'slow', 'quit'],
		field: 'readinessProbe',
		lesson: 'no-readiness',
		why: 'a pod counts as ready, and gets requests, for as long as its container runs',
		patch: (it) => {
			const handler = handlerOf(it);
			return it.original.readinessProbe || !handler ? undefined : inContainer(it.original, { readinessProbe: { ...handler, ...OFTEN } });
		},
	},
	{
		faults: ['fail', 'broken'],
		field: 'readinessProbe',
		lesson: 'probes',
		why: 'the readiness probe asks too seldom, or waits for too many failures',
		patch: ({ original }) => {
			const { readinessProbe } = original;
			const { timeoutSeconds, ...wanted } = OFTEN;
			const slack = readinessProbe && numbers(readinessProbe, wanted, (now, value) => now > value);
			return slack && inContainer(original, { readinessProbe: slack });
		},
	},
	{
		faults: ['fail'],
		field: 'livenessProbe',
		lesson: 'probes',
		why: 'nothing restarts a container that runs, but is broken',
		note: 'If this check depends on other services, give liveness one that does not: a restart would not fix them.',
		patch: (it) => {
			const { livenessProbe, startupProbe } = it.original;
			const handler = handlerOf(it);
			if (livenessProbe || !handler) return undefined;
			// Not while it starts. A startup probe would delay readiness, too.
			const delay = startupProbe ? {} : { initialDelaySeconds: Math.ceil(2 * Math.max(it.settings.slow, it.settings.start)) };
			return inContainer(it.original, { livenessProbe: { ...handler, ...delay, ...PATIENT } });
		},
	},
	{
		faults: ['control', 'slow'],
		field: 'startupProbe',
		lesson: 'slow-start',
		seen: ({ restarts }) => restarts > 0,
		why: 'containers are restarted while they start',
		patch: (it) => {
			const startupProbe = startupOf(it);
			return startupProbe && inContainer(it.original, { startupProbe });
		},
	},
	{
		faults: ['control', 'burst', 'fail', 'slow', 'restart'],
		field: 'timeoutSeconds',
		lesson: 'hasty-liveness',
		why: 'probes time out while the program is only slow or busy',
		patch: ({ original, settings }) => {
			const wanted = { timeoutSeconds: Math.ceil(settings.answer) + 2 };
			const changes = PROBES.map((kind) => [kind, original[kind] && numbers(original[kind], wanted, (now, value) => now < value)]).filter(
				([, change]) => change,
			);
			return changes.length ? inContainer(original, Object.fromEntries(changes)) : undefined;
		},
	},
	{
		faults: ['burst'],
		field: 'readinessProbe',
		lesson: 'max-waits',
		why: 'the readiness probe is so hasty that load takes pods out of service',
		patch: ({ original, settings }) => {
			const { readinessProbe } = original;
			if (!readinessProbe) return undefined;
			const wanted = { failureThreshold: Math.ceil((2 * settings.answer + 2) / settingOf(readinessProbe, 'periodSeconds')) + 1 };
			const hasty = numbers(readinessProbe, wanted, (now, value) => now < value);
			return hasty && inContainer(original, { readinessProbe: hasty });
		},
	},
	{
		faults: ['burst', 'fail'],
		seen: ({ restarts }) => restarts > 0,
		field: 'livenessProbe',
		lesson: 'hasty-liveness',
		why: 'liveness restarts containers that are only busy',
		patch: ({ original, settings }) => {
			const { livenessProbe } = original;
			if (!livenessProbe) return undefined;
			const wanted = { ...PATIENT, failureThreshold: Math.max(PATIENT.failureThreshold, Math.ceil((2 * settings.answer) / PATIENT.periodSeconds)) };
			const hasty = numbers(livenessProbe, wanted, (now, value) => now < value);
			return hasty && inContainer(original, { livenessProbe: hasty });
		},
	},
];
