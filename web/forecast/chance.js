// Chance that is the same in each run: webernetes draws names, jitter and the order of events from Math.random.

/** When each cluster starts, in milliseconds: two runs differ by their seed alone. */
const EPOCH = Date.UTC(2026, 0, 1);

/** Makes Math.random of this thread a generator that starts from a seed (Mulberry32). */
export function seedChance(seed) {
	let state = Math.imul(seed, 0x9e3779b1);
	Math.random = () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

/** What `act` returns; for as long as it takes, it is the epoch. */
export function atEpoch(act) {
	const { now } = Date;
	Date.now = () => EPOCH;
	try {
		return act();
	} finally {
		Date.now = now;
	}
}
