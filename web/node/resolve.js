// Lets Node load webernetes, whose modules name one another as bundlers want it: without an ending.

import { registerHooks } from 'node:module';

registerHooks({
	resolve(specifier, context, next) {
		const isWebernetes = specifier.startsWith('.') && context.parentURL?.includes('/@ngrok/webernetes/');
		for (const ending of isWebernetes ? ['.js', '/index.js'] : []) {
			try {
				return next(specifier + ending, context);
			} catch {}
		}
		return next(specifier, context);
	},
});
