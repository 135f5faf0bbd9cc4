// The service worker: a cluster in this browser. What is below cluster/ goes to its proxy; offline.js has the files.
// Pages send commands, and are told what there is, at most four times a second.

import { compile } from '../cluster/component.js';
import { pass } from './http.js';
import { forgetOthers, giveWay, load, respond, store } from './offline.js';
import { Session } from './session.js';
import { stateOf } from './state.js';

const ROOT = new URL(registration.scope);
const STARTED = Date.now();

const session = new Session(() => compile(async (name) => (await load(MODULES[name])).arrayBuffer()), tell);
const pages = new Set();

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
	const { pathname, search } = new URL(request.url);
	if (!request.url.startsWith(ROOT.href)) return;
	const [, isCluster, path] = /^(cluster(?=\/|$))?(.*)/.exec(pathname.slice(ROOT.pathname.length));
	if (isCluster) return event.respondWith(pass(session, request, (path || '/') + search));
	event.respondWith(respond(request));
	if (request.mode === 'navigate') event.waitUntil(giveWay());
});

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

/** Does what a page wants: another speed, a fresh cluster, or a lesson's fault. Without any of them, it only asks. */
async function act(/** @type {any} */ { speed, isFresh, ...lesson }) {
	if (speed !== undefined) await session.setSpeed(speed);
	if (isFresh) await session.startOver(lesson);
	if (lesson.fault) await session.inject(lesson);
}

let due;
function tell() {
	due ??= setTimeout(tellNow, 250);
}
async function tellNow() {
	clearTimeout(due);
	due = undefined;
	await post({ page: PAGES['./'], worker: STARTED, ...(await stateOf(session)) });
}
async function post(message) {
	for (const id of pages) {
		const page = await clients.get(id);
		if (page) page.postMessage(message);
		else pages.delete(id);
	}
}
