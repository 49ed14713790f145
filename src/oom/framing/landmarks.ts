// Lines of a report that are known wherever in a line they stand: what is before and behind them is the wrapping.

export interface Landmark {
  kind: string;
  /** Where the kernel's text begins; -1: the kernel's text begins with a process name, which may be anything. */
  start: number;
  /** Behind the last character that the kernel wrote; -1: it does not show. */
  end: number;
}

interface Known {
  kind: string;
  pattern: string;
  /** Matches from the start to the end of what the kernel wrote. */
  whole?: RegExp;
}

const ZONE = '(?:DMA32|DMA|Normal|HighMem|Movable|Device)';
const KILL = '(?:Out of [Mm]emory|Memory cgroup out of memory|No available memory)(?: \\([A-Z_a-z]+\\)| in cpuset)?: ';
/** What killers of userspace say, and who saw the kernel's. */
const USERSPACE =
  '(?:sending SIG(?:TERM|KILL) to process \\d|low memory! at or below SIG|Low [Mm]emory! |[Kk]illing process(?: \\d+ "|: ?|(?= \'))|' +
  'Victim (?:status|information) \\(found|Victim is .{1,64}, pid: \\d|Send(?:ing)? SIG[A-Z]+ to the victim|Try to send the SIG|' +
  "(?:(?:lowmemorykiller|lmkd): )?Kill(?:ing)? '.{1,256}?' \\(\\d{1,10}\\)|send sigkill to \\d|oomd kill: |Rule '|Sending SIGKILL to cgroup |" +
  'System OOM encountered, victim|Triggered by PID \\d|(?:Killed|Marked) /|' +
  "(?<![\\w@.\\\\:-])[\\w@.\\\\:-]{1,200}\\.(?:service|scope|slice): (?:A process of this unit has been killed|systemd-oomd killed|The kernel OOM killer|Failed with result 'oom-kill'))";
const KNOWN: readonly Known[] = [
  { kind: 'meminfo', pattern: 'Mem-[Ii]nfo:', whole: /Mem-[Ii]nfo:/y },
  { kind: 'cpu', pattern: 'CPU: \\d+ (?:UID: \\d+ )?PID: \\d+ Comm: |Pid: \\d+, comm: ' },
  { kind: 'zone', pattern: `(?:Node \\d+ )?${ZONE} (?:free:\\d+kB|per-cpu:)|(?:Node \\d+ )?${ZONE}: \\d+\\*\\d+kB` },
  { kind: 'node', pattern: 'Node \\d+ (?:active_anon:\\d+kB|hugepages_total=)' },
  { kind: 'totals', pattern: '[Aa]ctive_anon:\\d+ (?:in)?active_' },
  {
    kind: 'reserve',
    pattern: 'lowmem_reserve\\[\\]:',
    whole: /lowmem_reserve\[\]:(?: -?\d+)+/y,
  },
  {
    kind: 'pages',
    pattern:
      '(?<!\\d)\\d{1,20} (?:total pagecache pages|pages in swap cache|pages (?:RAM|HighMem|reserved|cma reserved|hwpoisoned))',
    whole:
      /\d+ (?:total pagecache pages|pages in swap cache|pages (?:RAM|HighMem(?:\/MovableOnly)?|reserved|cma reserved|hwpoisoned))/y,
  },
  { kind: 'swap', pattern: '(?:Free|Total) swap +=', whole: /(?:Free|Total) swap += -?\d+kB/y },
  {
    kind: 'title',
    pattern: 'Tasks state \\(memory values in pages\\):',
    whole: /Tasks state \(memory values in pages\):/y,
  },
  {
    kind: 'heading',
    pattern: '\\[ *pid *\\] +uid +tgid +total_vm',
    whole: /\[ *pid *\] +uid +tgid[ \w()]{1,200}? name/y,
  },
  { kind: 'row', pattern: '\\[ {0,8}\\d{1,10} {0,8}\\](?: {1,16}-?\\d{1,20}){7}' },
  { kind: 'verdict', pattern: 'oom-kill:constraint=[A-Z]', whole: /oom-kill:constraint=[^\n]*,uid=\d+/y },
  {
    kind: 'score',
    pattern: `(?:${KILL})?[Kk]ill process \\d+ \\(.{1,64}\\) (?:score|or a child)`,
    whole: /[^\n]*(?:or sacrifice child|or a child|score -?\d+ and children\.)/y,
  },
  // Cut within its figures, its end does not show.
  {
    kind: 'kill',
    pattern: `${KILL}(?:OOM )?[Kk]ill(?:ed)? process \\d+|Kill(?:ed)? process \\d+`,
    whole:
      /[^\n]*(?:(?:rss|vm|vsz|pgtables|swap):\d+kB|oom_score_adj:-?\d+|UID:\d+|\)\.|same memory)(?!, (?:anon|file|shmem)-| (?:UID|pgtables|oom_))/y,
  },
  {
    kind: 'reaper',
    pattern: 'oom_reaper: (?:reaped|unable)',
    whole: /oom_reaper: reaped[^\n]*rss:\d+kB(?!, (?:anon|file|shmem)-)/y,
  },
  {
    kind: 'usage',
    pattern: '(?:memory\\+swap|memory|swap|kmem): usage \\d+kB, limit ',
    whole: /[a-z+]+: usage \d+kB, limit \d+kB, failcnt \d+/y,
  },
  { kind: 'stats', pattern: 'Memory cgroup stats(?: for /|:)' },
  {
    kind: 'group',
    pattern: 'Tasks in /',
    whole: /Tasks in [^\n]*memory\.oom\.group set/y,
  },
  { kind: 'task', pattern: 'Task in /' },
  { kind: 'userspace', pattern: USERSPACE },
];

