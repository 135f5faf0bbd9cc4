// Says what is wrong as long as the page itself cannot. A script of its own, which runs even where no module does.

for (const kind of ['error', 'unhandledrejection']) {
	const say = (/** @type {any} */ { target, message, reason }) => {
		const what = target?.src ? `the server does not serve ${target.src} as a script` : (message ?? reason?.message ?? reason);
		document.querySelector('#status').textContent = `This page does not start: ${what}`;
	};
	addEventListener(kind, say, true);
}
