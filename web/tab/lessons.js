// The lessons, in order. `lines` are the beginnings of the lines of k8s/`file` that a lesson is about; they are shown
// with the comments above and all that is indented below them. A lesson asks a path of the cluster, or injects a fault
// into it: into one with a patch of k8s/deployment.yaml, whose component behaves as `settings` say.

import { container, ROLLOUTS } from './lessons-rollouts.js';

const UNLIMITED = [{ name: 'MAX_WAITS', value: '0' }];
const BLIND = { httpGet: { path: '/.well-known/spin/health' } };

export const LESSONS = [
	...ROLLOUTS,
	{
		id: 'probes',
		title: 'Probes',
		text: [
			'A program can be running and still be broken. So the kubelet keeps asking it, here for `/health`, every 3 s. There are two probes because there are two remedies.',
			'When readiness fails twice, the pod gets no more requests: that protects the users. When liveness fails four times, the container is stopped, with its 7 s to finish, and started again: that heals. (`/fail` only breaks `/health`. Pretend that it breaks this replica’s other answers, too: the page counts them as bad.)',
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
		id: 'dependency',
		title: 'A shared dependency',
		text: [
			'Suppose that each replica needs a database, and that `/health` checks it, too. When the database is down for 30 s, users get errors, whatever you do. But all probes of all replicas fail as well.',
			'Readiness takes all replicas out at once. Liveness restarts them all, which fixes no database, and cuts requests that could still be answered. So readiness may check what a program depends on, but liveness should check the program alone.',
		],
		quote: {
			words: "In such cases, you don't want to kill the application, but you don't want to send it requests either.",
			url: 'https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#define-readiness-probes',
		},
		file: 'deployment.yaml',
		lines: ['readinessProbe:', 'livenessProbe:'],
		patch: {},
		settings: { health: 'dependency' },
		fault: 'dependency',
		button: 'Let the database fail for 30 s',
		see: 'All pods are unready within 6 s or so, and each is restarted once, for nothing. Lost: nearly everything for 30 s. In a longer outage, `CrashLoopBackOff` would keep them down even when the database is back.',
	},
	{
		id: 'slow-start',
		title: 'A slow start',
		text: [
			'While a program starts, it cannot answer, and liveness fails. If starting takes longer than liveness allows, here 9 to 12 s, it is restarted and has to start all over again: it never gets anywhere.',
			'The button removes the `startupProbe`, and rolls out a version that takes 40 s to start. `×5` makes it shorter to watch.',
		],
		file: 'deployment.yaml',
		lines: ['startupProbe:', 'livenessProbe:'],
		patch: container({ startupProbe: null }),
		settings: { slow: 40 },
		fault: 'slow',
		button: 'Roll out a slow version',
		see: 'The new pod is restarted every 18 s or so, then only after a pause (`CrashLoopBackOff`), and never becomes ready. Lost: 0, since the old pods stay.',
	},
	{
		id: 'startup-probe',
		title: 'A startup probe',
		text: [
			'A `startupProbe` holds the other two back until it has succeeded once. It may be as patient as the slowest start needs, while liveness stays as strict as it is.',
			'The same slow version again, this time with a `startupProbe` that asks every second, and gives up after 60.',
		],
		file: 'deployment.yaml',
		lines: ['startupProbe:'],
		patch: container({ startupProbe: { failureThreshold: 60 } }),
		settings: { slow: 40 },
		fault: 'slow',
		button: 'Roll out a slow version, with patience',
		see: 'The first new pod is ready after about 41 s, and all three after a little more than two minutes, without a restart. Lost: 0.',
	},
	{
		id: 'max-waits',
		title: 'Load',
		text: [
			'A replica has room for 500 requests at once. If waits took all of it, `/health` would be turned away like everything else, and the probes would fail on a replica that is merely busy.',
			'So at most `MAX_WAITS` waits may start in five seconds. Any more are refused at once: 503, with `Retry-After`. Not pleasant, but quick, and everything else keeps working. The button sends a flood of waits for 20 s. (A browser has less room than a node: in this tab, a replica has a twentieth of the room, and may start a twentieth of the waits.)',
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
			'Pods that are busy become unready; they recover, because no traffic reaches them, and fail again. If the flood lasts, liveness restarts them, which cuts every wait in flight.',
		],
		file: 'deployment.yaml',
		lines: ['- name: MAX_WAITS'],
		patch: container({ env: UNLIMITED }),
		fault: 'flood',
		button: 'Flood it, without a limit',
		see: 'Probes fail with 500, and pods that are merely busy become unready. Lost: most of the requests during the flood. On a real cluster, 40 s of such a flood got all three replicas restarted.',
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
		see: 'The burst costs requests either way. Haste adds restarts that nobody needs, after the 7 s of `preStop`. With the manifest’s `periodSeconds: 3` and `failureThreshold: 4`, the same burst restarts nothing.',
	},
	{
		id: 'service',
		title: 'A Service',
		text: [
			'Pods come and go, and their addresses with them. A Service is one name that stays. It knows which pods carry its label and are ready: they are its endpoints. Inside a cluster, kube-proxy picks one of them for each connection. In this tab, a proxy takes them in turn, request by request.',
			'The button asks `/health` twelve times. Each answer names its replica, in the header `x-replica`. Then fail a replica with the button of “Probes”, wait until its pod says `0/1`, and another second for the endpoints to update. Press `Pause`, and ask again: it won’t be listed.',
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
			'The Service above has an address only inside the cluster. From outside, a Service can be reached as a `NodePort` or a `LoadBalancer`, or through an Ingress, which says which requests, by host and path, go to which Service. A proxy at the cluster’s edge acts on it; in this tab, the service worker does.',
			'When a replica refuses a connection, such a proxy can try another one. A request that was cut is different: the replica may have acted on it, so only an idempotent one, such as a `GET`, may be sent again, and not every proxy does that. This one retries what is idempotent and was refused, and leaves to its clients what was cut.',
		],
		file: 'ingress.yaml',
		lines: ['rules:'],
		patch: {},
		fault: 'quit',
		button: 'Quit a replica',
		see: 'Retried: the requests that the replica refused until the endpoints were updated; another replica answered them. Lost: the few waits that were in flight on it, and were cut.',
	},
];

/** The title of a lesson. */
export const titleOf = (id) => LESSONS.find((lesson) => lesson.id === id)?.title ?? '';
