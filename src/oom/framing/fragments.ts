import { openLines, type Filter } from './filter.ts';

// A line that its way could not carry whole, in pieces that say so:
//
//   6.1.0-21-amd64,4,712,107500000,-,ncfrag=0/120;php-fpm invoked oom-killer: gfp_mask=0xcc0    netconsole, extended
//   6.1.0-21-amd64,4,712,107500000,-,ncfrag=51/120;(GFP_KERNEL), order=0
//   2026-11-22T19:51:13.000000000Z stdout P php-fpm invoked oom-                                 containers (CRI)
//   2026-11-22T19:51:13.000000000Z stdout F killer: gfp_mask=0xcc0(GFP_KERNEL), order=0
//   tail invoked oom-killer:                                      books and editors: a sign says that the line goes on
//   ↪gfp_mask=0xd0, order=0, oom_score_adj=0

const MARKS = '(?:\\xe2\\x86\\xaa|\\xe2\\x86\\xb3|\\xe2\\xa4\\xb7)(?:\\xe2\\x86\\x92)?';
const GOES_ON = new RegExp(`^[ \\t]*${MARKS}[ \\t]?`);
const GOES_ON_SOMEWHERE = new RegExp(`^[^\\n]{10,400}\\n[ \\t]*${MARKS}`, 'm');
const NETCONSOLE = /^([^;\n]{1,120}),ncfrag=(\d{1,6})\/(\d{1,6});/;
const CRI = /^\S{20,40} (stdout|stderr) ([PF]) /;
const WHOLE_MAX = 65_536;

export function hasFragments(head: string): boolean {
  return (
    GOES_ON_SOMEWHERE.test(head) ||
    /,ncfrag=\d{1,6}\/\d{1,6};/.test(head) ||
    /^\S{20,40} (?:stdout|stderr) P /m.test(head)
  );
}

/** Puts the pieces together. */
export function openFragments(head: string): Filter {
  return GOES_ON_SOMEWHERE.test(head) ? openMarked() : openCounted();
}

/** Lines that a sign continues. */
function openMarked(): Filter {
  let whole = '';
  let pieces = 0;

  function flush(): string {
    const out = pieces === 0 ? '' : whole + '\n'.repeat(pieces);
    pieces = 0;
    return out;
  }

  return openLines((line) => {
    const mark = pieces > 0 && whole.length < WHOLE_MAX ? GOES_ON.exec(line) : null;
    if (mark !== null) {
      whole += ` ${line.slice(mark[0].length)}`;
      pieces += 1;
      return '';
    }
    const before = flush();
    whole = line;
    pieces = 1;
    return before;
  }, flush);
}

function openCounted(): Filter {
  let netconsole: { front: string; text: string } | null = null;
  /** By stream: the line so far. */
  const partial = new Map<string, string>();

  function flush(): string {
    const given = netconsole;
    netconsole = null;
    return given === null ? '' : `${given.front};${given.text}\n`;
  }

  function take(line: string): string {
    const piece = NETCONSOLE.exec(line);
    if (piece !== null) return takeNetconsole(piece, line.slice(piece[0].length));
    const before = flush();
    const cri = CRI.exec(line);
    const [front = '', stream = '', kind] = cri ?? [];
    if (cri === null) return `${before}${line}\n`;
    const whole = `${partial.get(stream) ?? `${front.slice(0, -2)}F `}${line.slice(front.length)}`;
    if (kind === 'P' && whole.length < WHOLE_MAX) {
      partial.set(stream, whole);
      return before;
    }
    partial.delete(stream);
    return `${before}${whole}\n`;
  }

  function takeNetconsole([, front = '', at, size]: RegExpExecArray, text: string): string {
    if (Number(at) === 0 || netconsole?.front !== front) {
      const before = flush();
      netconsole = { front, text };
      return before;
    }
    netconsole.text += text;
    return netconsole.text.length >= Math.min(Number(size), WHOLE_MAX) ? flush() : '';
  }

  return openLines(take, () => {
    const lost = [...partial.values()].map((line) => `${line}\n`);
    return flush() + lost.join('');
  });
}
