// Where the kubelet of webernetes 0.3.5 differs from a real one, it is mended here.

/** How long a node takes at least to make a pod's sandbox, and then each container, in milliseconds: webernetes takes no time. */
const SANDBOX = 200;
const CONTAINER = 250;
/** By how much each may take longer. */
const JITTER = 500;

/** Makes the nodes of a cluster take their time, as seen on Kubernetes 1.36.2. @param {import('@ngrok/webernetes').Cluster} cluster */
export function mendNodes({ servers, clock }) {
	for (const { runtime } of servers) {
		const run = runtime.runPodSandbox.bind(runtime);
		runtime.runPodSandbox = async (context, config, handler) => {
			if (config.metadata?.namespace !== 'kube-system') await clock.wait(SANDBOX + JITTER * Math.random());
			return run(context, config, handler);
		};
		const create = runtime.createContainer.bind(runtime);
		runtime.createContainer = async (context, sandbox, config, pod) => {
			if (pod.metadata?.namespace !== 'kube-system') await clock.wait(CONTAINER + JITTER * Math.random());
			return create(context, sandbox, config, pod);
		};
	}
}

/**
 * Makes the kubelets of a cluster probe as real ones do. Kubernetes triggers a readiness probe beside its period once a
 * container has started. webernetes triggers it before the status says so, when it comes to nothing, and again with each
 * of the next syncs; and it takes its kubelets for just started, which delays the first probes.
 * @param {import('@ngrok/webernetes').Cluster} cluster
 */
export function mendProbes({ servers, clock }) {
	for (const { kubelet } of servers) {
		const manager = /** @type {any} */ (kubelet.probeManager);
		manager.startedAt = new Date(0);
		const asked = new Set();
		const probe = manager.prober.probe.bind(manager.prober);
		manager.prober.probe = (context, type, pod, status, container, id) => {
			// A container that has been restarted counts as started until its startup probe runs.
			const hasStarted = !container.startupProbe || manager.startupManager.get(id) === 'success';
			if (type === 'readiness' && hasStarted) asked.add(id.toString());
			return probe(context, type, pod, status, container, id);
		};
		const update = manager.updatePodStatus.bind(manager);
		manager.updatePodStatus = (context, pod, status) => {
			for (const { name, containerID } of status.containerStatuses ?? []) {
				const worker = manager.getWorker(pod.metadata.uid, name, 'readiness');
				if (!worker) continue;
				const { triggerManualRun } = Object.getPrototypeOf(worker);
				worker.triggerManualRun = () => asked.has(containerID) || clock.setTimeout(() => triggerManualRun.call(worker), 0);
			}
			update(context, pod, status);
		};
	}
}

/** Objects with another port in place of 80, of which webernetes refuses probes: a URL does not spell it out. */
export const without80 = (objects) =>
	JSON.parse(JSON.stringify(objects, (key, value) => (/^(containerP|p)ort$/.test(key) && Number(value) === 80 ? 65_080 : value)));
