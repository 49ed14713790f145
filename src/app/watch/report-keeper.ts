import { textOf } from '../../oom/report/report-text.ts';
import type { Clock, Log } from '../ports.ts';
import type { ReportStore } from '../store-port.ts';

/** All lines of one report, by the key of its first kill. */
export interface ReportLines {
  host: string;
  key: string;
  /** Byte strings. */
  lines: readonly string[];
  leftOut: number;
}

export interface ReportKeeper {
  /** Takes them to be saved a little later; what is too much at once is let go. */
  keep: (reports: readonly ReportLines[]) => void;
  /** Tries once more to save what waits. */
  close: () => Promise<void>;
}

/** The messages about a kill are on their way by then: nobody waits for its report. */
const REST_MS = 2_000;
const AT_ONCE = 20;
/** Of all hosts together, in characters of one byte. */
const WAITING_MAX = 32 * 1024 * 1024;
/** A kill may not be on record yet. */
const TRIES = 10;

/** Saves the reports of all hosts of this process beside their kills, a few at a time. */
export function openReportKeeper({ store, clock, log }: { store: ReportStore; clock: Clock; log: Log }): ReportKeeper {
  const closing = new AbortController();
  let waiting: { report: ReportLines; chars: number; tries: number }[] = [];
  let chars = 0;
  let running: Promise<void> | null = null;

  function keep(reports: readonly ReportLines[]): void {
    for (const report of reports) {
      const size = report.lines.reduce((sum, line) => sum + line.length, 0);
      if (chars + size > WAITING_MAX) {
        log.warn({ host: report.host }, 'A report is not kept: too many wait to be saved');
        continue;
      }
      chars += size;
      waiting.push({ report, chars: size, tries: 0 });
    }
    running ??= run().finally(() => (running = null));
  }

  async function run(): Promise<void> {
    while (waiting.length > 0 && !closing.signal.aborted) {
      await clock.sleep(REST_MS, closing.signal).catch(() => undefined);
      await saveSome();
    }
  }

  async function saveSome(): Promise<void> {
    const some = waiting.slice(0, AT_ONCE);
    waiting = waiting.slice(AT_ONCE);
    const saved = await save(some.map(({ report }) => report));
    for (const [at, one] of some.entries()) {
      // A store that fails has not said anything of the kill.
      if (saved.length > 0) one.tries += 1;
      if (saved[at] !== true && one.tries < TRIES) waiting.push(one);
      else chars -= one.chars;
    }
  }

  /** Which of them are on record now. */
  async function save(reports: readonly ReportLines[]): Promise<boolean[]> {
    try {
      return await store.saveReports(reports.map(({ host, key, ...kept }) => ({ host, key, text: textOf(kept) })));
    } catch (error) {
      log.warn({ err: error }, 'Reports could not be saved; retrying');
      return [];
    }
  }

  return {
    keep,
    close: async () => {
      closing.abort();
      await running;
      while (waiting.length > 0) {
        const before = waiting.length;
        await saveSome();
        if (waiting.length >= before) break;
      }
    },
  };
}
