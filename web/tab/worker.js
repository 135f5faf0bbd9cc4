// The service worker: a cluster in this browser. What is below cluster/ goes to its ingress; offline.js has the files.

import manifests from '../../target/manifests.json' with { type: 'json' };
import { isReady, Kubernetes, restartsOf, statusOf } from '../cluster/cluster.js';
import { Drill, rowOf } from '../forecast/drill.js';
import { Ingress } from '../cluster/ingress.js';
import { forgetOthers, giveWay, load, respond, store } from './offline.js';
import { merge } from '../forecast/patch.js';
import { CAN_WAIT, compile } from '../cluster/component.js';
import { COMPONENT } from '../forecast/questions.js';
import { Pace } from '../cluster/time.js';

const ROOT = new URL(registration.scope);
const STARTED = Date.now();

addEventListener('install', (/** @type {any} */ event) => event.waitUntil(install()));
async function install() {
	try {
		await store();
	} catch (error) {
		const pages = await clients.matchAll({ includeUncontrolled: true });
		for (const page of pages) page.postMessage({ error: error.message });
		throw error;
	}
	await skipWaiting();
}

addEventListener('activate', (/** @type {any} */ event) => event.waitUntil(forgetOthers().then(() => clients.claim())));

addEventListener('fetch', (/** @type {any} */ event) => {
	const { request } = event;
	const url = new URL(request.url);
	if (!request.url.startsWith(ROOT.href)) return;
	const [, isCluster, path] = /^(cluster(?=\/|$))?(.*)/.exec(url.pathname.slice(ROOT.pathname.length));
	if (isCluster) return event.respondWith(pass(request, url, path || '/'));
	event.respondWith(respond(request));
	if (request.mode === 'navigate') event.waitUntil(giveWay());
});

// The cluster: it is there as soon as someone needs it.

const deployment = /** @type {any} */ (manifests.objects.find(({ kind }) => kind === 'Deployment'));

let modules; // a promise
let running; // a promise of the cluster that runs, and what belongs to it
let patch = {}; // what the Deployment differs by from the manifest
let program = {}; // and what its program does by from the component
let speed = 1;
let busy = false;
const faults = []; // newest first

/** The Deployment with a patch. */
const patched = (patch) => structuredClone(merge(deployment, patch));

async function start() {
	modules ??= compile(async (name) => (await load(MODULES[name])).arrayBuffer());
	const others = manifests.objects.filter((object) => object !== deployment);
	const kubernetes = new Kubernetes([...others, patched(patch)], await modules, { ...COMPONENT, ...program });
	const events = new Map();
	const replicaSets = new Map();
	await kubernetes.start();
	const pace = new Pace(kubernetes.clock);
	pace.set(speed);
	kubernetes.onChange(tell);
	kubernetes.watch('replicasets', (type, set) => {
		if (type === 'delete') replicaSets.delete(set.metadata.name);
		else replicaSets.set(set.metadata.name, set);
		tell();
	});
	kubernetes.watch('events', (_, { metadata, type, reason, involvedObject: { kind, name }, message, firstTimestamp, lastTimestamp, count }) => {
		const [since, at] = [firstTimestamp, lastTimestamp].map((time) => new Date(time ?? metadata.creationTimestamp).getTime());
		events.set(metadata.name, { since, at, count: count ?? 1, type, reason, object: `${kind.toLowerCase()}/${name}`, message });
		if (events.size > 100) events.delete(events.keys().next().value);
		tell();
	});
	const ingress = new Ingress(kubernetes);
	const drill = new Drill(kubernetes, ingress);
	const started = kubernetes.clock.nowMs();
	drill.start();
	return { kubernetes, ingress, drill, pace, events, replicaSets, started };
}

/** The cluster that runs, or a new one. */
function cluster() {
	running ??= start().catch((error) => {
		running = modules = undefined; // so that whoever asks next tries again
		patch = program = {};
		throw error;
	});
	return running;
}

/** Ends the cluster, with a fault that is under way, and starts another. */
async function startOver() {
	const old = running;
	running = undefined;
	speed ||= 1;
	const fresh = cluster();
	const { drill, kubernetes, pace } = (await old?.catch(() => undefined)) ?? {};
	drill?.stop();
	pace?.set(1); // It closes in its own time.
	await kubernetes?.close();
	return fresh;
}

// The page: it sends commands, and is told what there is, at most four times a second.