const ANY = new RegExp(KNOWN.map(({ pattern }) => `(${pattern})`).join('|'));
/** Words of which one stands in every landmark: a quick way to pass over other lines. */
const HINT =
  /process \d|oom|anon:|swap|[Mm]em|pages|kB|\[ {0,8}(?:pid|\d{1,10}) {0,8}\]|PID: |Pid: |SIG|sigkill|lowmem|[Kk]ill|Victim|ow [Mm]emory!|Rule '/;
const HEADER_ENDS = /[^\n]*(?:oom_score_adj|oom_adj|oomkilladj|order)=-?\d+/y;
const HEADER = ' invoked oom-killer';

/** The first landmark of a line, or null. */
export function findLandmark(text: string): Landmark | null {
  if (!HINT.test(text)) return null;
  const header = text.indexOf(HEADER);
  if (header > 0) {
    HEADER_ENDS.lastIndex = header;
    return { kind: 'header', start: -1, end: HEADER_ENDS.test(text) ? HEADER_ENDS.lastIndex : -1 };
  }
  const found = ANY.exec(text);
  if (found === null) return null;
  const known = KNOWN[found.findIndex((part, at) => at > 0 && part !== undefined) - 1];
  if (known === undefined) return null;
  return { kind: known.kind, start: found.index, end: endOf(known, text, found.index) };
}

function endOf({ whole }: Known, text: string, start: number): number {
  if (whole === undefined) return -1;
  whole.lastIndex = start;
  return whole.test(text) ? whole.lastIndex : -1;
}

/** A line at which a report can begin, or that names who died: where an idle reader begins to look at the wrapping. */
const BEGINS =
  /oom-killer|oom_kill_process: |ill(?:ed)? process \d|oom-kill:constraint=|Mem-[Ii]nfo:|Tasks state \(|uid +tgid +total_vm|: usage \d+kB, limit|Memory cgroup stats|oom_reaper: |SIG(?:TERM|KILL)|ow [Mm]emory!|due to (?:memory|swap)|illing process|Victim |Kill(?:ing)? '|sigkill to|oomd kill|OOM killer|oom-kill'|conditions met for|OM encountered|OOM kill of PID|illed as a result of/;

export function mayBeginReport(text: string): boolean {
  return BEGINS.test(text);
}
