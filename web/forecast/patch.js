// What `kubectl patch` does, as far as a Deployment of one container needs it.

/** A new value: `target` with a strategic merge patch. Objects merge, null deletes, and lists merge by name. */
export function merge(target, patch) {
	if (Array.isArray(patch)) {
		const known = patch.map(({ name }) => name);
		const kept = (target ?? []).filter(({ name }) => !known.includes(name));
		return [
			...kept,
			...patch.map((it) =>
				merge(
					target?.find(({ name }) => name === it.name),
					it,
				),
			),
		];
	}
	if (patch === null || typeof patch !== 'object') return patch;
	const merged = { ...target };
	for (const [key, value] of Object.entries(patch)) {
		if (value === null) delete merged[key];
		else merged[key] = merge(merged[key], value);
	}
	return merged;
}

/** Whether YAML would take a text for something else, or not at all. */
const needsQuotes = (text) => !/^[A-Za-z/][\w./-]*$/.test(text) || /^(true|false|yes|no|on|off|null|y|n)$/i.test(text);

/** A value in YAML, as people write it. */
function yaml(value, indent) {
	if (value === null || typeof value !== 'object') return ` ${typeof value === 'string' && needsQuotes(value) ? JSON.stringify(value) : value}`;
	const isList = Array.isArray(value);
	const items = isList
		? value.map((it) => `-${yaml(it, `${indent}  `).replace(/^\n\s*/, ' ')}`)
		: Object.entries(value).map(([key, it]) => `${key}:${yaml(it, `${indent}  `)}`);
	return items.map((item) => `\n${indent}${item}`).join('');
}

/** What applies a patch of a Deployment. */
export const commandOf = ({ namespace, name }, patch) => `kubectl --namespace ${namespace} patch deployment ${name} --patch '${yaml(patch, '')}'`;
