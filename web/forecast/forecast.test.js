// What Kubernetes does to users, in virtual time: the manifest of this repository beside a real cluster, and each of its
// numbers changed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advise } from './findings.js';
import { forecast } from './forecast.js';
import { component, loadDeployment } from '../node/manifest.js';
import { COMPONENT } from './questions.js';

const modules = await component();
/** Forecasts of this repository's program, with what differs from it. */
const forecastOf = (objects, faults, program = {}) => forecast({ objects, modules, program: { ...COMPONENT, ...program } }, faults);

/** k8s/deployment.yaml after `change`, which gets its spec and its container's. */
function deploymentWith(change = (_spec, _container) => {}) {
	const { objects } = loadDeployment();
	const { spec } = objects.find(({ kind }) => kind === 'Deployment');
	change(spec, spec.template.spec.containers[0]);
	return objects;
}

const setProbes = (container, change) => {
	for (const kind of ['startupProbe', 'readinessProbe', 'livenessProbe']) change(container[kind]);
};
const setEnv = (container, name, value) => {
	container.env.find((it) => it.name === name).value = value;
};

test('it takes as long as on a real cluster, and loses nothing', async () => {
	// Seconds to unready, replaced and ready, the least and the most: `make drill`, twice, on Kubernetes 1.36.2 and shim 0.24.0.
	const seen = {
		fail: [5.0, 5.9, 18.1, 20.1, 21.0, 21.6],
		quit: [1.1, 1.8, 1.6, 1.8, 3.2, 3.6],
		restart: [3.1, 3.2, 17.5, 19.2, 17.5, 19.2],
	};
	for (const { fault, unready, replaced, ready, sent, lost, retried } of await forecastOf(deploymentWith(), Object.keys(seen))) {
		const times = [unready, replaced, ready];
		for (const [index, time] of times.entries()) {
			const [least, most] = seen[fault].slice(2 * index);
			const off = Math.max(least - time, time - most).toFixed(1);
			assert.ok(Number(off) <= 2.5, `${fault}: ${times}, on a cluster ${seen[fault]}`);
		}
		assert.ok(sent > 100 && lost === 0, `${fault}: ${lost} of ${sent} lost`);
		assert.equal(retried > 0, fault === 'quit', 'what a quitting replica refuses or cuts is retried');
	}
});

test('what never gets ready is said, with the reason', async () => {
	const objects = deploymentWith((_, container) => {
		container.startupProbe.httpGet.port = 8001;
	});
	await assert.rejects(forecastOf(objects, ['fail']), /not ready after 600 s: .*(refused|Back-off)/);
});

test('a flood costs nothing but the waits that are too many', async () => {
	const [row] = await forecastOf(deploymentWith(), ['flood']);
	assert.ok(row.refused > 1000 && row.lost === 0 && row.unready === undefined && row.replaced === undefined, JSON.stringify(row));
});

const DOCS = 'https://kubernetes.io/docs/concepts/workloads';
const PROBES = 'https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/';

