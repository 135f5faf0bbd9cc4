// The forecast as a user runs it: one file, and the package that has it. scripts/forecast builds both.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { markdownOf } from './markdown.js';
import { textOf } from './text.js';

const FILE = 'target/forecast.mjs';

const folder = mkdtempSync(join(tmpdir(), 'forecast-'));
after(() => rmSync(folder, { recursive: true }));

/** What a program says, and its exit code. */
async function run(program, args, input = '', options = {}) {
	const child = spawn(program, args, options);
	child.stdin.on('error', () => {}).end(input); // It need not read it.
	const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
	return { code, stdout, stderr };
}
const forecast = (args, input = '') => run(process.execPath, [FILE, ...args], input);

/** A Deployment whose pods may not share a node, so that few faults can be forecast. */
const small = (name, container = '', replicas = 1) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, annotations: { spin-on-k8s-forecast/term: finishes } }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            - { topologyKey: kubernetes.io/hostname, labelSelector: { matchLabels: { app: ${name} } } }
      containers: [{ name: ${name}, image: ${name}, ${container} }]
`;
const PROBE = '{ httpGet: { port: 80 }, periodSeconds: 3 }';
const PROBED = `ports: [{ containerPort: 80 }], readinessProbe: ${PROBE}, livenessProbe: ${PROBE}, lifecycle: { preStop: { sleep: { seconds: 2 } } }`;
/** What is added to a manifest to be one of several documents. */
const NEXT = '---\n';

test('a forecast is a summary, a table and what to change, in JSON, text and Markdown, and ends with 1 if a change helps', async () => {
	const { code, stderr, stdout } = await forecast(['-', '--output', 'json', '--answer', '0.2'], small('shop', PROBED));
	assert.deepEqual([code, stderr], [1, '']);
	const document = JSON.parse(stdout);
	const { version, result, seeds, deployments, idle } = document;
	assert.deepEqual([version, result, seeds, idle], [1, 'avoidable', [1, 2, 3, 4, 5], []]);
	const [{ name, assumptions, summary, rows, findings, together }] = deployments;
	assert.deepEqual(
		[name, assumptions.term, assumptions.answer, assumptions.start],
		['shop', { value: 'finishes', from: 'annotation' }, { value: 0.2, from: 'option' }, { value: 1, from: 'default' }],
	);
	assert.deepEqual(rows.map(({ fault }) => fault).slice(0, 2), ['control', 'fail']);
	for (const { harms, least, most, lost } of rows) assert.ok(harms.length === 5 && least.lost <= lost && lost <= most.lost);
	const [{ before, after, text: words }] = findings;
	assert.ok(after.lost < before.lost);
	assert.match(together.command, /^kubectl patch deployment shop --patch '\nspec:\n {2}replicas: 2\n/);

	const inOneLine = (lines) => lines.replace(/\s+/g, ' ');
	const [plain, markdown] = [textOf(document), markdownOf(document)];
	for (const said of [plain, markdown]) {
		for (const part of [summary, together.command, ...rows.map(({ label }) => label)]) assert.ok(inOneLine(said).includes(inOneLine(part)), `${part}: ${said}`);
	}
	assert.ok(inOneLine(plain).includes(`- ${words.replaceAll('`', '')} `));
	assert.ok(markdown.includes(`\n- ${words}\n`));
	assert.match(inOneLine(plain), / Assumed: .*term finishes \(annotation\), .*answer 0\.2 \(option\)/);
	for (const line of plain.split('\n')) assert.equal(line, line.trimEnd());
});

test('a manifest writes no Markdown of its own', () => {
	const [text] = ['`x` [y](//evil) <img src=x> @all **z** | `a`b` _c_'];
	const deployment = { name: 'shop', assumptions: {}, notes: [text], summary: '', rows: [] };
	const together = { command: "kubectl '\n````\n'", rows: [] };
	const said = markdownOf(/** @type {any} */ ({ deployments: [{ ...deployment, together }], idle: [] }));
	assert.ok(said.includes('\n- `x` \\[y\\](//evil) \\<img src=x\\> @<!-- -->all \\*\\*z\\*\\* \\| `a`b` _c_`\n'), said);
	assert.ok(said.includes("\n`````sh\nkubectl '\n````\n'\n`````\n"), said);
});

test('all Deployments of several files and of a folder are forecast, each with what belongs to it', async () => {
	writeFileSync(join(folder, 'b.yaml'), small('worker') + NEXT + small('old', PROBED, 0));
	writeFileSync(
		join(folder, 'a.json'),
		JSON.stringify({ kind: 'Service', metadata: { name: 'api' }, spec: { selector: { app: 'api' }, ports: [{ port: 80, targetPort: 'gone' }] } }),
	);
	writeFileSync(join(folder, 'notes.txt'), 'no manifest');
	const api = join(folder, 'api.txt');
	writeFileSync(api, small('api'));
	const { code, stdout, stderr } = await forecast([folder, api]);
	assert.deepEqual([code, stderr], [0, '']);
	const [summary] = stdout.replace(/\n(?!\w+: )/g, ' ').split('\n  ');
	assert.match(summary, /^worker: Nothing sends it requests: .*\napi: The Service reaches none of its ports: .*\nold: It runs no pods, /);
	assert.match(stdout, /\n\nworker\n======\n.*\n\napi\n===\n/s);
	const one = await forecast([folder, api, '--name', 'api', '--output', 'json']);
	assert.deepEqual(
		JSON.parse(one.stdout).deployments.map(({ name, rows }) => [name, rows]),
		[['api', []]],
	);
});

