// The proxy of the cluster, as far as HTTP goes.

/** What HTTP calls the answers of the component. */
const REASONS = {
	200: 'OK',
	202: 'Accepted',
	204: 'No Content',
	304: 'Not Modified',
	400: 'Bad Request',
	401: 'Unauthorized',
	403: 'Forbidden',
	404: 'Not Found',
	405: 'Method Not Allowed',
	500: 'Internal Server Error',
	503: 'Service Unavailable',
};

/** A host that isolates its pages lets them frame only what is isolated, too. @type {[string, string]} */
const ISOLATED = ['cross-origin-embedder-policy', 'require-corp'];

/**
 * Passes a request to the cluster of a session.
 * @param {import('./session.js').Session} session
 * @param {Request} request
 * @param {string} target its path, without what is above the cluster, and its query
 * @returns {Promise<Response>}
 */
export async function pass(session, request, target) {
	const { method, headers, url } = request;
	try {
		const { route } = await session.cluster();
		const answer = await route.send({ method, target, authority: new URL(url).host, headers: [...headers] }, request);
		const { status } = answer;
		const body = status === 204 || status === 304 ? null : answer.body;
		return new Response(body, { status, statusText: REASONS[status], headers: [...answer.headers.map(frameable), ISOLATED] });
	} catch (error) {
		return new Response(`${error.message}\n`, { status: 502, statusText: 'Bad Gateway', headers: [['refresh', '1'], ISOLATED] });
	}
}

/** A header of the control room that lets the page of this cluster, and no other, put it into a frame. */
function frameable([name, value]) {
	if (name === 'x-frame-options') return [name, 'SAMEORIGIN'];
	return [name, value.replace("frame-ancestors 'none'", "frame-ancestors 'self'")];
}