/** Each changed manifest, the faults injected, the field that has to be found, and what the rows have to be like. */
const CASES = [
	{
		what: 'without readiness, users get bad answers until the container is restarted',
		docs: `${PROBES}#readiness-probe`,
		change: (_, container) => {
			delete container.readinessProbe;
		},
		finds: 'readinessProbe',
		faults: ['fail'],
		holds: ([{ unready, replaced, bad }]) => unready > 15 && Math.abs(replaced - unready) < 2.5 && bad > 80,
	},
	{
		what: 'without preStop, requests are cut, and sent to an endpoint that has gone',
		docs: `${DOCS}/pods/pod-lifecycle/#pod-termination-flow`,
		change: (_, container) => {
			delete container.lifecycle;
		},
		finds: 'preStop',
		faults: ['restart'],
		holds: ([{ replaced, lost }]) => replaced < 13 && lost > 10,
	},
	{
		what: 'hasty liveness restarts what is only busy',
		docs: `${PROBES}#liveness-probe`,
		change: (_, container) => {
			Object.assign(container.livenessProbe, { periodSeconds: 1, failureThreshold: 1 });
			setEnv(container, 'MAX_WAITS', '0');
		},
		finds: 'MAX_WAITS',
		faults: ['burst'],
		holds: ([{ replaced, lost }]) => replaced < 15 && lost > 0,
	},
	{
		what: 'patient liveness does not',
		docs: `${PROBES}#liveness-probe`,
		change: (_, container) => setEnv(container, 'MAX_WAITS', '0'),
		finds: 'MAX_WAITS',
		faults: ['burst'],
		holds: ([{ replaced }]) => replaced === undefined,
	},
	{
		what: 'maxUnavailable 3 leaves no endpoint for a while',
		docs: `${DOCS}/controllers/deployment/#max-unavailable`,
		change: (spec) => {
			spec.strategy.rollingUpdate = { maxSurge: 0, maxUnavailable: 3 };
		},
		finds: 'strategy',
		faults: ['restart'],
		holds: ([{ ready, lost }]) => ready < 13 && lost > 10,
	},
	{
		what: 'so does Recreate',
		docs: `${DOCS}/controllers/deployment/#recreate-deployment`,
		change: (spec) => {
			spec.strategy = { type: 'Recreate' };
		},
		finds: 'strategy',
		faults: ['restart'],
		holds: ([{ ready, lost }]) => ready > 7 && lost > 10,
	},
	{
		what: 'a single replica that quits is an outage',
		docs: `${DOCS}/pods/pod-lifecycle/#restart-policy`,
		change: (spec) => {
			spec.replicas = 1;
		},
		finds: 'replicas',
		faults: ['quit'],
		holds: ([{ ready, lost }]) => ready < 5 && lost > 10,
	},
	{
		what: 'a probe of Spin’s own path never heals',
		docs: `${PROBES}#liveness-probe`,
		change: (_, container) =>
			setProbes(container, (probe) => {
				probe.httpGet.path = '/.well-known/spin/health';
			}),
		finds: 'httpGet',
		faults: ['fail'],
		holds: ([{ unready, replaced, bad }]) => unready === undefined && replaced === undefined && bad > 200,
	},
	{
		what: 'a grace period shorter than preStop cuts it short',
		docs: `${DOCS}/pods/pod-lifecycle/#pod-termination`,
		change: (spec) => {
			spec.template.spec.terminationGracePeriodSeconds = 2;
		},
		finds: 'terminationGracePeriodSeconds',
		faults: ['restart'],
		holds: ([{ replaced, lost }]) => replaced < 15 && lost > 0,
	},
	{
		what: 'a container that keeps ending is restarted at once, then after 10 s, then after 20 s',
		docs: `${DOCS}/pods/pod-lifecycle/#restart-policy`,
		change: (spec) => {
			spec.replicas = 1;
		},
		finds: 'replicas',
		faults: ['quit', 'quit', 'quit'],
		// The kubelet looks only every 10 to 15 s whether the pause is over.
		holds: (rows) => rows.every(({ ready }, index) => ready > 10 * index + 1 && ready < 15 * index + 6),
	},
	{
		what: 'probes of two seconds, with thresholds of one and two, find out sooner',
		docs: 'https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#configure-probes',
		change: (_, container) => {
			Object.assign(container.readinessProbe, { periodSeconds: 2, failureThreshold: 1 });
			Object.assign(container.livenessProbe, { periodSeconds: 2, failureThreshold: 2 });
		},
		faults: ['fail'],
		holds: ([{ unready, replaced }]) => unready < 3.5 && replaced > 8 && replaced < 13.5,
	},
	{
		what: 'without liveness, a replica that fails stays out of service',
		docs: `${PROBES}#liveness-probe`,
		change: (_, container) => {
			delete container.livenessProbe;
		},
		finds: 'livenessProbe',
		faults: ['fail', 'quit'],
		holds: ([fail, quit]) => fail.unready < 8 && fail.replaced === undefined && fail.lost === 0 && quit.ready < 5,
	},
	{
		what: 'a deleted pod loses nothing, and is replaced at once',
		docs: `${DOCS}/controllers/replicaset/#how-a-replicaset-works`,
		faults: ['delete'],
		holds: ([{ unready, ready, lost }]) => unready < 1 && ready < 11 && lost === 0,
	},
];

for (const { what, docs, change, faults, finds, holds } of CASES) {
	test(what, async () => {
		const subject = { objects: deploymentWith(change), modules, program: COMPONENT };
		const rows = await forecast(subject, faults);
		const said = JSON.stringify(rows.map(({ moments, ...row }) => row));
		assert.ok(holds(rows), `${said}; see ${docs}`);
		const { findings } = await advise(subject, rows);
		assert.equal(findings[0]?.field, finds, said);
	});
}
