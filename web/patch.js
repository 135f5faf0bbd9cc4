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
