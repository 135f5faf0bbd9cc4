// Writes the cluster in a tab into target/web: static files only. scripts/web runs it, in the repository's folder; it
// reads the Deployment as JSON from standard input.

import { transpile } from '@bytecodealliance/jco-transpile';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';

const OUT = 'target/web';
const PAGE = ['style.css', 'page.js', 'lessons.js', 'patch.js'];
const WORKER = ['worker.js', 'drill.js', 'service.js', 'kubelet.js', 'replica.js'];
const MANIFESTS = ['deployment', 'service', 'ingress'].map((name) => `k8s/${name}.yaml`);

await rm(OUT, { recursive: true, force: true });
await mkdir(`${OUT}/k8s`, { recursive: true });
await mkdir('target/component', { recursive: true });

// With other files, the service worker is another one.
const hash = createHash('sha256');
async function write(file, content) {
	hash.update(content);
	await writeFile(`${OUT}/${file}`, content);
}

for (const file of ['index.html', ...PAGE, ...WORKER]) await write(file, await readFile(`web/${file}`));
await write('manifest.js', `export default ${(await text(process.stdin)).trim()};\n`);
for (const file of MANIFESTS) await write(file, await readFile(file));

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
for (const [file, bytes] of Object.entries(files)) await writeFile(`target/component/${file}`, bytes);

// What the service worker caches; a browser keeps the worker itself. The folder is index.html.
const modules = Object.keys(files).filter((file) => file.endsWith('.wasm')).map((file) => `component/${file}`);
const list = ['./', ...PAGE, 'manifest.js', ...MANIFESTS, ...modules];
await writeFile(`${OUT}/files.js`, `export const VERSION = '${hash.digest('hex')}';\nexport const FILES = ${JSON.stringify(list)};\n`);
