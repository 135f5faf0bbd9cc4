// The first lessons: what runs, and what a rollout does. See lessons.js.

import manifests from '../../target/manifests.json' with { type: 'json' };

const { spec } = /** @type {any} */ (manifests.objects.find(({ kind }) => kind === 'Deployment'));
const [{ name }] = spec.template.spec.containers;

/** A patch of the container. */
export const container = (changes) => ({ spec: { template: { spec: { containers: [{ name, ...changes }] } } } });

export const ROLLOUTS = [
	{
		id: 'program',
		title: 'A program',
		text: [
			'This is a small HTTP API, compiled to WebAssembly. `GET /parity?int=7` answers whether 7 is even or odd, `/wait` answers after five seconds, and `/health` says whether all is well.',
			'Two more requests break it: after `POST /fail`, `/health` answers 500; `POST /quit` ends the program. It is packed into an image: one archive, which any machine can fetch and run.',
		],
		file: 'deployment.yaml',
		lines: ['image:'],
		ask: { path: 'parity?int=7', times: 1 },
		button: 'Ask whether 7 is even',
		see: '`200` and `odd`, from one of the replicas in this tab.',
	},
	{
		id: 'container',
		title: 'A container',
		text: [
			'A container is an image that runs: a program, shut off from everything else on its machine. Kubernetes puts it into a pod. An agent on each machine, the kubelet, looks after the pods.',
			'Whenever a container ends, the kubelet starts it again: at once the first time, but if it keeps ending, only after 10 s, then 20 s and so on. Meanwhile its status is `CrashLoopBackOff`. The line below picks the runtime, here one for WebAssembly.',
		],
		file: 'deployment.yaml',
		lines: ['runtimeClassName:'],
		patch: {},
		fault: 'quit',
		button: 'Quit a replica',
		see: 'Within about three seconds, one pod’s restart count goes up, and it is ready again: a replica starts that fast. Lost: the few waits that were in flight on it. When all three have been restarted, the fourth click shows `CrashLoopBackOff`.',
	},
	{
		id: 'replicas',
		title: 'Three replicas',
		text: [
			'A single copy of a program is gone as soon as it exits or its machine fails. So there are several, called replicas, each in a pod of its own.',
			'Nobody starts them by hand. The manifest says how many there should be, and Kubernetes adds or removes pods until there are. Most of Kubernetes works this way: you write down what you want, and a controller keeps comparing it with what exists.',
		],
		file: 'deployment.yaml',
		lines: ['replicas:'],
		patch: {},
		fault: 'scale',
		replicas: 5,
		button: 'Scale to five',
		see: 'Two more pods, ready within about three seconds, and two more lanes in the control room. Lost: 0.',
	},
	{
		id: 'deployment',
		title: 'A Deployment',
		text: [
			'The manifest describes a Deployment: these replicas, and how to replace them. When their description changes, or someone asks for a restart, every pod is replaced by a new one, a few at a time. The pods of one description are a ReplicaSet, whose name ends in a hash of that description.',
			'`maxSurge: 1` allows one extra pod during the rollout, and `maxUnavailable: 0` none missing. So an old pod goes only once a new one is ready, and users should notice nothing.',
		],
		file: 'deployment.yaml',
		lines: ['strategy:'],
		patch: {},
		fault: 'restart',
		button: 'Restart all',
		see: 'A second ReplicaSet grows as the first one shrinks. Three pods with new names get ready, one after the other. The old ones stay `Terminating` for 7 s; the lesson “No time to finish” explains why. They still answer, so READY still says `1/1`. Lost: 0.',
	},
	{
		id: 'bad-version',
		title: 'A broken version',
		text: [
			'A new version may not work at all. Then its `startupProbe` never succeeds, and it never becomes ready: it gets no requests, and no old pod has to go. So the rollout stalls, and users notice nothing.',
			'After `progressDeadlineSeconds`, 600 by default, the Deployment reports that it makes no progress. Nothing is rolled back automatically. The button rolls out a version whose `/health` fails from the start, and undoes that after 30 s.',
		],
		file: 'deployment.yaml',
		lines: ['strategy:', 'startupProbe:', 'readinessProbe:'],
		patch: {},
		fault: 'broken',
		button: 'Roll out a broken version',
		see: 'A fourth pod, which runs but stays `0/1`, while the three old ones keep answering. Lost: 0. Bad: 0.',
	},
	{
		id: 'all-at-once',
		title: 'A broken version, all at once',
		text: [
			'`maxUnavailable: 3` allows all three pods to be missing during a rollout. That is quick. But the old pods are gone before anyone knows whether the new ones work.',
			'The button starts three fresh pods with it, rolls out the broken version, and undoes that after 30 s.',
		],
		file: 'deployment.yaml',
		lines: ['strategy:'],
		patch: { spec: { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 3 } } } },
		fault: 'broken',
		button: 'Roll out, all at once',
		see: 'An outage: once the old pods have ended, everything is lost until the rollout is undone and a pod is ready again.',
	},
	{
		id: 'recreate',
		title: 'Recreate',
		text: [
			'`strategy.type: Recreate` ends all old pods before it starts a new one. It is meant for programs that cannot run twice, such as those that lock a volume.',
			'Behind an ingress, even a version that works costs an outage then: from when the old pods leave the Service until the new ones are ready. (Inside a cluster, kube-proxy bridges part of it: while no pod is ready, it sends requests to those that are `Terminating` and still answer.) The button restarts all pods that way.',
		],
		file: 'deployment.yaml',
		lines: ['strategy:'],
		patch: { spec: { strategy: { type: 'Recreate', rollingUpdate: null } } },
		fault: 'restart',
		button: 'Restart all, with Recreate',
		see: 'No line below any lane for eight to ten seconds, and every request of that time is lost.',
	},
	{
		id: 'no-pre-stop',
		title: 'No time to finish',
		text: [
			'A pod that has to go may still have requests in flight, and gets new ones until every proxy knows that it is going. So `preStop` keeps it alive for 7 s: five for a `/wait`, two for the endpoints to update.',
			'Without it, the container is told to stop at once, and whatever is in flight is cut. Clients here do not retry. The button starts three fresh pods without `preStop`, and then restarts them, one by one.',
		],
		file: 'deployment.yaml',
		lines: ['lifecycle:'],
		patch: container({ lifecycle: null }),
		fault: 'restart',
		button: 'Restart all, without preStop',
		see: 'It is over sooner, but lost is more than 0: the waits that were in flight whenever a pod stopped. Requests that still arrived were refused, and the proxy sent them to another pod: retried. The last lesson explains that.',
	},
	{
		id: 'drain',
		title: 'Finish or be cut',
		text: [
			'When a pod has to go, its grace period starts: `terminationGracePeriodSeconds`, which includes `preStop`. First `preStop` runs, and the program knows nothing yet. Then it gets SIGTERM: it may refuse new requests and finish those in flight, which is called draining, or just end, as Spin does. When the grace period is over, the container is killed, no matter what it is doing.',
			'So a program that drains does not need 7 s of `preStop`. It only needs the 2 s until every proxy knows, since it refuses what comes later. The button restarts all pods, with a program that drains and a `preStop` of 2 s.',
		],
		file: 'deployment.yaml',
		lines: ['terminationGracePeriodSeconds:', 'lifecycle:'],
		patch: container({ lifecycle: { preStop: { sleep: { seconds: 2 } } } }),
		settings: { term: 'finishes' },
		fault: 'restart',
		button: 'Restart all, with a program that drains',
		see: 'Lost: 0, although `preStop` is over before a `/wait` is. A program that ends on SIGTERM would cut that `/wait`, as in the previous lesson.',
	},
	{
		id: 'drained-node',
		title: 'A drained node',
		text: [
			'Before a node is upgraded or removed, it is drained: every pod on it is evicted, which is a deletion that may be refused. A PodDisruptionBudget decides that. With `maxUnavailable: 1`, a pod may go only while all others are ready, however many nodes are drained at once.',
			'A budget that allows nothing (`minAvailable` equal to `replicas`, or `maxUnavailable: 0`) protects nobody. It only keeps the node, until somebody deletes the pod by hand. The button drains the node of one pod.',
		],
		quote: {
			words: 'If you try to drain a Node where an unevictable Pod is running, the drain never completes.',
			url: 'https://kubernetes.io/docs/tasks/run-application/configure-pdb/',
		},
		file: 'poddisruptionbudget.yaml',
		lines: ['maxUnavailable:', 'unhealthyPodEvictionPolicy:'],
		patch: {},
		fault: 'drain',
		button: 'Drain a node',
		see: 'One pod is evicted, and a new one is ready before the old one has ended, after about 8 s. The other two keep answering. Lost: 0.',
	},
];
