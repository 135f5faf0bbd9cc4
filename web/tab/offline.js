// The files of the tab, for when nobody serves them: whatever is served at this address now has the first say.

const ROOT = new URL(registration.scope);
// The files' names say what is in them, so another list is another cache. Others of this origin have caches, too.
const CACHE = `${ROOT}#${FILES.join()}`;
const TYPES = { js: /javascript/, css: /css/, wasm: /./ };

/** Gets a file from the server; throws why it is not what it should be. Nothing redirected, such as a login, is one. */
async function get(file) {
	const response = await fetch(file, { cache: 'no-cache' });
	const type = response.headers.get('content-type') ?? 'no type';
	if (!response.ok) throw new Error(`${file}: the server answers ${response.status}`);
	if (response.redirected) throw new Error(`${file}: the server redirects to ${response.url}`);
	if (!TYPES[file.split('.').pop()]?.test(type)) throw new Error(`${file}: the server calls it ${type}`);
	return response;
}

/** Gets a page under one of its names, if that is what is served there. */
async function getPage(page) {
	for (const name of page === './' ? [page, 'index.html'] : [page]) {
		const response = await fetch(name, { cache: 'no-cache' });
		if (response.ok && !response.redirected && (await response.clone().text()).includes(PAGES[page])) return response;
	}
}

/** Stores all files. Throws what is wrong with the first that cannot be stored. */
export async function store() {
	const cache = await caches.open(CACHE);
	await Promise.all(FILES.map(async (file) => cache.put(file, await get(file))));
	for (const name of Object.keys(PAGES)) {
		const page = await getPage(name);
		if (page) await cache.put(name, page);
	}
}

/** Removes what is stored, but for the files of one version: by default, of this one. */
export async function forgetOthers(kept = CACHE) {
	const others = (await caches.keys()).filter((name) => name.startsWith(`${ROOT}#`) && name !== kept);
	await Promise.all(others.map((name) => caches.delete(name)));
}

/** Gets a file whose name says what is in it. */
export async function load(file) {
	const cache = await caches.open(CACHE);
	return (await cache.match(file)) ?? get(file);
}

/**
 * Answers a request for a file. The server is asked past the browser's own cache, in which a file without Cache-Control
 * stays fresh for a tenth of its age; and not whether it has changed, since that of another site may only be older.
 */
export async function respond(request) {
	const file = request.url.slice(ROOT.href.length).replace(/[?#].*/, '');
	if (FILES.includes(file)) return load(file);
	try {
		return await fetch(request, { cache: 'reload' });
	} catch (error) {
		const page = request.mode === 'navigate' && (await (await caches.open(CACHE)).match(file in PAGES ? file : './'));
		if (!page) throw error;
		return page;
	}
}

/** Leaves the address to another site, if that is served there now. Where nobody answers, it stays. */
export async function giveWay() {
	const response = await fetch('worker.js', { cache: 'reload' }).catch(() => undefined);
	if (!response || response.status >= 500) return;
	if (response.ok && (await response.text()).includes(MARKER)) return;
	await registration.unregister();
	await forgetOthers('');
}
