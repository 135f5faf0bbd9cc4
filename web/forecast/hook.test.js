// What sleeps in a preStop hook, and what only looks as if it did.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preStopOf } from './hook.js';

/** @type {[string[], number, RegExp?][]} */
const COMMANDS = [
	[['sleep', '10'], 10],
	[['/bin/sleep', '1m'], 60],
	[['sleep', 'infinity'], 30],
	[['sleep', '5', '5s'], 10],
	[['sh', '-c', 'sleep "10"'], 10],
	[['sh', '-c', 'sleep 2.5'], 3],
	[['/bin/sh', '-ec', 'touch /tmp/down || true\nexec sleep 7 >/dev/null # not 9'], 7],
	[['bash', '-c', 'sleep 5; sleep 10'], 15],
	// biome-ignore lint/suspicious/noTemplateCurlyInString: it is a shell's
	[['sh', '-c', 'sleep ${DELAY:-15} && nginx -s quit'], 15],
	[['sh', '-c', 'sleep 5 & wait'], 5],
	[['sh', '-c', 'sleep 10; appctl stop'], 10],
	[['sh', '-c', 'kill -HUP 1 && sleep 9'], 9],
	[['timeout', '20', 'sleep', '4'], 4],
	[['powershell', '-Command', 'Start-Sleep -Seconds 5'], 5],
	[['powershell', 'Start-Sleep', '-s', '5'], 5],
	[['pwsh', '-c', 'Start-Sleep 5'], 5],
	[['pwsh', '-c', 'Start-Sleep -Milliseconds 5000'], 5],
	[['cmd', '/c', 'timeout /t 5 /nobreak'], 5],
	[['python3', '-c', 'import time; time.sleep(10)'], 10],
	[['bash', '-c', 'sleep', '5'], 0, /`sleep` without a number, since a shell takes only one argument/],
	[['sh', '-c', 'sleep soon'], 0, /number that it understands/],
	[['sleep 10'], 0, /program with a space in its name/],
	[['sh', '-c', 'sleep $DELAY'], 0, /variable/],
	[['sh', '-c', 'sleep 5 &'], 0, /does not sleep/],
	[['sh', '-c', 'echo "sleep 10"'], 0, /does not sleep/],
	[['sh', '-c', 'true || sleep 10'], 0, /does not sleep/],
	[['sh', '-c', 'while pgrep app; do sleep 1; done'], 0, /cannot be known/],
	[['ping', '-n', '5', '127.0.0.1'], 0, /does not sleep/],
	[['sh', 'drain.sh'], 0, /does not sleep/],
	[['sh', '-c', 'nginx -s quit; sleep 15'], 0, /ends the server \(nginx -s quit\) before it sleeps/],
	[['sh', '-c', '/usr/sbin/nginx -s stop && sleep 15'], 0, /nginx -s stop/],
	[['nginx', '-s', 'quit'], 0, /ends the server \(nginx -s quit\) at once/],
	[['sh', '-c', 'nginx -s quit; while pgrep nginx; do sleep 1; done'], 0, /at once/],
	[['sh', '-c', 'kill -QUIT 1; sleep 9'], 0, /\(kill\)/],
	[['sh', '-c', 'pkill -TERM java; sleep 9'], 0, /\(pkill\)/],
	[['sh', '-c', 'curl -u admin:secret localhost/actuator/shutdown; sleep 3'], 0, /\(curl shutdown\)/],
	[['apachectl', '-k', 'graceful-stop'], 0, /\(apachectl graceful-stop\)/],
];

for (const [command, seconds, text] of COMMANDS) {
	test(`${JSON.stringify(command)} sleeps for ${seconds} s`, () => {
		const hook = preStopOf({ exec: { command } }, 30);
		assert.deepEqual([hook.kind, hook.seconds, hook.isDrain], ['exec', seconds, seconds > 0]);
		if (text) assert.match(hook.text ?? '', text);
		// What is shared of it does the same, and says no more.
		assert.deepEqual(preStopOf({ exec: { command: hook.command } }, 30), hook);
		assert.doesNotMatch(JSON.stringify(hook), /secret|drain\.sh/);
	});
}

test('other hooks are what they are', () => {
	assert.deepEqual(preStopOf({ sleep: { seconds: 7 } }, 30), { kind: 'sleep', seconds: 7, isDrain: true });
	assert.equal(preStopOf({ httpGet: { port: 80 } }, 30).isDrain, false);
});
