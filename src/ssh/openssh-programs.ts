import { openSshConfigFile } from './ssh-config-file.ts';
import { parseJump } from './target.ts';

/** Asks ssh what its configuration comes to for a host: the lines of `ssh -G`. Rejects with its words where it refuses. */
export type AskConfiguration = (words: readonly string[]) => Promise<string>;

const HOPS_MAX = 8;
const NAME = /^[\w.:@+%][\w.:@+%-]*$/;

/** Whether neither ssh nor a shell reads more in it than a name. */
export function isPlainName(text: string): boolean {
  return NAME.test(text);
}

/**
 * The sentence, without its full stop, that says which program ssh may run on the way to a host by its configuration; null: none.
 * `Match exec` is looked for in the files first, because `ssh -G` itself would run it.
 */
export async function programOnTheWay(
  { files, home }: { files: readonly string[]; home: string },
  host: readonly string[],
  ask: AskConfiguration,
): Promise<string | null> {
  for (const file of files) {
    const line = openSshConfigFile(file, { home, localUser: '' }).programLine();
    if (line !== null) return line;
  }
  const waiting = [host];
  for (let asked = 0; waiting.length > 0; asked++) {
    if (asked > HOPS_MAX) return `its ProxyJump goes over more than ${HOPS_MAX} hosts`;
    const said = await ask(waiting.shift() ?? []);
    const command = /^proxycommand (.+)$/m.exec(said)?.[1];
    if (command !== undefined && command !== 'none')
      return `its ProxyCommand "${command.slice(0, 100)}" is a local program`;
    const jumps = /^proxyjump (.+)$/m.exec(said)?.[1] ?? 'none';
    for (const jump of jumps === 'none' ? [] : jumps.split(',')) {
      const words = jumpWords(jump);
      // ssh gives them to a shell as they are.
      if (words === null) return `its ProxyJump "${jump.slice(0, 100)}" may run a local program`;
      waiting.push(words);
    }
  }
  return null;
}

/** As arguments; null: they are no plain names. */
function jumpWords(jump: string): string[] | null {
  const { user, address, port } = parseJump(jump) ?? {};
  if (address === undefined || ![address, user ?? 'x'].every(isPlainName)) return null;
  return [
    ...(user === undefined ? [] : ['-o', `User=${user}`]),
    ...(port === undefined ? [] : ['-o', `Port=${port}`]),
    '--',
    address,
  ];
}
