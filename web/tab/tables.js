// The tables of the page, as kubectl prints them, and what users felt.

import { labelOf } from '../forecast/faults.js';
import { $, write } from './dom.js';
import { titleOf } from './lessons.js';

/** Makes a table say `rows`: each is whether it is bad, and its cells. */
function fill(selector, rows) {
	const body = $(`${selector} tbody`);
	while (body.rows.length > rows.length) body.deleteRow(-1);
	rows.forEach(([isBad, ...cells], index) => {
		const row = body.rows[index] ?? body.insertRow();
		row.className = isBad ? 'bad' : '';
		for (const [column, text] of cells.entries()) write(row.cells[column] ?? row.insertCell(), text);
	});
}

/** A length of time, as kubectl says it. */
function age(milliseconds) {
	const seconds = Math.max(0, Math.round(milliseconds / 1000));
	if (seconds < 120) return `${seconds}s`;
	return seconds < 7200 ? `${Math.floor(seconds / 60)}m` : `${Math.floor(seconds / 3600)}h`;
}

/** Whether a pod has more containers than are ready. */
function isShort(ready) {
	const [are, of] = ready.split('/');
	return are !== of;
}

function feltOf(row) {
	const { lesson, unready, replaced, ready, sent, lost, bad, retried, refused, done } = row;
	const times = [unready, replaced, ready].map((time) => time?.toFixed(1) ?? (done ? '–' : '…'));
	return [lost, titleOf(lesson), labelOf(row), ...times, sent, lost, bad, retried, refused];
}

const eventOf = ({ at, since, count, type, reason, object, message }, now) => {
	const seen = count > 1 ? `${age(now - at)} (x${count} over ${age(now - since)})` : age(now - at);
	return [type === 'Warning', seen, type, reason, object, message];
};

/** Shows what the worker has told. */
export function showTables({ now, pods, replicaSets, faults, events }) {
	fill(
		'#pods',
		pods.map(({ name, ready, status, restarts, since }) => [isShort(ready), name, ready, status, restarts, age(now - since)]),
	);
	fill(
		'#replicasets',
		replicaSets.map(({ name, desired, ready }) => [ready < desired, name, desired, ready]),
	);
	fill('#faults', faults.map(feltOf));
	fill(
		'#events',
		events.map((event) => eventOf(event, now)),
	);
	const logs = pods.flatMap(({ name, log }) => log.map((text) => `${name}  ${text}`));
	write($('#logs'), logs.join('') || 'Nothing yet.');
}
