// `make forecast`: takes a manifest, prints a table of what faults cost, and what to change. It ends with 1 if a request
// was lost.

import { parseArgs } from 'node:util';
import { advise, describe } from '../forecast/findings.js';
import { faultsFor, forecast } from '../forecast/forecast.js';
import { component, loadDeployment, refuse } from './manifest.js';
import { commandOf } from '../forecast/patch.js';
import { labelOf, PROGRAM, programOf, QUESTIONS } from '../forecast/questions.js';

const options = Object.fromEntries(['name', ...QUESTIONS.map(({ name }) => name)].map((name) => [name, /** @type {const} */ ({ type: 'string' })]));
const USAGE = `make forecast MANIFEST=my.yaml ARGS="${Object.keys(options)
	.map((name) => `[--${name} …]`)
	.join(' ')}"`;

let values;
let positionals = [];
let program = PROGRAM;
try {
	({ values, positionals } = parseArgs({ options: { ...options, help: { type: 'boolean' } }, allowPositionals: true }));
	program = programOf(values, PROGRAM);
} catch ({ message }) {
	refuse(`${message} (${USAGE})`);
}
if (values.help) {
	console.log(USAGE);
	for (const { name, text, options } of QUESTIONS)
		console.log(
			`  --${name}  ${text} ${
				options
					? Object.entries(options)
							.map(([key, meaning]) => `${key}: ${meaning}`)
							.join('; ')
					: ''
			}`.trimEnd(),
		);
	process.exit();
}
const [path] = positionals;

let manifest;
try {
	manifest = loadDeployment(path, values.name);
} catch ({ message }) {
	refuse(`${path}: ${message}`);
}
const { name, namespace, names, objects, notes } = manifest;
if (names.length > 1 && !values.name) console.log(`Of ${names.length} Deployments, this is ${name}; for another: ARGS="--name ${names[1]}"`);
for (const note of notes) console.log(note);

/** A line of a table, as `make drill` prints it. */
const line = ([first, ...rest]) => console.log(first.padEnd(38) + rest.map((text) => String(text).padStart(12)).join(''));
const cell = (seconds) => (seconds === undefined ? '-' : `${seconds.toFixed(1)} s`);
const printRow = (/** @type {any} */ row) =>
	line([labelOf(row), ...[row.unready, row.replaced, row.ready].map(cell), row.sent, row.lost, row.bad, row.retried, row.refused]);

line(['fault', 'to unready', 'to replaced', 'to ready', 'sent', 'lost', 'bad', 'retried', 'refused']);
const subject = { objects, modules: await component(), program };
const rows = await forecast(subject, faultsFor(objects), printRow).catch(({ message }) => refuse(message));
process.exitCode = Number(rows.some(({ lost }) => lost));

console.log();
const { findings, patch, rest } = await advise(subject, rows);
for (const finding of findings) console.log(`- ${describe(finding).replaceAll('`', '')}\n`);
if (findings.length && rest.length) console.log(`No change was found that improves the rest: ${rest.map(labelOf).join(', ')}.\n`);
if (findings.length) console.log(commandOf({ namespace, name }, patch));
else if (process.exitCode) console.log('No change to the manifest was found that improves any of this.');
else console.log('Nothing is lost, if the program behaves as assumed (see ARGS=--help).');
