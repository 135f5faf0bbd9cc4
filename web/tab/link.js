// What a link carries, in its fragment, which browsers send to no server: what a forecast depends on, compressed.

import { settingsOf } from '../forecast/questions.js';

/** The most that a link may unpack to, in bytes. */
const LONGEST = 1_000_000;

/**
 * What is forecast again wherever a link is opened: the manifest's model, the name of its Deployment, the answers that
 * were stated, by question, and the first seed.
 * @typedef {{ manifest: string, name: string, answers: Record<string, string>, seed: number }} Shared
 */

/** @param {Shared} shared @returns {Promise<string>} the fragment of a link to it */
export async function fragmentOf(shared) {
	const compressed = new Blob([JSON.stringify(shared)]).stream().pipeThrough(new CompressionStream('deflate-raw'));
	const bytes = new Uint8Array(await new Response(compressed).arrayBuffer());
	const fragment = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
	return fragment.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** @returns {Promise<Shared>} what a link's fragment carries; rejects anything else, and whatever is too long. */
export async function sharedIn(fragment) {
	const bytes = Uint8Array.from(atob(fragment.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
	const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
	const parts = [];
	let length = 0;
	for (let part = await reader.read(); !part.done; part = await reader.read()) {
		length += part.value.length;
		if (length > LONGEST) throw new Error('too long');
		parts.push(part.value);
	}
	const { manifest, name, answers, seed } = JSON.parse(await new Blob(parts).text());
	if (typeof manifest !== 'string' || typeof name !== 'string' || !Number.isSafeInteger(seed) || seed < 0) throw new Error('invalid');
	settingsOf(answers);
	return { manifest, name, answers, seed };
}
