// Bundles the forecast into one file that needs Node.js 20 and nothing else, puts it into a package, and lists the packages
// that are in it: target/forecast.mjs, target/package, and target/forecast.cdx.json. scripts/forecast runs it, in the
// repository's folder.

import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const FILE = 'target/forecast.mjs';
const PACKAGE = 'target/package';
const NAME = 'spin-on-k8s-forecast';
const LICENSE = 'Apache-2.0';
const OLDEST = 20;

const [, version = ''] = /^version = "(.*)"/m.exec(readFileSync('Cargo.toml', 'utf8')) ?? [];

/** What the file says first. Node.js 20 lacks one function that is used here and in webernetes. */
const START = `#!/usr/bin/env node
/*! ${NAME} ${version}, https://www.apache.org/licenses/LICENSE-2.0

It contains webernetes, under the same licence. Its notice:

${readFileSync('web/node_modules/@ngrok/webernetes/NOTICE', 'utf8').trim()}

It contains yaml, under this licence:

${readFileSync('web/node_modules/yaml/LICENSE', 'utf8').trim()}
*/
if (Number.parseInt(process.versions.node) < ${OLDEST}) {
	console.error('forecast: this needs Node.js ${OLDEST} or newer, but this is ' + process.versions.node);
	process.exit(2);
}
Promise.withResolvers ??= function () {
	const it = {};
	it.promise = new this((resolve, reject) => Object.assign(it, { resolve, reject }));
	return it;
};`;

const { metafile } = await build({
	bundle: true,
	minify: true,
	format: 'esm',
	// Not for Node.js: yaml has a build for that which asks for modules at run time.
	platform: 'neutral',
	mainFields: ['module', 'main'],
	external: ['node:*', 'buffer', 'events'],
	target: `node${OLDEST}`,
	legalComments: 'none',
	banner: { js: START },
	define: { VERSION: JSON.stringify(version) },
	logLevel: 'warning',
	entryPoints: ['web/node/forecast.js'],
	outfile: FILE,
	metafile: true,
});

rmSync(PACKAGE, { recursive: true, force: true });
mkdirSync(PACKAGE);
copyFileSync(FILE, `${PACKAGE}/forecast.mjs`);
copyFileSync('LICENSE', `${PACKAGE}/LICENSE`);
const about = {
	name: NAME,
	version,
	description: 'Forecasts what faults would cost the users of a Deployment, and what to change',
	license: LICENSE,
	type: 'module',
	bin: 'forecast.mjs',
	engines: { node: `>=${OLDEST}` },
};
writeFileSync(`${PACKAGE}/package.json`, `${JSON.stringify(about, undefined, 2)}\n`);
// Whatever the umask is, since the package holds modes.
for (const [file, mode] of Object.entries({ 'forecast.mjs': 0o755, LICENSE: 0o644, 'package.json': 0o644 })) chmodSync(`${PACKAGE}/${file}`, mode);

/** A package of npm, as CycloneDX describes it. */
function componentOf(name) {
	const { version, license } = JSON.parse(readFileSync(`web/node_modules/${name}/package.json`, 'utf8'));
	const { integrity } = locked[`node_modules/${name}`];
	const content = Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex');
	const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
	return { type: 'library', 'bom-ref': purl, name, version, hashes: [{ alg: 'SHA-512', content }], licenses: [{ license: { id: license } }], purl };
}
const { packages: locked } = JSON.parse(readFileSync('web/package-lock.json', 'utf8'));
const names = Object.keys(metafile.inputs).flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
const bill = {
	bomFormat: 'CycloneDX',
	specVersion: '1.5',
	version: 1,
	metadata: { component: { type: 'application', 'bom-ref': NAME, name: NAME, version, licenses: [{ license: { id: LICENSE } }] } },
	components: [...new Set(names)].sort().map(componentOf),
};
writeFileSync('target/forecast.cdx.json', `${JSON.stringify(bill, undefined, 2)}\n`);
