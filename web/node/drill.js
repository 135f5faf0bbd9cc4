// A drill on a real cluster: injects faults into a Deployment under constant requests, and says what they cost users.
//
// Without DEPLOYMENT it deploys k8s/ to a namespace of its own, and removes that, whatever happens. With it, it does to
// somebody's own Deployment only what an operator does anyway, asks first, and puts back what it has changed.
// The exit code is 0 if all healed and no user felt it, 1 if not, and 2 if it refused to start.

import { parseArgs } from 'node:util';
import { isReady, restartsOf, statusOf } from '../cluster/pods.js';
import { Drill } from '../forecast/drill.js';
import { labelOf } from '../forecast/faults.js';
import { read } from '../forecast/manifest.js';
import { QUESTIONS, settingsOf } from '../forecast/questions.js';
import { rowOf } from '../forecast/recorder.js';
import { assume } from '../forecast/stated.js';
import { RealCluster } from './cluster.js';
import { Kubectl, refuse, Trouble } from './kubectl.js';
import { foresee, report } from './measured.js';
import { Operated } from './operated.js';
import { Ours } from './ours.js';

const HELP = `drill [--forecast] [FAULT …] [--QUESTION ANSWER …]
These are read from the environment, or from make:
  NAMESPACE=name      the namespace: of your own Deployment, or one for k8s/ that a drill made before
  BASE_URL=url        where requests go; for k8s/, by default, through the API server
  IMAGE=ref           for k8s/: an image that the nodes can get
  INGRESS_CLASS=name  for k8s/ and BASE_URL: the class of the ingress
  KEEP=1              for k8s/: keep the namespace
  DEPLOYMENT=name     a Deployment of your own
  GET=/path           what is asked of it
  RATE=10             requests a second
  YES=1               do not ask
  FORECAST=1          as --forecast: put a forecast of the same manifest beside what was measured
Questions are those of a forecast (make forecast ARGS=--help), and so are the faults that it can inject: by default, all.`;

/** For how long nothing may change until all replicas are ready, in seconds: images have to come first. */
const PATIENCE = 180;

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 143 };

const say = (text) => console.log(`${new Date().toTimeString().slice(0, 8)}  ${text}`);

/** The command line. @returns {{ values: any, wanted: string[] }} */
function parse() {
	const questions = QUESTIONS.map(({ name }) => [name, /** @type {const} */ ({ type: 'string' })]);
	const options = { ...Object.fromEntries(questions), forecast: { type: 'boolean' }, help: { type: 'boolean' } };
	try {
		const { values, positionals } = parseArgs({ options: /** @type {any} */ (options), allowPositionals: true });
		settingsOf(values);
		return { values, wanted: positionals };
	} catch ({ message }) {
		return refuse(message.split('\n', 1)[0]);
	}
}

/** What the environment says, without what is empty. */
function environment() {
	const env = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value));
	if (!env.BASE_URL) return env;
	if (!/^https?:\/\//.test(env.BASE_URL) || !URL.canParse(env.BASE_URL)) refuse(`BASE_URL is not an http:// or https:// URL: '${env.BASE_URL}'`);
	return { ...env, BASE_URL: env.BASE_URL.replace(/\/$/, '') };
}

function manifestOf({ objects, env }) {
	try {
		return read(JSON.stringify({ kind: 'List', items: objects }), env.DEPLOYMENT);
	} catch ({ message }) {
		return refuse(message);
	}
}

/** The faults that are wanted, among those that may be injected. */
function choose(all, wanted) {
	const strange = wanted.find((fault) => !all.some(([name]) => name === fault));
	if (strange) refuse(`${strange} is not one of ${[...new Set(all.map(([name]) => name))].join(', ')}`);
	return wanted.length ? all.filter(([fault]) => wanted.includes(fault)) : all;
}

/** Says what changes of the pods of a cluster. */
function tellPods(cluster) {
	const last = new Map();
	say(`${'pod'.padEnd(45)}ready  restarts  status`);
	cluster.onChange(() => {
		for (const name of new Set([...last.keys(), ...cluster.pods.keys()])) {
			const pod = cluster.pods.get(name);
			const text = pod ? `${(isReady(pod) ? 'yes' : 'no').padEnd(7)}${String(restartsOf(pod)).padStart(8)}  ${statusOf(pod)}` : 'gone';
			if (last.get(name) !== text) say(name.padEnd(45) + text);
			if (pod) last.set(name, text);
			else last.delete(name);
		}
	});
}

