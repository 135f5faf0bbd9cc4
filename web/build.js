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

const texts = Object.fromEntries(['deployment', 'service', 'ingress'].map((name) => [`${name}.yaml`, readFileSync(`k8s/${name}.yaml`, 'utf8')]));
const objects = Object.values(texts).flatMap((text) => Array.from(parseAllDocuments(text), (document) => document.toJS()));
await writeFile('target/manifests.json', JSON.stringify({ texts, objects }));

const options = /** @type {const} */ ({ bundle: true, minify: true, format: 'esm', target: 'esnext', outdir: OUT, metafile: true, logLevel: 'warning' });
const core = Object.keys(files).filter((file) => file.endsWith('.wasm'));
const { metafile } = await build({
	...options,
	entryPoints: [...['page.js', 'start.js', 'style.css'].map((file) => `web/${file}`), ...core.map((file) => `${COMPONENT}/${file}`)],
	entryNames: '[name]-[hash]',
	loader: { '.wasm': 'copy' },
});
/** The names of the files by what they were made from. */
const names = Object.fromEntries(Object.entries(metafile.outputs).map(([path, { inputs }]) => [basename(Object.keys(inputs).at(-1) ?? ''), basename(path)]));
const html = readFileSync('web/index.html', 'utf8').replace(/"(page\.js|start\.js|style\.css)"/g, (_, file) => `"${names[file]}"`);
await writeFile(`${OUT}/index.html`, html);

await build({
	...options,
	entryPoints: ['web/worker.js'],
	define: {
		PAGE: JSON.stringify(names['page.js']),
		FILES: JSON.stringify(Object.values(names)),
		MODULES: JSON.stringify(Object.fromEntries(core.map((file) => [file, names[file]]))),
		MARKER: JSON.stringify('spin-on-k8s: a cluster in a tab'),
	},
});

// Whatever the umask is, a web server may read them.
await chmod(OUT, 0o755);
for (const file of await readdir(OUT)) await chmod(`${OUT}/${file}`, 0o644);
