// The faults: one table, from which everything that is called, injected, counted, said or typed of a fault derives.

/** How long users may get bad answers until a replica that is broken becomes unready, in seconds. */
const SOON = 10;
/** Harm of something that never heals, in requests. */
const NEVER = 200;
/** How long nothing happens in the control run, and how long a flood takes: longer than the patience of most probes. */
const CONTROL = 30;
const FLOOD = 20;
/** How long what all replicas depend on is down, in seconds. */
const OUTAGE = 30;

/** Whether bad answers are more than half of what users get in as long as that, as where connections stay with a pod. */
const isMuch = ({ bad, sent, at, until }) => bad > (((sent / (until - at)) * 1000) / 2) * SOON;
const never = (time) => (time === undefined ? NEVER : 0);
const number = new Intl.NumberFormat('en');
const restarted = (amount) => `${number.format(amount)} container${amount === 1 ? '' : 's'}`;

/**
 * `label` is what a fault is called, at the start of a sentence; `inject` injects it into a drill; `harm` is how much a
 * row of it hurts, in requests; `says` are words for harm that no request shows, and `spared` for what does not hurt, though
 * it costs requests, whatever anybody does; `end` is what becomes of its victims;
 * `commands` are what injects it on a cluster, with the address of the Service in $URL.
 * @typedef {{ label: string, end: string, inject(drill: import('./drill.js').Drill, row: any): Promise<void>,
 *   harm(row: any): number, says?(row: any): string | undefined, spared?: string,
 *   commands?(deployment: { name: string, container: string, image: string, replicas?: number }): string[] }} Fault
 */

/** @type {Fault} */
const rollout = {
	label: 'A rollout',
	end: 'replaced',
	inject: (drill, row) => drill.rollOut(row),
	harm: ({ lost, bad, ready }) => lost + bad + never(ready),
	says: ({ ready, restarts }) => (ready !== undefined ? undefined : restarts ? `never completes, and restarts ${restarted(restarts)}` : 'never completes'),
	commands: ({ name }) => [`kubectl rollout restart deployment/${name}`],
};

const setImage = ({ name, container, image }, version) => `kubectl set image deployment/${name} ${container}=${image}:${version}`;

/** @type {Record<string, Fault>} */
export const FAULTS = {
	control: {
		label: 'The Deployment by itself',
		end: '',
		inject: (drill) => drill.sleep(CONTROL),
		harm: ({ lost, bad, ready }) => lost + bad + never(ready),
		says: ({ ready, restarts }) => (ready !== undefined ? undefined : `never gets ready${restarts ? `: ${restarted(restarts)} restarted` : ''}`),
	},
	restart: rollout,
	broken: {
		label: 'A rollout of a broken version',
		end: 'rolled out',
		inject: (drill, row) => drill.rollOutAndUndo(row, 'broken'),
		harm: ({ lost, bad }) => lost + bad,
		commands: (it) => [setImage(it, 'broken'), 'sleep 30', `kubectl rollout undo deployment/${it.name}`],
	},
	slow: { ...rollout, label: 'A rollout of a slow version', inject: (drill, row) => drill.rollOut(row, 'slow'), commands: (it) => [setImage(it, 'slow')] },
	fail: {
		label: 'A replica that breaks',
		end: 'restarted',
		inject: (drill, row) => drill.poison(row, (replica) => replica.break()),
		harm: (row) => row.lost + (row.unready === undefined || row.unready > SOON || isMuch(row) ? row.bad : 0) + never(row.replaced),
		says: ({ unready, replaced, bad }) => {
			if (replaced === undefined) return unready === undefined && bad ? 'is never noticed' : 'is never restarted';
			if (unready === undefined && bad) return `is noticed only when it is restarted, after ${Math.round(replaced)} s`;
			return unready > SOON ? `is noticed only after ${Math.round(unready)} s` : undefined;
		},
		commands: () => ['curl -X POST $URL/fail'],
	},
	quit: {
		label: 'A replica that exits',
		end: 'restarted',
		inject: (drill, row) => drill.poison(row, (replica) => replica.quit()),
		harm: ({ lost, bad }) => lost + bad,
		commands: () => ['curl -X POST $URL/quit'],
	},
	delete: {
		label: 'A deleted pod',
		end: 'replaced',
		inject: (drill, row) => drill.delete(row),
		harm: ({ lost, bad, replaced }) => lost + bad + never(replaced),
		says: ({ replaced }) => (replaced === undefined ? 'is never replaced' : undefined),
	},
	drain: {
		label: 'A drained node',
		end: 'replaced',
		inject: (drill, row) => drill.drain(row),
		harm: ({ lost, bad, replaced }) => lost + bad + never(replaced),
		says: ({ replaced }) => (replaced === undefined ? 'is never empty, because a budget allows no eviction' : undefined),
		commands: () => ['kubectl drain NODE --ignore-daemonsets --delete-emptydir-data'],
	},
	dependency: {
		label: `A ${OUTAGE} s outage of a dependency`,
		end: 'restarted',
		inject: (drill, row) => drill.outage(row, OUTAGE),
		harm: ({ restarts, ready, unready }) => NEVER * restarts + (unready === undefined ? 0 : never(ready)),
		says: ({ restarts }) => (restarts ? `makes Kubernetes restart ${restarted(restarts)}` : undefined),
		spared: 'restarts nothing',
	},
	evict: {
		label: 'Eviction',
		end: 'replaced',
		inject: (drill, row) => drill.evict(row),
		harm: ({ lost, bad, replaced }) => lost + bad + never(replaced),
		says: ({ replaced }) => (replaced === undefined ? 'is never allowed' : undefined),
	},
	scale: {
		label: 'Scaling',
		end: 'replaced',
		inject: (drill, row) => drill.scale(row),
		harm: ({ lost, bad }) => lost + bad,
		commands: ({ name, replicas }) => [`kubectl scale deployment/${name} --replicas ${replicas}`],
	},
	burst: {
		label: 'A burst of requests',
		end: 'restarted',
		inject: (drill, row) => drill.crowd(row),
		harm: ({ lost, bad, restarts }) => lost + bad + NEVER * restarts,
		says: ({ restarts }) => (restarts ? `makes Kubernetes restart ${restarted(restarts)}` : undefined),
		commands: () => ['seq 2000 | xargs -P 2000 -I% curl -s $URL/wait'],
	},
	flood: {
		label: 'A flood of requests',
		end: 'restarted',
		inject: (drill, row) => drill.crowd(row, FLOOD),
		harm: ({ lost, bad, restarts }) => lost + bad + NEVER * restarts,
		commands: () => ['seq 20000 | xargs -P 2000 -I% curl -s $URL/wait'],
	},
};

/** What the fault of a row is called. @param {{ fault: string, replicas?: number }} row */
export const labelOf = ({ fault, replicas }) => (fault === 'scale' && replicas !== undefined ? `${FAULTS.scale.label} to ${replicas}` : FAULTS[fault].label);

/** How much a row hurts, in requests. */
export const harmOf = (row) => FAULTS[row.fault].harm(row);