const pages = new Set();
/** How many moments a page shows: a minute, or all of a fault that takes longer. */
const SHOWN = 120;
let due;
function tell() {
	due ??= setTimeout(tellNow, 250);
}
async function tellNow() {
	clearTimeout(due);
	due = undefined;
	const { kubernetes, drill, events, replicaSets, started } = await cluster();
	const state = {
		page: PAGES['./'],
		worker: STARTED,
		started,
		now: kubernetes.clock.nowMs(),
		speed,
		moments: drill.moments.slice(-Math.max(SHOWN, busy && faults[0]?.at ? drill.momentsOf(faults[0]).length : 0)),
		canWait: CAN_WAIT,
		patch,
		program,
		replicas: kubernetes.deployment.spec.replicas,
		pods: Array.from(kubernetes.pods.values(), (pod) => ({
			name: pod.metadata.name,
			ready: isReady(pod),
			status: statusOf(pod),
			restarts: restartsOf(pod),
			since: new Date(pod.metadata.creationTimestamp).getTime(),
			log: kubernetes.logs.get(pod.metadata.name) ?? [],
		})),
		replicaSets: Array.from(replicaSets.values(), ({ metadata: { name }, spec, status }) => ({
			name,
			desired: spec.replicas,
			ready: status?.readyReplicas ?? 0,
		})),
		events: [...events.values()].reverse(),
		faults,
		busy,
	};
	post(state);
}
async function post(message) {
	for (const id of pages) {
		const page = await clients.get(id);
		if (page) page.postMessage(message);
		else pages.delete(id);
	}
}

addEventListener('message', (/** @type {any} */ { data, source }) => {
	pages.add(source.id);
	clients.claim(); // also a page that was loaded past this worker, as by Shift+Reload
	act(data)
		.then(tellNow)
		.catch((error) => {
			console.error(error);
			post({ error: error.message });
		});
});

async function act({ patch: wanted, program: behaviour = {}, fault, isFresh, speed: faster }) {
	if (faster !== undefined) {
		speed = faster;
		(await cluster()).pace.set(speed);
	}
	if (!wanted) return;
	const differ = (one, other) => JSON.stringify(one) !== JSON.stringify(other);
	const [isOther, isOtherProgram] = [differ(patch, wanted), differ(program, behaviour)];
	if (busy && fault) return;
	patch = wanted;
	program = behaviour;
	// Only new replicas can run another program.
	if (isFresh || (!fault && isOtherProgram)) {
		await startOver();
		busy = false;
		return;
	}
	if (!fault) return isOther ? (await cluster()).kubernetes.apply([patched(patch)]) : undefined;
	busy = true;
	const row = { ...rowOf(fault), id: (faults[0]?.id ?? 0) + 1, patch, program, replicas: patched(patch).spec.replicas, done: false, isCut: false };
	faults.unshift(row);
	faults.splice(20);
	tell();
	let drill;
	try {
		({ drill } = await cluster());
		// A lesson begins with its own Deployment, and with pods that work.
		if (isOther || isOtherProgram || !drill.isHealthy) {
			if (fault === 'scale') patch = {};
			({ drill } = await startOver());
			patch = wanted;
		}
		await drill.inject(row);
	} finally {
		row.done = true;
		row.isCut = drill?.isOver ?? true;
		if (!drill?.isOver) busy = false;
	}
}

// The ingress, as far as HTTP goes.

/** What HTTP calls the answers of the component. */
const REASONS = {
	200: 'OK',
	202: 'Accepted',
	204: 'No Content',
	304: 'Not Modified',
	400: 'Bad Request',
	401: 'Unauthorized',
	403: 'Forbidden',
	404: 'Not Found',
	405: 'Method Not Allowed',
	500: 'Internal Server Error',
	503: 'Service Unavailable',
};

async function pass(request, { host, search }, path) {
	const { method, headers } = request;
	try {
		const { ingress } = await cluster();
		const answer = await ingress.send({ method, target: path + search, authority: host, headers: [...headers] }, () => method === 'GET');
		const { status } = answer;
		const body = status === 204 || status === 304 ? null : answer.body;
		// A host that isolates its pages lets them frame only what is isolated, too.
		const isolation = [['cross-origin-embedder-policy', 'require-corp']];
		return new Response(body, { status, statusText: REASONS[status], headers: [...answer.headers.map(frameable), ...isolation] });
	} catch (error) {
		return new Response(`${error.message}\n`, { status: 502, statusText: 'Bad Gateway', headers: { refresh: '1' } });
	}
}

/** A header of the control room that lets the page of this cluster, and no other, put it into a frame. */
function frameable([name, value]) {
	if (name === 'x-frame-options') return [name, 'SAMEORIGIN'];
	return [name, value.replace("frame-ancestors 'none'", "frame-ancestors 'self'")];
}