test('a change is compared with the same seeds, and ends with 1 if users are worse off; the package says the same, without what is newer than Node.js 20', async () => {
	const [one, two] = [1, 2].map((replicas) => join(folder, `${replicas}.txt`));
	writeFileSync(one, small('shop', PROBED));
	writeFileSync(two, small('renamed', PROBED, 2));
	const worse = await forecast([one, '--against', two]);
	assert.deepEqual([worse.code, worse.stderr], [1, '']);
	assert.match(worse.stdout, /^Users are worse off under \d faults\.\n/);
	assert.match(worse.stdout, /\n- Worse: A replica that exits loses \d+ \(\d+–\d+\) of \d+ requests; before the change, \d+ /);

	const env = { ...process.env, PATH: `${process.cwd()}/target/venv/bin:${process.env.PATH}`, npm_config_registry: 'http://127.0.0.1:1' };
	const packed = await run('npm', ['pack', '--silent', '--pack-destination', folder, './target/package'], '', { env });
	const empty = mkdtempSync(join(folder, 'empty-'));
	const installed = await run('npm', ['install', '--offline', '--no-audit', '--no-fund', join('..', packed.stdout.trim())], '', { env, cwd: empty });
	assert.equal(installed.code, 0, installed.stderr);
	const newer = ['Promise.withResolvers', 'Promise.try', 'URL.parse', 'Array.fromAsync', 'Object.groupBy', 'Map.groupBy', 'Set.prototype.union', 'Iterator'];
	const deleted = newer.map((name) => `delete ${name.includes('.') ? name : `globalThis.${name}`}`).join(';');
	const old = { ...env, NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(deleted)}` };
	assert.deepEqual(await run('node_modules/.bin/spin-on-k8s-forecast', [one, '--against', two], '', { env: old, cwd: empty }), worse);

	const same = JSON.parse((await forecast([one, '--against', one, '--output', 'json'])).stdout);
	assert.deepEqual([same.result, same.deployments[0].changes, same.deployments[0].before], ['good', [], same.deployments[0].rows]);
	const { stdout } = await forecast(['--version']);
	assert.ok(packed.stdout.includes(`-${stdout.trim()}.tgz`) && readFileSync('Cargo.toml', 'utf8').includes(`version = "${stdout.trim()}"`));
});

test('the file is small', () => {
	const { length } = gzipSync(readFileSync(FILE), { level: 9 });
	assert.ok(length < 250_000, `${length} bytes`);
});

test('a reader that leaves is no error', async () => {
	const child = spawn(process.execPath, [FILE, '-', '--output', 'json']);
	child.stdout.destroy();
	child.stdin.end(small('worker'));
	const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
	assert.deepEqual([stderr, code], ['', 0]);
});

test('what makes no sense is refused in one line', async () => {
	const manifest = small('shop', PROBED);
	for (const [args, input, said] of /** @type {[string[], string, RegExp][]} */ ([
		[[], '', /^forecast: name a manifest: /],
		[['/nowhere.yaml'], '', /^forecast: \/nowhere\.yaml: there is no such file or folder$/],
		[['/no\u001b[31m'], '', /^forecast: \/no\\u001b\[31m: there is no such file or folder$/],
		[['src'], '', /^forecast: src: it contains no Deployment/],
		[['web/node'], '', /^forecast: web\/node: there is no \*\.yaml, \*\.yml or \*\.json in this folder$/],
		[['k8s/ingress.yaml'], '', /^forecast: k8s\/ingress\.yaml: it contains no Deployment, only Ingress$/],
		[['-', '--against', '-'], '', /^forecast: standard input \(-\) can be read only once$/],
		[['-', 'k8s'], 'a: [', /^forecast: -: line 1: /],
		[['-'], 'kind: Deployment', /^forecast: -: apiVersion/],
		[['-'], manifest + NEXT + manifest.replaceAll('shop', 'mall').replace('80', '99999'), /^forecast: -: Deployment mall: spec\.template\./],
		[
			['-'],
			manifest.replace('term: finishes', 'term: "\\e[1m"'),
			/^forecast: -: metadata\.annotations\["spin-on-k8s-forecast\/term"\]: "\\u001b\[1m" is not one of /,
		],
		[['-', '--name', 'other'], manifest, /^forecast: -: there is no Deployment called "other"; found: shop$/],
		[['-', '--start', 'soon'], manifest, /^forecast: start: soon is not a number from 0 to 3600$/],
		[['-', '--term', 'waits'], manifest, /^forecast: term: waits is not one of finishes, cuts, ignores$/],
		[['-', '--seed', '1.5'], manifest, /^forecast: seed: 1\.5 is not a whole number$/],
		[['-', '--output', 'xml'], manifest, /^forecast: output: xml is not one of text, json, markdown$/],
		[['-', '--nodes', '3'], manifest, /^forecast: Unknown option '--nodes'/],
		[['-'], manifest.replace('name: shop,', 'name: Spin_on,'), /^forecast: -: metadata\.name: Invalid value: "Spin_on": /],
	])) {
		const { code, stdout, stderr } = await forecast(args, input);
		assert.deepEqual([code, stdout, stderr.split('\n').length], [2, '', 2], `${args}: ${stdout}${stderr}`);
		assert.match(stderr.trimEnd(), said);
	}
});
