// The lessons, in order. `lines` are the beginnings of the lines of k8s/`file` that a lesson is about; they are shown
// with the comments above and all that is indented below them. A lesson sends `{ patch, fault }` to the cluster, or
// asks a path of it. Patches list their keys in the order of the manifest, as the form does.

import manifests from '../target/manifests.json' with { type: 'json' };

const { spec } = /** @type {any} */ (manifests.objects.find(({ kind }) => kind === 'Deployment'));
const [{ name }] = spec.template.spec.containers;

/** A patch of the container. */
const container = (changes) => ({ spec: { template: { spec: { containers: [{ name, ...changes }] } } } });
const UNLIMITED = [{ name: 'MAX_WAITS', value: '0' }];
const BLIND = { httpGet: { path: '/.well-known/spin/health' } };

export const LESSONS = [
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
		see: 'Within about three seconds, one pod’s restart count goes up, and it is ready again: a replica starts that fast. When all three have been restarted, the fourth click shows `CrashLoopBackOff`.',
	},
	{
		id: 'replicas',
		title: 'Three replicas',
		text: [
			'A single copy of a program is gone whenever it ends, or its machine does. So there are several, called replicas, each in a pod of its own.',
			'Nobody starts them by hand. The manifest says how many there should be, and Kubernetes adds or removes pods until there are. Most of Kubernetes works this way: you write down what you want, and a controller keeps comparing it with what exists.',
		],
		file: 'deployment.yaml',
		lines: ['replicas:'],
		patch: { spec: { replicas: 5 } },
		fault: 'scale',
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
		see: 'A second ReplicaSet grows as the first one shrinks. Three pods with new names get ready, one after the other. The old ones are `Terminating` for the 7 s that the next lesson is about. Lost: 0.',
	},
	{
		id: 'no-pre-stop',
		title: 'No time to finish',
		text: [
			'A pod that has to go may still have requests in flight, and gets new ones until word has spread that it is going. So `preStop` keeps it alive for 7 s: five for a `/wait`, two for the news.',
			'Without it, the container is told to stop at once, and whatever is in flight is cut. The clients here do not ask again; the last lesson is about that. The button starts three fresh pods without `preStop`, and then restarts them, one by one.',
		],
		file: 'deployment.yaml',
		lines: ['lifecycle:'],
		patch: container({ lifecycle: null }),
		fault: 'restart',
		button: 'Restart all, without preStop',
		see: 'It is over sooner, but lost is more than 0: the waits that were in flight whenever a pod stopped, and the requests still arriving.',
	},
	{
		id: 'probes',
		title: 'Probes',
		text: [
			'A program can be running and still be broken. So the kubelet keeps asking it, here for `/health`, every 3 s. There are two probes because there are two remedies.',
			'When readiness fails twice, the pod gets no more requests: that protects the users. When liveness fails four times, the container is stopped, with its 7 s to finish, and started anew: that heals. (`/fail` only breaks `/health`. Pretend that from then on every answer of this replica is wrong; the page counts them as bad.)',
		],
		file: 'deployment.yaml',
		lines: ['readinessProbe:', 'livenessProbe:'],
		patch: {},
		fault: 'fail',
		button: 'Fail a replica',
		see: 'Unready within 6 s or so. Liveness needs four failures, then come the 7 s, so the container is restarted after 16 to 20 s, in the same pod, and is ready again soon after. Lost: 0. Bad: only those of the first seconds.',
	},
	{
		id: 'no-readiness',
		title: 'No readiness',
		text: [
			'Without a readiness probe, a pod counts as ready for as long as its container runs. So a failed replica gets its share of requests right up until liveness stops it.',
			'Its 7 s to finish do not help, because new requests keep coming. The button starts three fresh pods without a readiness probe, and fails one.',
		],
		file: 'deployment.yaml',
		lines: ['readinessProbe:'],
		patch: container({ readinessProbe: null }),
		fault: 'fail',
		button: 'Fail one, without readiness',
		see: 'Bad: about three times as many as in the previous lesson, until the container is restarted after 16 s or more. Lost is more than 0, too, if waits are in flight at that moment.',
	},
	{
		id: 'blind-probe',
		title: 'A probe that sees nothing',
		text: [
			'A probe is only as good as its question. Spin, which runs the program, answers `/.well-known/spin/health` itself, and the program never sees the request. So a good answer says that Spin runs, and nothing about the program.',
			'The button points all probes there (a third, `startupProbe`, only covers the start), and fails a replica. Many services have such an endpoint, which always answers 200.',
		],
		file: 'deployment.yaml',
		lines: ['startupProbe:', 'readinessProbe:', 'livenessProbe:'],
		patch: container({ startupProbe: BLIND, readinessProbe: BLIND, livenessProbe: BLIND }),
		fault: 'fail',
		button: 'Fail one, with blind probes',
		see: 'Never unready, never restarted, and nothing in the events. But bad grows for as long as you watch: the failed replica answers every third request, while all pods are reported ready.',
	},
	{
		id: 'max-waits',
		title: 'Load',
		text: [
			'A replica has room for 500 requests at once. If waits took all of it, `/health` would get no answer, and the probes would fail on a replica that is merely busy.',
			'So at most `MAX_WAITS` waits may start in five seconds. Any more are refused at once: 503, with `Retry-After`. Not pleasant, but quick, and everything else keeps working. The button sends a flood of waits for 20 s. (In this tab there is a twentieth of the room, and of the waits.)',
		],
		file: 'deployment.yaml',
		lines: ['- name: MAX_WAITS'],
		patch: {},
		fault: 'flood',
		button: 'Flood it with waits',
		see: 'Refused: more than a thousand. Lost: 0. No pod becomes unready.',
	},
	{
		id: 'no-max-waits',
		title: 'Load without a limit',
		text: [
			'The same flood, with `MAX_WAITS` 0, which is no limit. Now waits take all the room there is, and everything else is turned away: other users, and the probes.',
			'All pods are busy, so all become unready; they recover, because no traffic reaches them, and fail again. If it lasts, liveness restarts them, which cuts every wait in flight.',
		],
		file: 'deployment.yaml',
		lines: ['- name: MAX_WAITS'],
		patch: container({ env: UNLIMITED }),
		fault: 'flood',
		button: 'Flood it, without a limit',
		see: 'Probes fail with 500, and pods that are merely busy become unready. Lost: most requests. On a real cluster, 40 s of such a flood got all three replicas restarted.',
	},
	{
		id: 'hasty-liveness',
		title: 'Liveness in a hurry',
		text: [
			'Liveness cannot tell a replica that hangs from one that is busy. So it has to be patient. This one is not: `periodSeconds: 1` and `failureThreshold: 1`, so one bad answer is enough.',
			'The button sends more waits than there is room for, once, again without a limit. Left alone, they would be done in five seconds.',
		],
		file: 'deployment.yaml',
		lines: ['livenessProbe:'],
		patch: container({ env: UNLIMITED, livenessProbe: { periodSeconds: 1, failureThreshold: 1 } }),
		fault: 'burst',
		button: 'A burst, with hasty liveness',
		see: 'The burst costs requests either way. Haste adds restarts that nobody needed, after the 7 s of `preStop`. With 3 and 4 in the settings below, “Burst of waits” restarts nobody.',
	},
	{
		id: 'service',
		title: 'A Service',
		text: [
			'Pods come and go, and their addresses with them. A Service is one name that stays. It knows which pods carry its label and are ready, and spreads the requests over them.',
			'The button asks `/health` twelve times. Each answer names its replica, in the header `x-replica`. Then fail a replica, with the button under the settings below, wait until its pod says `0/1`, and another second for the endpoints to update, and ask again: it won’t be listed. (Inside a cluster, kube-proxy picks a pod for each connection, not for each request.)',
		],
		file: 'service.yaml',
		lines: ['spec:'],
		ask: { path: 'health', times: 12 },
		button: 'Ask twelve times',
		see: 'All ready pods have answered, each about as often: with three pods, about four each.',
	},
	{
		id: 'ingress',
		title: 'An Ingress',
		text: [
			'A Service is known only inside the cluster. An Ingress lets the world in: it says which requests, by host and path, go to which service. A proxy at the cluster’s edge acts on it; in this tab, the service worker does.',
			'Such a proxy can retry a request that a replica refuses or drops. So users need not notice even a replica that ends at once. In this lesson the proxy retries.',
		],
		file: 'ingress.yaml',
		lines: ['rules:'],
		patch: {},
		fault: 'quit',
		button: 'Quit a replica',
		see: 'Retried: the requests that the replica refused or cut. Lost: 0, because another replica answered them.',
	},
];
