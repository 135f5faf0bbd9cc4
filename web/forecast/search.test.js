// What the forecast says of manifests as people write them: which fields to change and no others, what else, and what never.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { after, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { forecast } from './forecast.js';
import { faultsFor, hintsFor, silenceOf } from './hints.js';
import { read, withPatch } from './manifest.js';
import { commandOf } from './patch.js';
import { Pool } from './pool.js';
import { describe } from './report.js';
import { Search } from './search.js';
import { assume } from './stated.js';

const FOLDERS = { samples: `${import.meta.dirname}/../samples`, cases: `${import.meta.dirname}/cases` };
const WORDS = /No probe asks whether the program works/;

/**
 * What is found in each manifest: the fields to change; what is answered to the questions; what has to be said, and what
 * must not be; or the words with which it is refused.
 * @type {Record<string, { fields?: string[], answers?: any, says?: RegExp[], never?: RegExp, refused?: RegExp }>}
 */
const FOUND = {
	'samples/chart.yaml': { fields: ['strategy'], says: [/minimum of 3 is forecast/] },
	'samples/dependency.yaml': {
		fields: ['livenessProbe'],
		says: [/restart 3 containers, .* liveness checks what the program depends on/, /With it, .* restarts nothing\./],
		never: /kubectl/,
	},
	'samples/drain.yaml': { says: [/PodDisruptionBudget sessions allows no eviction, so draining a node.* waits for ever/] },
	'samples/get.json': {},
	'samples/good.yaml': {},
	'samples/hasty.yaml': { fields: ['livenessProbe', 'replicas'], answers: { most: 10, burst: 100, answer: 3 } },
	'samples/no-pre-stop.yaml': { fields: ['preStop'], says: [/`sleep` needs Kubernetes 1\.30/] },
	'samples/no-probes.yaml': { fields: ['preStop', 'readinessProbe'], says: [WORDS], never: /\/health/ },
	'samples/recreate.yaml': { fields: ['strategy'] },
	'samples/seldom.yaml': { fields: ['readinessProbe'] },
	'samples/short-grace.yaml': { fields: ['terminationGracePeriodSeconds'], answers: { answer: 5 } },
	'samples/single.yaml': { fields: ['replicas'] },
	'samples/slow-start.yaml': { fields: ['startupProbe'] },
	'samples/tcp.yaml': { says: [WORDS], never: /httpGet/ },
	'cases/antiaffinity-default.yaml': {
		fields: ['livenessProbe'],
		says: [/Rollouts are not forecast: its pods may not share a node/],
		never: /A rollout (loses|costs)/,
	},
	'cases/crashloop.yaml': { fields: ['readinessProbe', 'startupProbe'], answers: { start: 90 }, says: [/never gets ready.*restarted while they start/] },
	'cases/deadline.yaml': { fields: ['livenessProbe', 'readinessProbe'], never: /never completes/ },
	'cases/exec-string.yaml': { refused: /containers\[0\]\.lifecycle\.preStop\.exec\.command: "sleep 10" is not a list/ },
	'cases/first-zero.yaml': { fields: ['preStop', 'readinessProbe'], says: [/patch deployment api /] },
	'cases/grpc.yaml': { fields: ['livenessProbe'], says: [/grpc: \{ port: 8080 \}/], never: /httpGet/ },
	'cases/hostport-recreate.yaml': { says: [/Recreate is right here, since its port 8443/, /second replica is not proposed/], never: /RollingUpdate/ },
	'cases/hpa.yaml': { says: [/Its minimum of 3 is forecast/], never: /replicas: / },
	'cases/istio.yaml': { fields: ['preStop', 'readinessProbe'], says: [/name: app\n/, /init container istio-init/], never: /never gets ready/ },
	'cases/jvm60.yaml': { fields: ['readinessProbe'], never: /never completes/ },
	'cases/matchexpr.yaml': {},
	'cases/prestop-exec-short.yaml': {
		fields: ['preStop'],
		says: [/exec: null/, /ends the server \(nginx -s quit\) before it sleeps/, /replaces what the hook does/],
	},
	'cases/probehost.yaml': { fields: ['livenessProbe'], says: [/asks "localhost" from its node/] },
	'cases/redis-tcp.yaml': { fields: ['preStop'], says: [WORDS], never: /httpGet/ },
	'cases/rwo-recreate.yaml': {
		fields: ['livenessProbe'],
		says: [/Recreate is right here, since its volume db-data/, /pg_isready/],
		never: /httpGet|RollingUpdate|replicas: /,
	},
	'cases/shsleep.yaml': { fields: ['livenessProbe', 'preStop'], says: [/a shell takes only one argument after `-c`/, /exec: null/] },
	'cases/single-defaults.yaml': { fields: ['preStop', 'readinessProbe', 'replicas'], never: /liveness/ },
	'cases/sleep60.yaml': { refused: /preStop\.sleep: Invalid value: 60: must be non-negative and less than terminationGracePeriodSeconds/ },
	'cases/streamshub.yaml': {
		fields: ['livenessProbe', 'startupProbe'],
		answers: { start: 20 },
		says: [/startupProbe: \{ failureThreshold: 14 \}/],
		never: /liveness restarts/,
	},
	'cases/targetport.yaml': { says: [/reaches none of its ports: no container has a port called web/] },
	'cases/tcp60.yaml': { says: [WORDS] },
	'cases/timeout1.yaml': { fields: ['readinessProbe'], answers: { answer: 2 }, says: [/`timeoutSeconds: 1`.*but the slowest answers take 2 s/] },
	'cases/unquoted-template.yaml': { refused: /a template that was not rendered/ },
	'cases/waves.yaml': { answers: { start: 120 }, never: /never completes/ },
	'cases/worker.yaml': { says: [/Nothing sends it requests/] },
};

