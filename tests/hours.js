// Stands in for time and the network before the page's own script runs, so that the page lives hours in
// seconds, behind a proxy that distributes its requests: /?replicas=10&random&seed=1.

const query = new URLSearchParams(location.search);
const replicas = Array.from({ length: query.get('replicas') }, (_, i) => ({ name: `replica-${i + 1}` }));
const said = []; // every headline of the page
let time = 0; // ms
let turn = 0;
let seed = Number(query.get('seed'));

/** From 0 to 1 (mulberry32). */
function random() {
	let it = (seed = (seed + 0x6d2b79f5) | 0);
	it = Math.imul(it ^ (it >>> 15), it | 1);
	it ^= it + Math.imul(it ^ (it >>> 7), it | 61);
	return ((it ^ (it >>> 14)) >>> 0) / 2 ** 32;
}
const between = (least, most) => least + (most - least) * random();

const timers = [];
const after = (ms, act) => timers.push({ due: time + ms, act });
performance.now = () => time;
globalThis.setTimeout = (act, ms) => after(Math.max(ms, 0), act);
AbortSignal.timeout = () => undefined;

/** Lets time pass, event by event. A message comes only after all promises that an event has settled. */
async function pass(ms) {
	const [end, channel] = [time + ms, new MessageChannel()];
	for (;;) {
		const next = timers.reduce((a, b) => (b.due < a.due ? b : a));
		if (next.due > end) break;
		timers.splice(timers.indexOf(next), 1);
		time = next.due;
		next.act();
		await new Promise((settled) => { channel.port1.onmessage = settled; channel.port2.postMessage(0) });
	}
	time = end;
}

/** What the kubelet and the service make of a fault. */
function poison(replica, quit) {
	replica.poisoned = true;
	const [gone, replaced] = quit ? [between(0, 200), between(500, 3000)] : [between(1000, 7000), between(9000, 20000)];
	after(gone, () => { replica.out = true });
	after(replaced, () => { replica.poisoned = false });
	after(replaced + between(500, 3000), () => { replica.out = false });
}

/** Most answers come soon; some take so long that later ones overtake them. */
globalThis.fetch = (url, { method }) => new Promise((answered) => {
	const way = random() < 0.02 ? between(60, 900) : between(1, 30);
	after(way, () => {
		const ready = replicas.filter((replica) => !replica.out);
		const replica = ready[query.has('random') ? Math.floor(random() * ready.length) : turn++ % ready.length];
		if (method === 'POST') poison(replica, url.endsWith('/quit'));
		const status = !replica ? 502 : replica.poisoned && url.endsWith('/health') ? 500 : 200;
		const headers = new Headers(replica && { 'x-replica': replica.name });
		after(way, () => answered({ status, statusText: '', ok: status === 200, headers, text: async () => '' }));
	});
});

addEventListener('load', () => {
	document.querySelector('#lanes').style.display = 'none'; // it would be drawn sixty times a second
	const headline = document.querySelector('#live');
	const note = (changes) => said.push(...changes.map((change) => change.addedNodes[0].data));
	new MutationObserver(note).observe(headline, { childList: true });
});

/** Injects a fault, and waits until the page says that it is healed; returns what it said meanwhile. */
async function injectAndHeal(fault) {
	said.length = 0;
	document.querySelector(`[value=${fault}]`).click();
	document.querySelector('[value=yes]').click();
	while (!said.some((it) => it.includes('healed'))) await pass(1000);
	await pass(30000);
	return said.splice(0);
}
