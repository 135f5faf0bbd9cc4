// The ingress, in front of two replicas, one of which has just ended.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReady, Kubernetes } from './cluster.js';
import { Ingress } from './ingress.js';
import { component, loadDeployment } from '../node/manifest.js';
import { stepUntil } from './time.js';

test('what a replica refuses or cuts is sent to another only if it may be, and news takes a second', async () => {
	const { objects } = loadDeployment();
	objects.find(({ kind }) => kind === 'Deployment').spec.replicas = 2;
	const kubernetes = new Kubernetes(objects, await component(), undefined, true);
	const step = (promise) => stepUntil(kubernetes.clock, promise);
	await step(kubernetes.start());
	const ingress = new Ingress(kubernetes);
	const requestOf = (method, target) => ({ method, target, authority: 'service', headers: [] });
	await assert.rejects(ingress.send(requestOf('GET', '/health')), /No replica is ready/);
	while ([...kubernetes.pods.values()].filter(isReady).length < 2) await step(kubernetes.clock.wait(100));
	await step(kubernetes.clock.wait(kubernetes.program.news * 1000));
	assert.equal(ingress.endpoints.length, 2);

	const [pod, other] = kubernetes.pods.values();
	const replica = kubernetes.replicaOf(pod);
	// One of two waits is in flight on it.
	const waits = [1, 2].map(() => ingress.send(requestOf('GET', '/wait'), () => true));
	await step(kubernetes.clock.wait(1000));
	replica.end();
	const answers = await step(Promise.all(waits));
	assert.deepEqual(answers.map(({ status, retried = false }) => [status, retried]).sort(), [
		[200, false],
		[200, true],
	]);
	// It listens again by now; another one refuses for as long as the ingress does not know that it has gone.
	kubernetes.replicaOf(other).end();
	const outcomes = await step(Promise.allSettled([1, 2].map(() => ingress.send(requestOf('POST', '/fail')))));
	assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'], 'a POST is sent once');
	await kubernetes.close();
});
