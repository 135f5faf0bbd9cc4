// What a manifest itself says of its program: answers to the questions, as annotations of the Deployment.

import { refuse, say } from './parse.js';
import { QUESTIONS, settingOf, settingsOf } from './questions.js';

/** What the annotations begin with, as in `spin-on-k8s-forecast/term: cuts`: the name of the package, since no domain is ours. */
export const PREFIX = 'spin-on-k8s-forecast/';

/**
 * The answers, by the names of the questions. Throws which of them makes no sense, and where it stands.
 * @param {Record<string, string>} [annotations]
 * @returns {Record<string, string>}
 */
export function statedOf(annotations = {}) {
	const ours = Object.entries(annotations).filter(([key]) => key.startsWith(PREFIX));
	const answers = ours.map(([key, answer]) => {
		const name = key.slice(PREFIX.length);
		const path = `metadata.annotations[${say(key)}]`;
		const question = QUESTIONS.find((it) => it.name === name);
		if (!question) return refuse(path, `no question is called ${say(name)}; there are ${QUESTIONS.map((it) => it.name).join(', ')}`);
		try {
			settingOf(question, answer);
		} catch ({ message }) {
			refuse(path, `${say(answer)} ${message}`);
		}
		return [name, answer];
	});
	return Object.fromEntries(answers);
}

/**
 * The settings of a forecast, and where each comes from: an option, an annotation, the rest of the manifest, or the default.
 * @param {import('./manifest.js').Manifest} manifest
 * @param {Record<string, any>} given answers that win over those of the manifest; those that are empty are none
 */
export function assume({ stated, route }, given) {
	const options = Object.fromEntries(Object.entries(given).filter(([, answer]) => answer !== undefined && answer !== ''));
	const settings = settingsOf({ ...stated, ...options }, { requests: route });
	const sourceOf = (name) => {
		if (name in options) return 'option';
		if (name in stated) return 'annotation';
		return name === 'requests' && route !== 'service' ? 'manifest' : 'default';
	};
	return { settings, sources: Object.fromEntries(Object.keys(settings).map((name) => [name, sourceOf(name)])) };
}