/** How requests of clients get to where a subject wants them. */
const routeOf = (subject, cluster, { requests, answer }, faultNow) => ({
	endpoints: [],
	send: async ({ target }, client) => {
		const options = { seconds: answer + 10 };
		try {
			return subject.judge(await subject.ask(target, options, requests === 'kept' ? client : undefined), target, cluster);
		} catch (error) {
			if (faultNow() !== 'quit' || !subject.askAgain || !['cut', 'refused'].includes(error.cause)) throw error;
			return { ...subject.judge(await subject.askAgain(target, cluster), target, cluster), isRetried: true };
		}
	},
});

/**
 * Injects faults, one after the other, until one does not heal; returns their rows, and whether all healed. `ready` is after
 * how many seconds all replicas were ready at first.
 */
async function inject(drill, subject, faults, ready) {
	const rows = [];
	for (const [fault, replicas] of faults) {
		const row = rowOf(fault, replicas);
		rows.push(row);
		say(`--- ${labelOf(row)}`);
		if (fault === 'scale') subject.willScale?.();
		await drill.inject(row);
		const isHealed = (await drill.until(() => drill.areAllReady)) !== undefined;
		if (fault === 'control' && isHealed) row.ready = ready;
		if (!isHealed || drill.isOver) return { rows, isHealed };
	}
	return { rows, isHealed: true };
}

/** Deploys, waits until all are ready, and injects faults while clients ask. Whatever has to be closed goes to `open`. */
async function perform(subject, { kubectl, settings, faults, main, open }) {
	const { ended } = await kubectl.startProxy();
	const start = Date.now() / 1000;
	const cluster = open(new RealCluster(kubectl, await subject.open(), main));
	await cluster.start();
	tellPods(cluster);
	const route = routeOf(subject, cluster, settings, () => drill.recorder.row.fault);
	/** @type {Drill} */
	const drill = open(new Drill(/** @type {any} */ (cluster), /** @type {any} */ (route), settings));
	const ready = await drill.until(
		() => drill.areAllReady,
		() => PATIENCE,
	);
	if (ready === undefined) throw new Trouble(`the replicas were not ready, and nothing changed for ${PATIENCE} s`, subject.env.DEPLOYMENT ? 2 : 1);
	await subject.reach(cluster);
	await drill.start();
	return Promise.race([inject(drill, subject, faults, ready - start), ended]);
}

/** Performs a drill, and cleans up, whatever happens. */
async function performSafely(subject, parts) {
	const opened = [];
	const open = (it) => {
		opened.unshift(it);
		return it;
	};
	const interrupted = new Promise((_, reject) => {
		for (const [signal, code] of Object.entries(SIGNALS)) process.on(signal, () => reject(new Trouble('interrupted', code)));
		for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, reject);
		process.stdout.on('error', () => reject(new Trouble('the output was closed')));
	});
	try {
		return await Promise.race([perform(subject, { ...parts, open }), interrupted]);
	} finally {
		for (const it of opened) await (it.close ?? it.stop).call(it);
		await parts.kubectl.close();
		await subject.cleanUp();
	}
}

async function main() {
	const { values, wanted } = parse();
	if (values.help) {
		console.log(HELP);
		return 0;
	}
	const env = environment();
	const kubectl = new Kubectl();
	const subject = env.DEPLOYMENT ? new Operated(kubectl, env) : new Ours(kubectl, env);
	await kubectl.connect();
	await subject.check();
	const manifest = manifestOf(subject);
	const settings = { ...assume(manifest, { ...subject.defaults, ...values }).settings, rate: subject.rate };
	const faults = choose(subject.faults(manifest), wanted);
	await subject.confirm(faults);
	const isForecast = values.forecast || env.FORECAST === '1';
	const summaries = isForecast ? await foresee({ ...manifest, settings }, faults) : undefined;
	const { rows, isHealed } = await performSafely(subject, { kubectl, settings, faults, main: manifest.main });
	return Number(!report(rows, summaries, subject.way) || !isHealed);
}

main().then(
	(code) => process.exit(code),
	(error) => {
		if (!(error instanceof Trouble)) throw error; // a mistake of this program
		console.error(`drill: ${error.message}`);
		process.exit(error.code);
	},
);
