// A picture of cause and effect: a lane for each pod, its probes' answers as ticks, and to the same scale what users got.

import { MOMENT } from '../forecast/recorder.js';
import { make } from './dom.js';

const NS = 'http://www.w3.org/2000/svg';
/** Sizes in the picture's own unit: of the whole, of the names, of a lane, and of what users got. */
const WIDTH = 800;
const NAMES = 56;
const LANE = 22;
const USERS = 44;
const AXIS = 16;
/** With more pods than this, those that nothing happens to have no lane. */
const MANY = 12;

const svg = (tag, attributes, ...children) => {
	const element = document.createElementNS(NS, tag);
	for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
	element.append(...children);
	return element;
};

/** What tells a pod from its siblings. */
const shortOf = (name) => name.slice(name.lastIndexOf('-') + 1);

/** The kinds of answers, from the worst. */
const KINDS = { lost: 'lost', refused: 'refused', bad: 'from a broken replica', good: 'good' };

/** Runs of moments in which a pod was in the same state: that, the first moment, and the one after the last. */
function runsOf(moments, name, read) {
	const runs = [];
	for (const [index, { pods }] of moments.entries()) {
		const pod = pods.find((it) => it.name === name);
		const value = pod && read(pod);
		const last = runs.at(-1);
		if (last && last.value === value) last.to = index + 1;
		else runs.push({ value, from: index, to: index + 1 });
	}
	return runs.filter(({ value }) => value);
}

/** A moment in words; `at` is when the fault was injected. */
function describe({ at, pods, ...counts }, injected) {
	const when = injected === undefined ? new Date(at).toLocaleTimeString() : `${((at - injected) / 1000).toFixed(1)} s`;
	const lanes = pods.map(({ name, state, isEndpoint, probes }) => {
		const said = probes.length ? `, probe ${probes.map((isGood) => (isGood ? 'ok' : 'failed')).join(', ')}` : '';
		return `${shortOf(name)} ${state}${isEndpoint ? '' : ', gets no requests'}${said}`;
	});
	const users = Object.keys(KINDS)
		.filter((kind) => counts[kind])
		.map((kind) => `${counts[kind]} ${KINDS[kind]}`);
	return `${when}: ${lanes.join('; ') || 'no pods'}. Answers: ${users.join(', ') || 'none'}.`;
}

/**
 * What is drawn: moments, when a fault was injected, if at all, and how wide a moment is.
 * @typedef {{ moments: Moment[], injected: number | undefined, width: number }} View
 * @typedef {import('../forecast/recorder.js').Moment} Moment
 */

/** Where a moment begins. @param {View} view */
const xOf = ({ width }, index) => NAMES + index * width;

/** Seconds, every five. @param {View} view */
function axisOf(view, height) {
	const { moments, injected } = view;
	const start = injected ?? moments[0]?.at;
	return moments.flatMap(({ at }, index) => {
		const second = Math.round((at - MOMENT - start) / MOMENT) / 2;
		if (second % 5) return [];
		const x = xOf(view, index);
		return [svg('text', { x, y: 11, class: 'axis' }, `${second} s`), svg('path', { d: `M${x} ${AXIS}V${height}`, class: 'grid' })];
	});
}

/** A pod's lane: its name, its states, its probes' answers, and when it got requests. @param {View} view */
function laneOf(view, name, y) {
	const { moments } = view;
	const states = runsOf(moments, name, ({ state }) => state).flatMap(({ value, from, to }) => {
		const [x, width] = [xOf(view, from), (to - from) * view.width];
		const box = svg('rect', { x, y: y + 4, width, height: LANE - 8, class: `state ${value.replace(' ', '-')}` });
		return width > value.length * 6.5 ? [box, svg('text', { x: x + 3, y: y + 15, class: 'state' }, value)] : [box];
	});
	const endpoint = runsOf(moments, name, ({ isEndpoint }) => isEndpoint).map(({ from, to }) =>
		svg('path', { d: `M${xOf(view, from)} ${y + LANE - 3}H${xOf(view, to)}`, class: 'endpoint' }),
	);
	const probes = moments.flatMap(({ pods }, index) => {
		const answers = pods.find((it) => it.name === name)?.probes ?? [];
		return answers.map((isGood, turn) => {
			const x = xOf(view, index + (turn + 1) / (answers.length + 1));
			return svg('path', isGood ? { d: `M${x} ${y + 1}v4`, class: 'probe' } : { d: `M${x - 2} ${y}l4 6m0 -6l-4 6`, class: 'probe failed' });
		});
	});
	return [svg('text', { x: 0, y: y + 14 }, shortOf(name)), ...states, ...endpoint, ...probes];
}

