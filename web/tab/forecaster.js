// The forecast's own thread: virtual time takes all the time there is, and the user waiting for it can cancel it.

import { advise, describe, withPatch } from '../forecast/findings.js';
import { faultsFor, forecast } from '../forecast/forecast.js';
import { read } from '../forecast/manifest.js';
import { CAN_WAIT, compile } from '../cluster/component.js';

addEventListener('message', async ({ data: { manifest, name, program, patch } }) => {
	try {
		const { text, objects, ...found } = read(manifest, name);
		const faults = faultsFor(objects);
		postMessage({ text, ...found, faults, canWait: CAN_WAIT });
		const modules = await compile(async (name) => (await fetch(MODULES[name])).arrayBuffer());
		const subject = { objects: withPatch(objects, patch ?? {}), modules, program };
		const rows = await forecast(subject, faults, (row) => postMessage({ row }));
		if (patch) return postMessage({ isDone: true });
		const tell = (finding) =>
			postMessage({ finding: { fault: finding.before[0].fault, lesson: finding.lesson, patch: finding.patch, text: describe(finding) } });
		const advice = await advise(subject, rows, tell);
		const texts = advice.findings.map(describe); // by now, it is known what else they make better
		postMessage({ isDone: true, texts, patch: advice.patch, rest: advice.rest.map(({ fault }) => fault) });
	} catch (error) {
		postMessage({ error: String(error.message).split('\n', 1)[0] });
	}
});
