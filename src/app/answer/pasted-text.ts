// A report that went through a chat, a mail or a narrow terminal is not what the kernel wrote any more:
//
//   &lt;4&gt;[ 1902.47] Killed process 365 (mysqld)     entities, when a message's text is taken
//   oom‑kill:constraint=…  “mysqld”                     typographic signs
//   > [ 1902.47] …                                      quoted
//   [ 1902.47] Killed process 365 (mysqld)              wrapped at a blank, or at any character
//   total-vm:1172844kB, anon-rss:146036kB

/** Starts of lines as loggers print them: kernel time, wall time, journal, `kernel:`, kmsg. */
const PREFIX =
  /^\s*(?:<\d{1,3}>)?(?:\[\s*\d+\.\d{1,9}\]|\[?[A-Z][a-z]{2} [A-Z]?[a-z]{0,2} ?[ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d{1,3},\d+,\d+,|kernel:|\{")/;
/** Parts of kernel lines that never begin one. */
const MIDDLE =
  /^\s*(?:(?:anon|file|shmem)-rss:|total-vm:|UID:\d|pgtables:|oom_score_adj[:=]|order=|gfp_mask=|nodemask=|cpuset=|mems_allowed=|global_oom|oom_memcg=|task_memcg=|task=|pid=|uid=|score -?\d|or sacrifice child|[,)])/;

/** What a pasted text may have been before it was mangled, as lines, the plainest reading first. The reader takes the one that says most. */
export function readingsOf(pasted: string): string[][] {
  const plain = unquote(plainSigns(pasted).split('\n'));
  const apart = plain.flatMap((line) => line.replace(/(?<=\S) +(?=\[ *\d+\.\d{6}\] )/g, '\n').split('\n'));
  const isWhole = plain.some((line) => PREFIX.test(line))
    ? (line: string): boolean => PREFIX.test(line)
    : (line: string): boolean => !MIDDLE.test(line);
  const readings = [plain, apart, joined(plain, isWhole, ' '), joined(plain, isWhole, ''), hardWrapped(plain)];
  const seen = new Set<string>();
  return readings.filter((lines) => {
    const text = lines.join('\n');
    return seen.has(text) ? false : seen.add(text) !== undefined;
  });
}

/** Entities, links and typographic signs as they were typed; hidden characters are gone. */
function plainSigns(text: string): string {
  return (
    text
      .replaceAll(/\r\n?/g, '\n')
      .replaceAll(/<(?:https?:\/\/|mailto:)[^<>|\n]*\|([^<>\n]*)>/g, '$1')
      // &amp; last: `&amp;lt;` was typed as `&lt;`.
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&')
      .replaceAll(/[“”„‟«»″]/g, '"')
      .replaceAll(/[‘’‚‛′]/g, "'")
      .replaceAll(/[‐‑‒–—―−]/g, '-')
      .replaceAll(/[\u00a0\u2000-\u200a\u202f\u3000]/g, ' ')
      .replaceAll(/[\u200b-\u200d\u2060\ufeff]/g, '')
  );
}

/** Without the fences of a code block, and without `>` before each line. */
function unquote(lines: readonly string[]): string[] {
  const bare = lines.map((line) => line.replaceAll('```', '')).filter((line) => line.trim() !== '');
  const quoted = bare.filter((line) => /^ *> ?/.test(line)).length;
  return quoted * 2 > bare.length ? bare.map((line) => line.replace(/^ *(?:> ?)+/, '')) : bare;
}

function joined(lines: readonly string[], isWhole: (line: string) => boolean, between: string): string[] {
  const whole: string[] = [];
  for (const line of lines) {
    const before = whole.at(-1);
    if (before === undefined || isWhole(line)) whole.push(line);
    else whole[whole.length - 1] = between === '' ? before + line : `${before.trimEnd()} ${line.trimStart()}`;
  }
  return whole;
}

/** A terminal breaks lines at its width, whatever stands there: lines of just the greatest length go on in the next. */
function hardWrapped(lines: readonly string[]): string[] {
  const width = lines.reduce((most, line) => Math.max(most, line.length), 0);
  const whole: string[] = [];
  let goesOn = false;
  for (const line of lines) {
    if (goesOn) whole[whole.length - 1] += line;
    else whole.push(line);
    goesOn = line.length === width;
  }
  return whole;
}