/** A thread as the command starts it. @returns {import('./pool.js').Thread} */
function start() {
	const worker = new Worker(new URL('../node/forecast.js', import.meta.url));
	/** @type {import('./pool.js').Thread} */
	const thread = { postMessage: (job) => worker.postMessage(job), terminate: () => worker.terminate() };
	worker.on('message', (data) => thread.onmessage({ data }));
	return thread;
}
const pool = new Pool(start, availableParallelism());
after(() => pool.end());

/** All that is said of a manifest, and what was found. */
async function said(path, answers = {}) {
	const [folder, file] = path.split('/');
	const manifest = read(readFileSync(`${FOLDERS[folder]}/${file}`));
	const subject = { ...manifest, settings: assume(manifest, answers).settings, faults: faultsFor(manifest) };
	const summaries = await forecast(subject, subject.faults, [1], pool);
	const result = await new Search(subject, [1], pool).run(summaries);
	const command = result.findings.some(({ patch }) => patch) ? commandOf(subject, result.patch) : '';
	const texts = [silenceOf(manifest) ?? '', ...manifest.notes, ...result.findings.map(describe), ...hintsFor(subject, result.rest).hints, command];
	// An API server takes the patch.
	withPatch(manifest, result.patch);
	return { ...result, text: texts.join('\n') };
}

test('there is no manifest that nothing is said of', () => {
	const files = Object.entries(FOLDERS).flatMap(([name, folder]) => readdirSync(folder).map((file) => `${name}/${file}`));
	assert.deepEqual(files.sort(), Object.keys(FOUND).sort());
});

for (const [path, { fields = [], answers, says = [], never, refused }] of Object.entries(FOUND)) {
	test(path, async (context) => {
		if (refused) {
			await assert.rejects(said(path, answers), refused);
			return;
		}
		const { findings, text } = await said(path, answers);
		context.diagnostic(text);
		assert.deepEqual(findings.map(({ field }) => field).sort(), fields, text);
		for (const words of says) assert.match(text, words);
		if (never) assert.doesNotMatch(text, never);
	});
}
