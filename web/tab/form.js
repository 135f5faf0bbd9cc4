// The form of the forecast. A field that is left alone is empty, and means what the manifest says, or what is usual.

import { QUESTIONS, settingsOf } from '../forecast/questions.js';
import { $, make } from './dom.js';

/** How many questions stand in sight: the first, which decide most. */
const IN_SIGHT = 3;
const FIRST_SEED = 1;

export const form = $('form');
const { elements } = form;

/** @param {any} question */
function fieldOf({ name, options, least, most }) {
	// Whatever is handled or sent is counted in whole requests.
	if (!options) return make('input', { type: 'number', name, min: least, max: most, step: least ? 1 : 'any' });
	const choices = Object.entries(options).map(([value, meaning]) => make('option', { value }, meaning));
	return make('select', { name }, make('option', { value: '' }), ...choices);
}

/** Shows what is assumed where nothing is stated. @param {import('../forecast/questions.js').Settings} [settings] as found of a manifest */
export function showUsual(settings) {
	const usual = settingsOf({});
	for (const { name, options } of QUESTIONS) {
		const field = elements[name];
		const value = settings && field.value === '' ? settings[name] : usual[name];
		if (!options) field.placeholder = value;
		else field.options[0].textContent = name === 'requests' && !settings ? 'as the manifest says' : `${options[value]} (assumed)`;
	}
	summarize();
}

/** Says in a line what stands in the fields that are out of sight. */
export function summarize() {
	const [answer, most] = ['answer', 'most'].map((name) => elements[name].value || elements[name].placeholder);
	$('#program summary').textContent = `About your program: ${most} requests at once, each within ${answer} s`;
}

/** The answers that are stated, by question. @returns {Record<string, string>} */
export const answers = () => Object.fromEntries(QUESTIONS.map(({ name }) => [name, elements[name].value]).filter(([, answer]) => answer !== ''));
/** The first seed. */
export const seed = () => Number(elements.seed.value || FIRST_SEED);

/** Fills the form with what a link carries. @param {import('./link.js').Shared} shared */
export function fill({ manifest, name, answers, seed }) {
	for (const { name } of QUESTIONS) elements[name].value = answers[name] ?? '';
	elements.seed.value = seed === FIRST_SEED ? '' : seed;
	elements.manifest.value = manifest;
	elements.old.value = '';
	showNames(name ? [name] : [], name);
	showUsual();
}

/** Shows which Deployments there are, if one can choose. @param {string[]} names */
export function showNames(names, chosen = '') {
	elements.name.replaceChildren(...names.map((it) => make('option', { value: it, selected: it === chosen }, it)));
	$('#which').hidden = names.length < 2;
}

for (const [index, question] of QUESTIONS.entries()) {
	const label = make('label', {}, question.text, fieldOf(question));
	if (index < IN_SIGHT) $('#questions').append(label);
	else $('#seed').before(label);
}
elements.seed.placeholder = FIRST_SEED;
showUsual();
// A field that is wrong has to be in sight.
form.addEventListener('invalid', () => $('#program').setAttribute('open', ''), true);
