// How long a preStop hook keeps a pod serving. Of what it runs, what sleeps counts, as long as nothing has ended the
// server before.

/** Words by which a command tells a server to end. */
const ENDS = /^(stop|quit|shutdown|graceful-stop|terminate|halt|quitquitquit|stop-server)$/i;
const ASKS_TO_END = /(shutdown|quit|terminate|\bstop)/i;
const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 };
/** As much of a script is read, in characters. */
const LONGEST = 2000;
/** Why a hook sleeps for nothing, and what does the same without the words of the command. @type {Record<string, [string, string[]]>} */
const WHY = {
	none: ['does not sleep', ['true']],
	loop: ['waits for something that cannot be known here', ['sh', '-c', 'while true; do sleep 1; done']],
	variable: ['sleeps for as long as a variable says', ['sh', '-c', 'sleep $SECONDS_TO_SLEEP']],
	operand: ['runs `sleep` without a number, since a shell takes only one argument after `-c` as its script', ['sh', '-c', 'sleep', '1']],
	number: ['runs `sleep` without a number that it understands', ['sh', '-c', 'sleep']],
	program: ['names a program with a space in its name, which does not exist: each argument is an item of its own', ['sleep 1']],
};

const basename = (word) => word.replace(/^.*[/\\]/, '').replace(/\.exe$/i, '');

/**
 * The simple commands of a shell's script, as lists of words, each with the operator before it.
 * @param {string} script
 */
