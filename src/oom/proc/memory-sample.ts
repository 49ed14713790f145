import { unescapeName } from './proc-scan.ts';

/** Processes of one name in one group. Texts are hostile. */
export interface SampleRow {
  /** Anonymous memory and swap of all of them. */
  sizeKiB: number;
  count: number;
  /** The largest of them. */
  pid: number;
  name: string;
  cgroup: string | null;
}

export interface MemoryLook {
  totalKiB: number;
  availableKiB: number;
  totalSwapKiB: number;
  freeSwapKiB: number;
  /** Share of the last 10 s in which all tasks waited for memory, in per cent; null without PSI. */
  pressureFullAvg10: number | null;
  /** Largest first. */
  rows: SampleRow[];
}

const MARKER = '#memsample 1\t';
const ROWS_MAX = 16;

/** Reads the reply of MEMORY_SAMPLE; null when it is none, or when the kernel does not tell what is available (before 3.14). Never throws. */
export function parseMemorySample(text: string): MemoryLook | null {
  const lines = text.split(/\r?\n/);
  const start = lines.findIndex((line) => line.startsWith(MARKER));
  if (start === -1) return null;
  const facts = new Map(
    (lines[start] ?? '')
      .split('\t')
      .slice(1)
      .map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]),
  );
  const totalKiB = whole(facts.get('total'));
  const availableKiB = whole(facts.get('available'));
  if (totalKiB === null || totalKiB === 0 || availableKiB === null) return null;
  const end = lines.findIndex((line, at) => at > start && line.startsWith('#end\t'));
  const body = lines.slice(start + 1, end === -1 ? undefined : end);
  return {
    totalKiB,
    availableKiB,
    totalSwapKiB: whole(facts.get('swap')) ?? 0,
    freeSwapKiB: whole(facts.get('swapfree')) ?? 0,
    pressureFullAvg10: decimal(facts.get('fullavg10')),
    rows: body.slice(0, ROWS_MAX).flatMap(readRow),
  };
}

function readRow(line: string): SampleRow[] {
  const [size, count, pid, name, cgroup, ...more] = line.split('\t');
  const numbers = [whole(size), whole(count), whole(pid)];
  const [sizeKiB, many, largest] = numbers;
  if (sizeKiB == null || many == null || largest == null || name === undefined || more.length > 0) return [];
  return [{ sizeKiB, count: many, pid: largest, name: unescapeName(name), cgroup: cgroup || null }];
}

function whole(text: string | undefined): number | null {
  // Sums of awk pass 2^31 as 2.14748e+09 where it is old.
  return text !== undefined && /^\d{1,15}(?:\.\d+)?(?:e\+?\d{1,2})?$/.test(text) ? Math.round(Number(text)) : null;
}

function decimal(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,3}(?:\.\d{1,6})?$/.test(text) ? Number(text) : null;
}
