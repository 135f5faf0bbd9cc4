// The options of a forecast.

import { parseArgs } from 'node:util';
import { QUESTIONS, settingsOf } from '../forecast/questions.js';
import { PREFIX } from '../forecast/stated.js';

export const OUTPUTS = ['text', 'json', 'markdown'];

const TEXT = /** @type {const} */ ({ type: 'string' });
const FLAG = /** @type {const} */ ({ type: 'boolean' });
/** @type {Record<string, typeof TEXT>} */
const ANSWERS = Object.fromEntries(QUESTIONS.map(({ name }) => [name, TEXT]));
const OPTIONS = { name: TEXT, seed: TEXT, output: TEXT, against: TEXT, help: FLAG, version: FLAG };

/** What each option means. */
export function help() {
	const answersOf = (options) => Object.entries(options).map(([key, meaning]) => `      ${key}: ${meaning}`);
	const questions = QUESTIONS.flatMap(({ name, text, options, least, most, usual }) => [
		`  --${name} ${options ? `${Object.keys(options).join('|')}` : 'NUMBER'}`,
		`      ${text}${options ? '' : ` From ${least} to ${most}.`}${usual === undefined ? '' : ` By default: ${usual}.`}`,
		...(options ? answersOf(options) : []),
	]);
	return `forecast FILE|FOLDER|- … [OPTIONS]

Forecasts what faults would cost the users of a Deployment, and tries what would help. It needs Node.js and nothing else.

  helm template . | node forecast.mjs -
  node forecast.mjs deployment.yaml service.yaml
  node forecast.mjs new.yaml --against old.yaml

Several files count as one manifest, and a folder stands for each *.yaml, *.yml and *.json directly in it.

  --name NAME           only this Deployment; otherwise all that run pods
  --against FILE        compare with this manifest (a file, a folder or -), with the same seeds
  --output ${OUTPUTS.join('|')}
  --seed NUMBER         the first of five seeds: 1

About your program, or as annotations of the Deployment, such as ${PREFIX}term: cuts
(options win over annotations, and annotations over defaults; quote numbers in annotations):

${questions.join('\n')}

Exit codes: 0 if no change would avoid a loss, 1 if one would, and 2 if there is no forecast, for a reason that it says in
one line. With --against: 0 if users are not worse off, and 1 if they are.`;
}

/** The options and paths of the command line. Throws what makes no sense. */
export function parse() {
	const { values, positionals: paths } = parseArgs({ options: { ...ANSWERS, ...OPTIONS }, allowPositionals: true });
	const { name, seed: first = '1', output = 'text', against, help, version, ...given } = /** @type {Record<string, any>} */ (values);
	const seed = Number(first);
	if (!Number.isInteger(seed) || seed < 0) throw new Error(`seed: ${first} is not a whole number`);
	if (!OUTPUTS.includes(output)) throw new Error(`output: ${output} is not one of ${OUTPUTS.join(', ')}`);
	settingsOf(given);
	if (!paths.length && !help && !version) throw new Error('name a manifest: a file, a folder, or - for standard input');
	if ([...paths, against].filter((path) => path === '-').length > 1) throw new Error('standard input (-) can be read only once');
	return { name, seed, output, against, paths, given, isHelp: help, isVersion: version };
}
