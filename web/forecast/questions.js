// The questions about a program that its manifest does not answer.

import { MORE } from './program.js';

/**
 * How requests come; what it does on SIGTERM; how long it takes to start, and to start slowly; how long its slowest
 * answers take; how it breaks; how many requests it has room for at once, and what it does beyond that; how many come at
 * once in a burst; how long it takes until whoever routes requests has heard of a change; what its health check asks.
 * Times are in seconds. `dependency` is what all replicas depend on, while a forecast runs.
 * @typedef {{ health: string, dependency?: { isDown: boolean }, requests: string, term: string, start: number, slow: number, answer: number, breaks: string, most: number,
 *   beyond: string, burst: number, news: number }} Settings
 */

/** How many clients ask for what is answered at once, and how many for the slowest answers. */
export const CLIENTS = { quick: 4, slow: 9 };

/** How long a change takes to reach each route, in seconds: kube-proxy hears at once, most proxies reload. */
const NEWS = { service: 0.3, kept: 0.3, proxy: 1 };

/** What is asked: a number between two others, or one of several answers. The first three decide most. */
export const QUESTIONS = [
	{
		name: 'requests',
		text: 'How do requests come?',
		options: {
			service: 'through a Service alone, a new connection for each',
			proxy: 'through a proxy, such as an ingress or a gateway',
			kept: 'through a Service, over connections that clients keep (pools, HTTP/2, gRPC)',
		},
		usual: 'service',
	},
	{
		name: 'term',
		text: 'What does it do on SIGTERM?',
		options: { finishes: 'refuses new requests, and finishes those in flight', cuts: 'ends at once, and cuts requests in flight', ignores: 'ignores it' },
		usual: 'finishes',
	},
	{ name: 'start', text: 'How many seconds does it take to start?', least: 0, most: 3600, usual: 1 },
	{ name: 'slow', text: '… and on a busy node?', least: 0, most: 3600, usual: 20 },
	{ name: 'answer', text: 'How many seconds do its slowest answers take?', least: 0, most: 60, usual: 1 },
	{
		name: 'breaks',
		text: 'How does it break?',
		options: {
			unhealthy: 'its probes fail',
			wrong: 'its answers are bad, but its probes succeed',
			hangs: 'it hangs: nothing gets an answer',
			exits: 'it exits',
			slow: `it is slow: each answer takes ${MORE} s longer`,
		},
		usual: 'unhealthy',
	},
	{
		name: 'health',
		text: 'What does its health check cover?',
		options: { itself: 'the program alone', dependency: 'its dependencies, too, such as a database' },
		usual: 'itself',
	},
	{ name: 'most', text: 'How many requests can a replica handle at once?', least: 1, most: 100_000, usual: 100 },
	{
		name: 'beyond',
		text: 'What does it do with more?',
		options: { queues: 'it queues them', 503: 'it answers 503', 500: 'it answers 500' },
		usual: 'queues',
	},
	{ name: 'burst', text: 'How many requests come at once in a burst?', least: 1, most: 10_000, usual: 2 * (CLIENTS.quick + CLIENTS.slow) },
	{ name: 'news', text: 'How many seconds does it take until kube-proxy, or your proxy, knows that a pod has come or gone?', least: 0, most: 600 },
];

/** The setting that an answer in text means. Throws what the answer is not. @param {any} question */
export function settingOf({ options, least = 0, most = 0 }, answer) {
	if (options && !Object.hasOwn(options, answer)) throw new Error(`is not one of ${Object.keys(options).join(', ')}`);
	if (options) return String(answer);
	const value = String(answer).trim() ? Number(answer) : Number.NaN;
	if (!(value >= least && value <= most)) throw new Error(`is not a number from ${least} to ${most}`);
	return value;
}

/**
 * Settings from answers in text. Throws which of them makes no sense.
 * @param {Record<string, any>} answers by the names of the questions
 * @param {Partial<Settings>} [defaults] where they differ from what is usual
 * @returns {Settings}
 */
export function settingsOf(answers, defaults = {}) {
	const read = (question) => {
		const { name, usual } = question;
		const answer = answers[name] ?? '';
		if (answer === '') return defaults[name] ?? usual;
		try {
			return settingOf(question, answer);
		} catch ({ message }) {
			throw new Error(`${name}: ${answer} ${message}`);
		}
	};
	const settings = Object.fromEntries(QUESTIONS.map((question) => [question.name, read(question)]));
	return /** @type {any} */ ({ ...settings, news: settings.news ?? NEWS[settings.requests] });
}
