// A picture of cause and effect: a lane for each pod, its probes' answers as ticks, and to the same scale what users got.

import { make } from './dom.js';
import { MOMENT } from '../forecast/questions.js';

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
	 * @param {import('../forecast/drill.js').Moment[]} moments
	 * @param {number} [injected] when a fault was injected
	 * @param {number} [least] how many moments there is to be room for
	 */
	show(moments, injected = undefined, least = 0) {
		this.#moments = moments;
		this.#injected = injected;
		const all = [...new Set(moments.flatMap(({ pods }) => pods.map(({ name }) => name)))];
		const isIdle = (name) => moments.every(({ pods }) => pods.find((it) => it.name === name)?.state === 'ready');
		const names = all.length > MANY ? all.filter((name) => !isIdle(name)) : all;
		const width = (WIDTH - NAMES) / Math.max(moments.length, least, 1);
		this.#width = width;
		const x = (index) => NAMES + index * width;
		const bottom = AXIS + (names.length + Number(all.length > names.length)) * LANE;
		const height = bottom + USERS * 2;
		const drawing = svg('svg', {
			viewBox: `0 0 ${WIDTH} ${height}`,
			role: 'img',
			'aria-label': `${all.length} pods over ${Math.round(moments.length / 2)} seconds`,
		});

		const start = injected ?? moments[0]?.at;
		for (const [index, { at }] of moments.entries()) {
			const second = Math.round((at - MOMENT - start) / MOMENT) / 2;
			if (second % 5 === 0)
				drawing.append(svg('text', { x: x(index), y: 11, class: 'axis' }, `${second} s`), svg('path', { d: `M${x(index)} ${AXIS}V${height}`, class: 'grid' }));
		}
		for (const [lane, name] of names.entries()) {
			const y = AXIS + lane * LANE;
			drawing.append(svg('text', { x: 0, y: y + 14 }, shortOf(name)));
			for (const { value, from, to } of runsOf(moments, name, ({ state }) => state)) {
				const length = (to - from) * width;
				drawing.append(svg('rect', { x: x(from), y: y + 4, width: length, height: LANE - 8, class: `state ${value.replace(' ', '-')}` }));
				if (length > value.length * 6.5) drawing.append(svg('text', { x: x(from) + 3, y: y + 15, class: 'state' }, value));
			}
			for (const { from, to } of runsOf(moments, name, ({ isEndpoint }) => isEndpoint)) {
				drawing.append(svg('path', { d: `M${x(from)} ${y + LANE - 3}H${x(to)}`, class: 'endpoint' }));
			}
			for (const [index, { pods }] of moments.entries()) {
				const probes = pods.find((it) => it.name === name)?.probes ?? [];
				for (const [turn, isGood] of probes.entries()) {
					const at = x(index) + ((turn + 1) * width) / (probes.length + 1);
					drawing.append(svg('path', isGood ? { d: `M${at} ${y + 1}v4`, class: 'probe' } : { d: `M${at - 2} ${y}l4 6m0 -6l-4 6`, class: 'probe failed' }));
				}
			}
		}
		if (all.length > names.length)
			drawing.append(svg('text', { x: NAMES, y: bottom - 8 }, `and ${all.length - names.length} pods that were ready all the time`));
		const most = Math.max(1, ...moments.map(({ good, bad, refused, lost }) => Math.max(good, bad + refused + lost)));
		const base = bottom + USERS;
		for (const [index, moment] of moments.entries()) {
			let down = base;
			for (const kind of Object.keys(KINDS)) {
				const size = (moment[kind] / most) * (USERS - 4);
				if (!size) continue;
				const isGood = kind === 'good';
				drawing.append(svg('rect', { x: x(index) + 0.5, y: isGood ? base - size : down, width: Math.max(width - 1, 0.5), height: size, class: kind }));
				if (!isGood) down += size;
			}
		}
		drawing.append(
			svg('path', { d: `M${NAMES} ${base}H${WIDTH}`, class: 'grid' }),
			svg('text', { x: 0, y: base - 4 }, 'good'),
			svg('text', { x: 0, y: base + 12 }, 'not'),
		);
		if (injected !== undefined && moments.length) {
			const where = x((injected - moments[0].at) / MOMENT + 1);
			drawing.append(svg('path', { d: `M${where} ${AXIS - 2}V${height}`, class: 'injected' }));
		}
		drawing.append(svg('path', { class: 'cursor' }));
		this.#figure.firstChild.replaceWith(drawing);
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