function commandsOf(script) {
	const commands = [{ operator: '', words: /** @type {string[]} */ ([]) }];
	const plain = script
		.slice(0, LONGEST)
		.replace(/(^|\s)#.*/g, '')
		.replace(/\d?>{1,2}\s*(&\d|[\w./-]+)/g, ' ');
	for (const [, operator, word] of plain.matchAll(/(&&|\|\||[;&|\n])|((?:"(?:[^"\\]|\\.)*"|'[^']*'|\$\([^)]*\)|\$\{[^}]*\}|\\.|[^\s;&|"'])+)/g)) {
		if (operator) commands.push({ operator, words: [] });
		else commands.at(-1)?.words.push(word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g, (_, a = '', b = '', c = '') => a + b + c));
	}
	return commands;
}

/** The seconds in an operand of `sleep`: NaN if it is none, undefined if only a running shell knows. */
function secondsOf(operand) {
	const [, fallback] = /^\$\{\w+:?-([^}]+)\}$/.exec(operand) ?? [];
	if (fallback) return secondsOf(fallback);
	if (/[$`]/.test(operand)) return undefined;
	if (/^inf(inity)?$/i.test(operand)) return Infinity;
	const [, amount, unit] = /^(\d+\.?\d*|\.\d+)([smhd]?)$/.exec(operand) ?? [];
	return amount ? Number(amount) * UNITS[unit || 's'] : Number.NaN;
}

/** The operands by which a command sleeps, if it is one that sleeps. */
function operandsOf([first, ...rest]) {
	const name = basename(first).toLowerCase();
	if (name === 'sleep') return rest;
	if (name === 'start-sleep') {
		const operand = rest.find((it) => !it.startsWith('-')) ?? '';
		return [/^-m/i.test(rest[0] ?? '') ? String(Number(operand) / 1000) : operand];
	}
	if (name === 'timeout' && rest.some((it) => /^\/t$/i.test(it))) return [rest[rest.findIndex((it) => /^\/t$/i.test(it)) + 1] ?? ''];
	const script = /^(python[\d.]*|perl|ruby|php)$/.test(name) ? /\bsleep[\s(]+(\d+(?:\.\d+)?)/.exec(rest.join(' ')) : undefined;
	return script ? [script[1]] : undefined;
}

/** What ends the server, if a command does: in words that are known here, since a command may hold passwords. */
function enderOf([first, ...rest]) {
	const name = basename(first);
	const called = /^[\w.-]{1,30}$/.test(name) ? name : 'a command';
	if (/^(kill|pkill|killall)$/.test(name)) {
		const isHarmless = rest.some((it) => /^-?-?(0|l|HUP|SIGHUP|USR\d|SIGUSR\d|1|10|12)$/.test(it) && it !== rest.at(-1));
		return isHarmless ? undefined : name;
	}
	if (/^(curl|wget)$/.test(name)) return rest.some((it) => ASKS_TO_END.test(it)) ? `${name} shutdown` : undefined;
	if (/^(shutdown|stop|quit)(\.sh)?$/.test(name)) return name;
	if (/^(echo|printf|logger|true|:)$/.test(name)) return undefined;
	const word = rest.find((it) => ENDS.test(it));
	if (!word) return undefined;
	return name === 'nginx' ? `nginx -s ${word}` : `${called} ${word.toLowerCase()}`;
}

/** A command without what only starts it. */
function unwrapped(words) {
	const [first = '', second] = words;
	if (/^(exec|command|busybox|env|tini|dumb-init|sudo|nohup|--)$/.test(basename(first))) return unwrapped(words.slice(1));
	return /^\w+=/.test(first) || (basename(first) === 'timeout' && /^\d/.test(second ?? ''))
		? unwrapped(words.slice(second && first.startsWith('t') ? 2 : 1))
		: words;
}

/** The script that a command hands to a shell, or the command itself as one simple command. */
function scriptOf(command) {
	const words = unwrapped(command);
	const name = basename(words[0] ?? '').toLowerCase();
	if (/^(ba|da|a|z|k)?sh$/.test(name)) {
		const flag = words.findIndex((it, index) => index > 0 && /^-\w*c$/.test(it));
		return flag < 0 ? [] : commandsOf(words[flag + 1] ?? '');
	}
	if (/^(pwsh|powershell|cmd)$/.test(name))
		return commandsOf(
			words
				.slice(1)
				.filter((it) => !/^([-/](c|command|noprofile|noninteractive))$/i.test(it))
				.join(' '),
		);
	return [{ operator: '', words }];
}

/**
 * How many seconds a command sleeps before anything ends the server.
 * @returns {{ seconds: number, why: string, ender?: string }} and why it sleeps for nothing if it does, or what ended the server before
 */
function sleepOf(command) {
	if (command.length === 1 && /\s/.test(command[0].trim())) return { seconds: 0, why: 'program' };
	let [seconds, aside, why, ender] = [0, 0, 'none', undefined];
	const commands = scriptOf(command);
	for (const [index, { operator, words: all }] of commands.entries()) {
		const words = unwrapped(all);
		if (!words.length || operator === '||') continue;
		if (/^(while|until|for|if|case|do|then|\(|\{|\[\[?)/.test(words[0])) {
			why = 'loop';
			break;
		}
		ender ??= enderOf(words);
		if (ender && seconds) break;
		const times = words[0] === 'wait' ? [aside] : operandsOf(words)?.map(secondsOf);
		if (!times) continue;
		if (ender) return { seconds: 0, why: 'late', ender };
		const slept = times.length ? times.reduce((sum, it) => sum + it, 0) : Number.NaN;
		const next = commands[index + 1]?.operator;
		if (slept >= 0 && next === '&') aside = Math.max(aside, slept);
		else if (slept >= 0) seconds += slept;
		else why = times.includes(undefined) ? 'variable' : !times.length && command.length > 3 ? 'operand' : 'number';
		if (!(slept >= 0) && next === '&&') break;
	}
	return { seconds, why, ender };
}

/**
 * What a preStop hook does: how long it keeps the pod serving, in seconds, and so whether it drains it; and in words for
 * a sentence why it does not. `command` does the same, without the words of the manifest.
 * @typedef {{ kind: 'sleep' | 'exec' | 'httpGet' | 'tcpSocket', seconds: number, isDrain: boolean, text?: string, command?: string[] }} PreStop
 */

/**
 * @param {any} hook of its shape
 * @param {number} grace the pod's grace period, in seconds
 * @returns {PreStop}
 */
export function preStopOf({ exec, sleep, httpGet }, grace) {
	if (sleep) return { kind: 'sleep', seconds: sleep.seconds, isDrain: sleep.seconds > 0 };
	if (!exec) return { kind: httpGet ? 'httpGet' : 'tcpSocket', seconds: 0, isDrain: false, text: 'sends a request, and how long that takes is not known here' };
	const { seconds: slept, why, ender } = sleepOf(exec.command);
	const seconds = slept === Infinity ? grace : Math.round(Math.min(slept, 2 ** 31 - 1));
	if (seconds) return { kind: 'exec', seconds, isDrain: true, command: ['sleep', String(seconds)] };
	const isLate = why === 'late';
	const [text, command] = ender
		? [`ends the server (${ender})${isLate ? ' before it sleeps' : ' at once'}`, ['sh', '-c', `${ender}${isLate ? '; sleep 1' : ''}`]]
		: WHY[why];
	return { kind: 'exec', seconds: 0, isDrain: false, text, command };
}
