// The terms of a forecast: its faults, and what no manifest says of a program.

/** The faults of a forecast, and what it calls them. */
export const FAULTS = {
	restart: 'A rollout',
	broken: 'A rollout of a broken version',
	fail: 'A replica that breaks',
	quit: 'A replica that exits',
	slow: 'A rollout of a slow version',
	burst: 'A burst of requests',
	scale: 'Scaling down',
	delete: 'A deleted pod',
};

/** What a forecast calls the fault of a row. */
export const labelOf = ({ fault, replicas }) => (fault === 'scale' ? `${FAULTS.scale} to ${replicas}` : FAULTS[fault]);

/**
 * How long it takes to start, and to start slowly; how long its slowest answers take; how long it takes until whoever
 * sends requests has heard of a change (all in seconds); how many requests it has room for at once, unless the manifest
 * says so; what it does on SIGTERM; and how it breaks.
 * @typedef {{ start: number, slow: number, answer: number, news: number, most: number, term: string, breaks: string }} Settings
 */

/** Those of the component. @type {Settings} */
export const COMPONENT = { start: 0, slow: 20, answer: 5, news: 1, most: 100, term: 'cuts', breaks: 'unhealthy' };

/** What a forecast assumes: most programs take a second to start. @type {Settings} */
export const PROGRAM = { ...COMPONENT, start: 1 };

/** How much longer the answers of a program take that has become slow, in seconds. */
export const MORE = 10;

/** How long a moment of the picture is, in milliseconds. */
export const MOMENT = 500;

/** What is asked of a program: a number between two others, or one of several answers. */
export const QUESTIONS = [
	{ name: 'start', text: 'How many seconds does it take to start?', least: 0, most: 600 },
	{ name: 'slow', text: 'And when it starts slowly, as on a busy node?', least: 0, most: 600 },
	{ name: 'answer', text: 'How many seconds do its slowest answers take?', least: 0, most: 60 },
	{ name: 'news', text: 'How many seconds does it take until every proxy knows that a pod has come or gone?', least: 0, most: 60 },
	{ name: 'most', text: 'How many requests can a replica handle at once?', least: 1, most: 100_000 },
	{
		name: 'term',
		text: 'What does it do on SIGTERM?',
		options: { cuts: 'ends at once, and cuts requests in flight', finishes: 'refuses new requests, and finishes those in flight', ignores: 'ignores it' },
	},
	{
		name: 'breaks',
		text: 'How does it break?',
		options: {
			unhealthy: 'its probes notice: they fail',
			wrong: 'its answers are wrong, but its probes succeed',
			hangs: 'it hangs: nothing gets an answer',
			exits: 'it exits',
			slow: `it is slow: each answer takes ${MORE} s longer`,
		},
	},
];

/**
 * Settings from answers in text. Throws which of them makes no sense.
 * @param {Record<string, any>} answers by the names of the questions
 * @param {Settings} defaults
 */
export function programOf(answers, defaults) {
	const entries = QUESTIONS.filter(({ name }) => (answers[name] ?? '') !== '').map(({ name, options, least = 0, most = 0 }) => {
		const answer = answers[name];
		if (options) {
			if (!Object.hasOwn(options, answer)) throw new Error(`${name}: ${answer} is none of ${Object.keys(options).join(', ')}`);
			return [name, answer];
		}
		const value = Number(answer);
		if (!(value >= least && value <= most)) throw new Error(`${name}: ${answer} is not a number from ${least} to ${most}`);
		return [name, value];
	});
	return { ...defaults, ...Object.fromEntries(entries) };
}
