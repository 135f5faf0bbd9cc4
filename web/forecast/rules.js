// What the API server refuses of a Deployment although every field has its type, in its words.

import { PROBES } from '../cluster/pods.js';
import { refuse, say } from './parse.js';
import { checkLabel, checkLabels, checkPortName, checkSubdomain, invalid, selects } from './shape.js';

/** The largest number of 32 bits. */
const INT32 = 2 ** 31 - 1;
const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'];
const TIMES = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'];
/** An image as anybody or anything writes it: also what `ko` or a build system replaces. */
const IMAGE = /^[\w./:@$(){}+~%#-]+$/;

const required = (value, path, what = '') => (value === undefined || value === '' ? refuse(path, `Required value${what && `: ${what}`}`) : value);

/** One of several texts, if it is there. */
function oneOf(value, path, ...options) {
	if (value !== undefined && !options.includes(value)) {
		refuse(path, `Unsupported value: ${say(value)}: supported values: ${options.map((it) => `"${it}"`).join(', ')}`, value);
	}
}
function natural(value, path) {
	if (value === undefined) return;
	if (value < 0) invalid(path, value, 'must be greater than or equal to 0');
	if (value > INT32) invalid(path, value, `must be less than or equal to ${INT32}`);
}
function unique(values, pathOf) {
	const index = values.findIndex((value, index) => value !== undefined && values.indexOf(value) < index);
	if (index >= 0) refuse(pathOf(index), `Duplicate value: ${say(values[index])}`);
}
function checkPort(port, path) {
	if (typeof required(port, path) === 'string') checkPortName(port, path);
	else if (port < 1 || port > 65_535) invalid(path, port, 'must be between 1 and 65535, inclusive');
}

/** Checks what a probe or a hook does: exactly one thing. */
function checkHandler(handler, path, grace) {
	const [first, second] = HANDLERS.filter((kind) => handler[kind]);
	if (!first) refuse(path, 'Required value: must specify a handler type');
	if (second) refuse(`${path}.${second}`, 'Forbidden: may not specify more than 1 handler type');
	const { exec, httpGet, sleep } = handler;
	if (exec && !exec.command?.length) refuse(`${path}.exec.command`, 'Required value');
	if (httpGet) oneOf(httpGet.scheme, `${path}.httpGet.scheme`, 'HTTP', 'HTTPS');
	if (sleep) {
		required(sleep.seconds, `${path}.sleep.seconds`);
		if (sleep.seconds < 0 || sleep.seconds > grace) {
			invalid(`${path}.sleep`, sleep.seconds, `must be non-negative and less than terminationGracePeriodSeconds (${grace})`);
		}
	} else if (!exec) checkPort(handler[first].port, `${path}.${first}.port`);
}

function checkProbe(probe, kind, path) {
	checkHandler(probe, path);
	for (const time of TIMES) natural(probe[time], `${path}.${time}`);
	const { successThreshold = 1, terminationGracePeriodSeconds: grace } = probe;
	if (kind !== 'readinessProbe' && successThreshold > 1) invalid(`${path}.successThreshold`, successThreshold, 'must be 1');
	if (grace === undefined) return;
	if (kind === 'readinessProbe') invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes');
	if (grace < 1) invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0');
}

function checkPorts(ports, path, isOnHost) {
	for (const [index, { name, containerPort, hostPort, protocol }] of ports.entries()) {
		const place = `${path}[${index}]`;
		if (name) checkPortName(name, `${place}.name`);
		checkPort(containerPort || undefined, `${place}.containerPort`);
		if (hostPort) checkPort(hostPort, `${place}.hostPort`);
		if (isOnHost && hostPort && hostPort !== containerPort) invalid(`${place}.hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true');
		oneOf(protocol, `${place}.protocol`, 'TCP', 'UDP', 'SCTP');
	}
	unique(
		ports.map(({ name }) => name || undefined),
		(index) => `${path}[${index}].name`,
	);
}

function checkImage(image, path) {
	if (required(image, path) !== image.trim()) invalid(path, image, 'must not have leading or trailing whitespace');
	if (!IMAGE.test(image)) refuse(path, `${say(image)} is not the name of an image`, image);
}

function checkContainer(container, path, { hostNetwork, volumes = [], terminationGracePeriodSeconds: grace = 30 }) {
	const { name, image, imagePullPolicy, ports = [], env = [], lifecycle = {}, volumeMounts = [] } = container;
	checkLabel(required(name, `${path}.name`), `${path}.name`);
	checkImage(image, `${path}.image`);
	oneOf(imagePullPolicy, `${path}.imagePullPolicy`, 'Always', 'IfNotPresent', 'Never');
	checkPorts(ports, `${path}.ports`, hostNetwork);
	for (const [index, { name }] of env.entries()) required(name, `${path}.env[${index}].name`);
	for (const hook of ['postStart', 'preStop']) if (lifecycle[hook]) checkHandler(lifecycle[hook], `${path}.lifecycle.${hook}`, grace);
	for (const kind of PROBES) {
		if (!container[kind]) continue;
		checkProbe(container[kind], kind, `${path}.${kind}`);
		// The API server takes this one, but no kubelet can ask.
		const { port } = container[kind].httpGet ?? container[kind].tcpSocket ?? {};
		const isKnown = typeof port !== 'string' || ports.some(({ name }) => name === port);
		if (!isKnown) refuse(`${path}.${kind}`, `no port of this container is called ${say(port)}`);
	}
	for (const [index, { name }] of volumeMounts.entries()) {
		if (!volumes.some((volume) => volume.name === name)) refuse(`${path}.volumeMounts[${index}].name`, `Not found: ${say(name ?? '')}`);
	}
}

function checkPod(pod, path) {
	const { containers = [], initContainers = [], volumes = [], restartPolicy, activeDeadlineSeconds, terminationGracePeriodSeconds } = pod;
	natural(terminationGracePeriodSeconds, `${path}.terminationGracePeriodSeconds`);
	oneOf(restartPolicy, `${path}.restartPolicy`, 'Always');
	if (activeDeadlineSeconds) refuse(`${path}.activeDeadlineSeconds`, 'Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported');
	if (!containers.length) refuse(`${path}.containers`, 'Required value');
	const all = [
		...initContainers.map((container, index) => ({ container, place: `${path}.initContainers[${index}]` })),
		...containers.map((container, index) => ({ container, place: `${path}.containers[${index}]` })),
	];
	for (const { container, place } of all) {
		checkContainer(container, place, pod);
		const isPlain = place.includes('.initContainers[') && container.restartPolicy !== 'Always';
		const odd = isPlain && ['lifecycle', ...PROBES].find((field) => container[field]);
		if (odd) refuse(`${place}.${odd}`, 'Forbidden: may not be set for init containers without restartPolicy=Always');
	}
	for (const [index, { name, persistentVolumeClaim: claim }] of volumes.entries()) {
		checkLabel(required(name, `${path}.volumes[${index}].name`), `${path}.volumes[${index}].name`);
		const place = `${path}.volumes[${index}].persistentVolumeClaim.claimName`;
		if (claim) checkSubdomain(required(claim.claimName, place), place);
	}
	for (const [index, { topologyKey }] of (pod.topologySpreadConstraints ?? []).entries()) {
		const place = `${path}.topologySpreadConstraints[${index}].topologyKey`;
		checkLabels({ [required(topologyKey, place)]: '' }, place);
	}
	unique(
		all.map(({ container }) => container.name),
		(index) => `${all[index].place}.name`,
	);
	unique(
		volumes.map(({ name }) => name),
		(index) => `${path}.volumes[${index}].name`,
	);
}

/** A number of pods, or a percentage of them. */
export function checkShare(value, path, most = Infinity) {
	if (typeof value !== 'string') natural(value, path);
	else if (!/^\d+%$/.test(value)) invalid(path, value, "a valid percent string must be a numeric string followed by an ending '%'");
	else if (Number.parseInt(value, 10) > most) invalid(path, value, `must not be greater than ${most}%`);
}

function checkStrategy({ type = 'RollingUpdate', rollingUpdate }, path) {
	oneOf(type, `${path}.type`, 'Recreate', 'RollingUpdate');
	if (!rollingUpdate) return;
	if (type === 'Recreate') refuse(`${path}.rollingUpdate`, "Forbidden: may not be specified when strategy `type` is 'Recreate'");
	const { maxSurge = '25%', maxUnavailable = '25%' } = rollingUpdate;
	checkShare(maxUnavailable, `${path}.rollingUpdate.maxUnavailable`, 100);
	checkShare(maxSurge, `${path}.rollingUpdate.maxSurge`);
	if (Number.parseInt(maxSurge, 10) === 0 && Number.parseInt(maxUnavailable, 10) === 0) {
		invalid(`${path}.rollingUpdate.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0');
	}
}

function checkSelector(selector, path) {
	if (!selector) refuse(path, 'Required value');
	const { matchLabels = {}, matchExpressions = [] } = selector;
	if (!Object.keys(matchLabels).length && !matchExpressions.length) invalid(path, selector, 'empty selector is invalid for deployment');
	checkLabels(matchLabels, `${path}.matchLabels`);
	for (const [index, { operator, values = [] }] of matchExpressions.entries()) {
		const place = `${path}.matchExpressions[${index}]`;
		oneOf(required(operator, `${place}.operator`), `${place}.operator`, 'In', 'NotIn', 'Exists', 'DoesNotExist');
		const isSet = operator.endsWith('In');
		if (isSet && !values.length) refuse(`${place}.values`, "Required value: must be specified when `operator` is 'In' or 'NotIn'");
		if (!isSet && values.length) refuse(`${place}.values`, "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
	}
}

/**
 * Throws the first thing for which the API server would refuse a Deployment.
 * @param {any} deployment whose fields have their types
 */
export function checkDeployment({ metadata = {}, spec = {} }) {
	checkSubdomain(required(metadata.name, 'metadata.name'), 'metadata.name'); // kubectl apply takes no generateName
	if (metadata.namespace) checkLabel(metadata.namespace, 'metadata.namespace');
	checkLabels(metadata.labels, 'metadata.labels');
	for (const field of ['replicas', 'minReadySeconds', 'progressDeadlineSeconds', 'revisionHistoryLimit']) natural(spec[field], `spec.${field}`);
	const { minReadySeconds = 0, progressDeadlineSeconds = 600, selector, strategy = {}, template = {} } = spec;
	if (progressDeadlineSeconds <= minReadySeconds) invalid('spec.progressDeadlineSeconds', progressDeadlineSeconds, 'must be greater than minReadySeconds');
	checkSelector(selector, 'spec.selector');
	checkStrategy(strategy, 'spec.strategy');
	const { labels = {} } = template.metadata ?? {};
	checkLabels(labels, 'spec.template.metadata.labels');
	if (!selects(selector, labels)) invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`');
	checkPod(template.spec ?? {}, 'spec.template.spec');
}
