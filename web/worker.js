// The service worker: a cluster in this browser. What is below cluster/ goes to its service. Everything else is a file,
// from the cache, so that the tab works offline, too.

import manifest from './manifest.js';
import { FILES, VERSION } from './files.js';
import { Drill } from './drill.js';
import { CAN_WAIT, compile } from './replica.js';
import { merge } from './patch.js';

const ROOT = new URL(registration.scope);
const CACHE = `${ROOT}#${VERSION}`;
const STARTED = Date.now();
const channel = new BroadcastChannel(ROOT.href);

addEventListener('install', (event) => event.waitUntil(install()));
async function install() {
	const cache = await caches.open(CACHE);
	await cache.addAll(FILES.map((file) => new Request(file, { cache: 'no-cache' })));
	await skipWaiting();
}

addEventListener('activate', (event) => event.waitUntil(activate()));
async function activate() {
	// Others of this origin have caches, too.
	const old = (await caches.keys()).filter((name) => name.startsWith(`${ROOT}#`) && name !== CACHE);
	await Promise.all(old.map((name) => caches.delete(name)));
	await clients.claim();
}

addEventListener('fetch', (event) => {
	const url = new URL(event.request.url);
	if (url.origin !== ROOT.origin || !url.pathname.startsWith(ROOT.pathname)) return;
	const [, isCluster, path] = /^(cluster(?=\/|$))?(.*)/.exec(url.pathname.slice(ROOT.pathname.length));
	if (isCluster) event.respondWith(pass(event.request, url, path || '/'));
	else event.respondWith(load(path === 'index.html' ? new Request(ROOT) : event.request));
});

async function load(request) {
	const cache = await caches.open(CACHE);
	return await cache.match(request, { ignoreSearch: true, ignoreVary: true }) ?? fetch(request);
}

// The cluster: it is there as soon as someone needs it.

let patch = {};
let drill; // a promise
let started; // when its first pods were created, in ms
let busy = false;
const events = []; // newest first, as are the faults
const faults = [];

let modules; // a promise

const cluster = () => drill ??= deploy(manifest);
async function deploy(deployment) {
	try {
		const compiled = await (modules ??= compile(load));
		started = Date.now();
		events.length = 0; // They were about pods that are gone, and whose names are used again.
		return new Drill(deployment, compiled, tell, report);
	} catch (error) {
		drill = modules = undefined; // so that the next who asks tries again
		patch = {};
		throw error;
	}
}

/** Adds an event or, as kubectl does, counts it once more. */
function report(type, reason, { name }, message) {
	const at = Date.now();
	const object = `pod/${name}`;
	const same = events.findIndex((it) => it.object === object && it.message === message);
	const { since, count } = same < 0 ? { since: at, count: 0 } : events.splice(same, 1)[0];
	events.unshift({ at, since, count: count + 1, type, reason, object, message });
	events.splice(100);
}

/** Tells all pages, at most four times a second. */
let due;
function tell() { due ??= setTimeout(tellNow, 250) }
async function tellNow() {
	due = undefined;
	const { pods, replicas } = await cluster();
	const known = pods.map(({ name, ready, status, restarts, since }) => ({ name, ready, status, restarts, since }));
	channel.postMessage({ cluster: STARTED, started, canWait: CAN_WAIT, patch, replicas, pods: known, events, faults, busy });
}

addEventListener('message', ({ data }) => {
	clients.claim(); // also a page that was loaded past this worker, as by Shift+Reload
	act(data).then(tellNow).catch(({ message }) => channel.postMessage({ error: message }));
});
async function act({ patch: wanted, fault }) {
	let asked, current;
	do current = await (asked = cluster()); // which another command may have replaced meanwhile
	while (asked !== drill);
	if (!wanted || (busy && fault)) return;
	const [before, deployment] = [patch, wanted].map((it) => merge(manifest, it));
	patch = wanted;
	const { replicas, template } = deployment.spec;
	if (fault === 'scale') deployment.spec.replicas = manifest.spec.replicas;
	// Pods of another template take the place of the old ones: on a cluster one by one, here at once. The same happens
	// before a fault that needs a different number of pods, or pods that work.
	const isOther = JSON.stringify(before.spec.template) !== JSON.stringify(template);
	if (isOther || (fault && (current.isStuck || current.replicas !== deployment.spec.replicas))) {
		current.stop();
		current = await (drill = deploy(deployment));
	} else {
		current.scale(deployment.spec.replicas);
	}
	if (!fault) return;
	busy = true;
	const row = { id: (faults[0]?.id ?? 0) + 1, fault, replicas, patch, sent: 0, lost: 0, retried: 0, refused: 0, bad: 0, done: false };
	faults.unshift(row);
	faults.splice(20);
	tell();
	try {
		await current.inject(row);
	} finally {
		row.done = true;
		row.isCut = current.isOver;
		busy = false;
	}
}

// The ingress: it passes requests on to the service.

/** What HTTP calls the answers of the component. */
const REASONS = {
	200: 'OK', 202: 'Accepted', 204: 'No Content', 304: 'Not Modified', 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden',
	404: 'Not Found', 405: 'Method Not Allowed', 500: 'Internal Server Error', 503: 'Service Unavailable',
};

async function pass(request, { host, search }, path) {
	const { method, headers } = request;
	try {
		const current = await cluster();
		const answer = await current.send({ method, target: path + search, authority: host, headers: [...headers] }, () => method === 'GET');
		const { status } = answer;
		const body = status === 204 || status === 304 ? null : answer.body;
		return new Response(body, { status, statusText: REASONS[status], headers: answer.headers.map(frameable) });
	} catch ({ message }) {
		return new Response(`${message}\n`, { status: 502, statusText: 'Bad Gateway', headers: { refresh: '1' } });
	}
}

/** A header of the control room that lets the page of this cluster, and no other, put it into a frame. */
function frameable([name, value]) {
	if (name === 'x-frame-options') return [name, 'SAMEORIGIN'];
	return [name, value.replace("frame-ancestors 'none'", "frame-ancestors 'self'")];
}
