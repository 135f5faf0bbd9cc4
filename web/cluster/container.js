// A container of webernetes in which a program of ours plays an image.

import { BaseImage } from '@ngrok/webernetes';
import { PROBES, splitImage } from './pods.js';

/** The header in which webernetes' kubelet says which probe asks. */
const PROBE = 'x-webernetes-health-check';

/**
 * An image of that name, whose containers are run by `run`.
 * @param {string} reference
 * @param {(context: any, terminated: Promise<void>, version: string) => Promise<number>} run returns the exit code
 */
export function imageOf(reference, run) {
	const [, imageName, imageVersion = 'latest'] = splitImage(reference);
	return class extends BaseImage {
		static imageName = imageName;
		static imageVersion = imageVersion;
		defaultCommand = ['/'];
		#terminate = () => {};
		#terminated = new Promise((resolve) => {
			this.#terminate = () => resolve(undefined);
		});

		async exec(context, argv) {
			return argv[0] === '/' ? run(context, this.#terminated, imageVersion) : super.exec(context, argv);
		}
		signalHandler(_, signal) {
			if (signal === 'SIGTERM') this.#terminate();
		}
	};
}

/** Has a program answer what comes by the cluster's own network, such as a probe: it knows texts alone, so no gzip. */
export async function answerOf(program, { method, url, host, header }, onProbe) {
	const headers = Object.entries(header).flatMap(([name, values]) => values.map((value) => [name.toLowerCase(), value]));
	const [, probe] = headers.find(([name]) => name === PROBE) ?? [];
	const answer = await program.answer({
		method,
		target: url.pathname + url.search,
		authority: host,
		headers: headers.filter(([name]) => name !== 'accept-encoding'),
		probe,
	});
	if (probe) onProbe(answer.status < 400);
	return {
		status: answer.status,
		header: Object.fromEntries((answer.headers ?? []).map(([name, value]) => [name, [value]])),
		body: (await answer.body?.text()) ?? '',
	};
}

/** The ports that a container listens on: as Spin is told, or else all that its manifest names. */
export function portsOf({ ports = [], ...container }, env) {
	const told = /\d+$/.exec(env.get('SPIN_HTTP_LISTEN_ADDR') ?? '');
	if (told) return [Number(told[0])];
	const asked = PROBES.map((kind) => Number((container[kind]?.httpGet ?? container[kind]?.tcpSocket)?.port));
	return new Set([...ports.map(({ containerPort }) => containerPort), ...asked.filter(Boolean)]);
}
