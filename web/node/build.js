// Writes what browsers load into target/web: static files only, whose names say what is in them, but for index.html and
// worker.js. scripts/web runs it, in the repository's folder.

import { readFileSync } from 'node:fs';
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { transpile } from '@bytecodealliance/jco-transpile';
import { build } from 'esbuild';
import { parseAllDocuments } from 'yaml';

const OUT = 'target/web';
const COMPONENT = 'target/component';

for (const folder of [OUT, COMPONENT]) {
	await rm(folder, { recursive: true, force: true });
	await mkdir(folder, { recursive: true });
}

const { files } = await transpile('target/wasm32-wasip2/release/spin_on_k8s.wasm', {
	name: 'replica',
	instantiation: 'async',
	minify: true,
	wasiShim: false,
	nodejsCompat: false,
	emitTypescriptDeclarations: false,
	// Only this import suspends the component. The version is the one that jco gives the world's interfaces.
	asyncMode: 'jspi',
	asyncImports: ['wasi:io/poll@0.2.6#[method]pollable.block'],
	asyncExports: ['wasi:http/incoming-handler@0.2.0#handle'],
});
for (const [file, bytes] of Object.entries(files)) {
	await writeFile(`${COMPONENT}/${file}`, file.endsWith('.js') ? `// @ts-nocheck\n${Buffer.from(bytes)}` : bytes);
}

const texts = Object.fromEntries(
	['deployment', 'service', 'ingress', 'poddisruptionbudget'].map((name) => [`${name}.yaml`, readFileSync(`k8s/${name}.yaml`, 'utf8')]),
);
const objects = Object.values(texts).flatMap((text) => Array.from(parseAllDocuments(text), (document) => document.toJS()));
await writeFile('target/manifests.json', JSON.stringify({ texts, objects }));

/**
 * Bundles files into OUT under names that say what is in them.
 * @param {string[]} entryPoints
 * @param {Record<string, unknown>} define what they find as a global
 * @param {boolean} [splitting] whether they share what they have in common
 * @returns {Promise<Record<string, string>>} the names by what they were made from; without their hash, of what is shared
 */
async function bundle(entryPoints, define = {}, splitting = false) {
	const { metafile } = await build({
		bundle: true,
		minify: true,
		splitting,
		format: 'esm',
		target: 'esnext',
		outdir: OUT,
		metafile: true,
		logLevel: 'warning',
		entryPoints,
		entryNames: '[name]-[hash]',
		chunkNames: '[name]-[hash]',
		loader: { '.wasm': 'copy' },
		define: Object.fromEntries(Object.entries(define).map(([name, value]) => [name, JSON.stringify(value)])),
	});
	const outputs = Object.entries(metafile.outputs);
	return Object.fromEntries(
		outputs.map(([path, { inputs, entryPoint }]) => [basename(entryPoint ?? (path.endsWith('.wasm') ? Object.keys(inputs)[0] : path)), basename(path)]),
	);
}

const modules = await bundle(
	Object.keys(files)
		.filter((file) => file.endsWith('.wasm'))
		.map((file) => `${COMPONENT}/${file}`),
);
const { 'worker.js': worker, ...threads } = await bundle(['web/tab/worker.js', 'web/tab/forecaster.js'], { MODULES: modules }, true);
const pages = await bundle(
	['page.js', 'forecast.js', 'start.js', 'style.css'].map((file) => `web/tab/${file}`),
	{ FORECASTER: threads['forecaster.js'] },
);
for (const file of ['index.html', 'forecast.html']) {
	const html = readFileSync(`web/tab/${file}`, 'utf8');
	await writeFile(
		`${OUT}/${file}`,
		html.replace(/"([a-z-]+\.(?:js|css))"/g, (_, name) => `"${pages[name]}"`),
	);
}

// The service worker keeps its name, and lists all files, so it is written last.
const known = {
	FILES: Object.values({ ...modules, ...threads, ...pages }),
	PAGES: { './': pages['page.js'], 'forecast.html': pages['forecast.js'] },
	MARKER: 'spin-on-k8s: a cluster in a tab',
};
const lists = Object.entries(known).map(([name, value]) => `const ${name}=${JSON.stringify(value)};`);
await writeFile(`${OUT}/worker.js`, lists.join('') + readFileSync(`${OUT}/${worker}`, 'utf8'));
await rm(`${OUT}/${worker}`);

// Whatever the umask is, a web server may read them.
await chmod(OUT, 0o755);
for (const file of await readdir(OUT)) await chmod(`${OUT}/${file}`, 0o644);