/** What users got: good answers above the line, the others below. @param {View} view */
function usersOf(view, base) {
	const { moments } = view;
	const most = Math.max(1, ...moments.map(({ good, bad, refused, lost }) => Math.max(good, bad + refused + lost)));
	const bars = moments.flatMap((moment, index) => {
		let down = base;
		return Object.keys(KINDS)
			.filter((kind) => moment[kind])
			.map((kind) => {
				const height = (moment[kind] / most) * (USERS - 4);
				const y = kind === 'good' ? base - height : down;
				if (kind !== 'good') down += height;
				return svg('rect', { x: xOf(view, index) + 0.5, y, width: Math.max(view.width - 1, 0.5), height, class: kind });
			});
	});
	const line = svg('path', { d: `M${NAMES} ${base}H${WIDTH}`, class: 'grid' });
	return [...bars, line, svg('text', { x: 0, y: base - 4 }, 'good'), svg('text', { x: 0, y: base + 12 }, 'not')];
}

/** All of it, and the cursor as its last element. */
function draw(moments, injected, width) {
	const view = { moments, injected, width };
	const all = [...new Set(moments.flatMap(({ pods }) => pods.map(({ name }) => name)))];
	const isIdle = (name) => moments.every(({ pods }) => pods.find((it) => it.name === name)?.state === 'ready');
	const names = all.length > MANY ? all.filter((name) => !isIdle(name)) : all;
	const idle = all.length - names.length;
	const bottom = AXIS + (names.length + Number(idle > 0)) * LANE;
	const height = bottom + USERS * 2;
	const drawing = svg(
		'svg',
		{ viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'aria-label': `${all.length} pods over ${Math.round(moments.length / 2)} seconds` },
		...axisOf(view, height),
		...names.flatMap((name, lane) => laneOf(view, name, AXIS + lane * LANE)),
		...usersOf(view, bottom + USERS),
	);
	if (idle) drawing.append(svg('text', { x: NAMES, y: bottom - 8 }, `and ${idle} pods that were ready all the time`));
	if (injected !== undefined && moments.length) {
		const x = xOf(view, (injected - moments[0].at) / MOMENT + 1);
		drawing.append(svg('path', { d: `M${x} ${AXIS - 2}V${height}`, class: 'injected' }));
	}
	drawing.append(svg('path', { class: 'cursor' }));
	return drawing;
}

export class Picture {
	#figure;
	#slider = make('input', { type: 'range', min: '0', ariaLabel: 'Moment' });
	#said = make('output', {});
	#moments = [];
	#injected;
	#width = 1; // of a moment

	/** @param {HTMLElement} figure where it is drawn */
	constructor(figure) {
		this.#figure = figure;
		this.#slider.oninput = () => this.#point();
		figure.append(svg('svg', {}), this.#slider, this.#said);
		figure.onpointermove = ({ target, clientX }) => {
			const drawing = /** @type {Element} */ (target).closest('svg');
			if (!drawing || !this.#moments.length) return;
			const { left, width } = drawing.getBoundingClientRect();
			const x = ((clientX - left) / width) * WIDTH;
			this.#slider.value = String(Math.floor((x - NAMES) / this.#width));
			this.#point();
		};
	}

	/**
	 * Draws moments.
	 * @param {Moment[]} moments
	 * @param {number} [injected] when a fault was injected
	 * @param {number} [least] how many moments there is to be room for
	 */
	show(moments, injected = undefined, least = 0) {
		this.#moments = moments;
		this.#injected = injected;
		this.#width = (WIDTH - NAMES) / Math.max(moments.length, least, 1);
		this.#figure.firstChild.replaceWith(draw(moments, injected, this.#width));
		this.#slider.max = String(Math.max(0, moments.length - 1));
		if (document.activeElement !== this.#slider && !this.#figure.matches(':hover')) this.#slider.value = this.#slider.max;
		this.#point();
	}

	#point() {
		const index = Number(this.#slider.value);
		const moment = this.#moments[index];
		if (!moment) return;
		const said = describe(moment, this.#injected);
		this.#slider.ariaValueText = said;
		if (this.#said.textContent !== said) this.#said.textContent = said;
		const drawing = this.#figure.firstChild;
		const [, , , height] = drawing.getAttribute('viewBox').split(' ');
		drawing.lastChild.setAttribute('d', `M${NAMES + (index + 0.5) * this.#width} ${AXIS}V${height}`);
	}
}
