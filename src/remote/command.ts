/**
 * A fixed script as a command for the login shell, whichever that is. No outside data ever goes in here: scripts read
 * theirs from standard input, line by line, and check it. The answer begins with an empty line: what a login shell says before
 * may lack its line end, and the first line of the answer is known as a whole.
 *
 * The first words do nothing in a shell. Where `setup` made oombot-host the only command of the bot's key, they are all that
 * counts: it runs its own script of that name and takes nothing from the rest.
 */
export function remoteCommand(verb: string, script: string): string {
  return `: oombot 1 ${verb}; exec env LC_ALL=C sh -c 'echo; ${script.trim().replaceAll("'", `'\\''`)}'`;
}

/**
 * Runs `command` until it ends or our side is gone: sshd tells a command nothing when the connection goes, so a watcher
 * waits for the end of standard input. `command` must not read it.
 */
export function untilInputEnds(command: string): string {
  return `
exec 3<&0
${command} </dev/null 3<&- & p=$!
( exec >/dev/null 2>&1; while read -r _ <&3; do :; done; kill "$p" ) & w=$!
wait "$p"; rc=$?
kill "$w" 2>/dev/null
exit "$rc"`;
}
