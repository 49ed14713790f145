import { withCause } from '../../cause/cause.ts';
import { cutTextNote } from '../../notice/answer/answer-notes.ts';
import { describeExplanation } from '../../notice/answer/answer-notice.ts';
import { encodeText } from '../../oom/bytes.ts';
import { openContainer } from '../../oom/framing/container.ts';
import { openLogParser } from '../../oom/report/log-parser.ts';
import type { KillRecord } from '../../oom/report.ts';
import type { Answer } from './handlers.ts';
import { readingsOf } from './pasted-text.ts';

/** A file of many reports; longer ones are for a terminal. */
const TEXT_MAX = 5_000_000;
/** So much a person may have pasted, which chats and mail mangle. A file is what it was. */
const PASTED_MAX = 200_000;

/** Explains the reports in a text that somebody pasted, as far as what came of it in the chat still tells. Keeps nothing. */
export function explainText(text: string): Answer {
  const read = text.slice(0, TEXT_MAX);
  const best = readingsAsBytes(read)
    .map((lines) => parseText(lines))
    .reduce<KillRecord[]>((most, records) => (worth(records) > worth(most) ? records : most), []);
  if (best.length === 0) {
    const lineCount = read.split('\n').filter((line) => line.trim() !== '').length;
    return { kind: 'refused', refusal: { kind: 'no-report-found', lineCount } };
  }
  const notice = describeExplanation(best.map(withCause));
  if (text.length <= TEXT_MAX) return { kind: 'notice', notice };
  return { kind: 'notice', notice: { ...notice, small: [cutTextNote(TEXT_MAX), ...notice.small] } };
}

/** One reading more where the text is JSON, a table, a mail, HTML, or broken into lines; the only one where its newest line is first. */
function readingsAsBytes(text: string): string[][] {
  const readings = text.length <= PASTED_MAX ? readingsOf(text) : [text.split(/\r?\n/)];
  const plain = readings.map((lines) => lines.map(encodeText));
  const bytes = encodeText(text);
  const container = openContainer(bytes);
  if (container === null) return plain;
  const unpacked = (container.push(bytes) + container.end()).split('\n');
  const isOnly = container.leavesOut === true || (container.turnedLines?.() ?? null) !== null;
  return isOnly ? [unpacked] : [...plain, unpacked];
}

/** Lines as byte strings. */
function parseText(lines: readonly string[]): KillRecord[] {
  const parser = openLogParser({ lastWordOnly: true });
  const events = lines.flatMap((line, at) => parser.line(line, at + 1));
  return [...events, ...parser.end()].map((event) => event.record);
}

/** How much a reading understood: each kill, then each fact about it. */
function worth(records: readonly KillRecord[]): number {
  return records.reduce((sum, record) => {
    const facts = [
      record.pid,
      record.name,
      record.uid,
      record.totalVmKiB,
      record.anonRssKiB,
      record.fileRssKiB,
      record.oomScoreAdj,
      record.constraint,
      record.trigger?.name,
      record.trigger?.gfpMask,
      record.taskMemcg,
      record.memcgUsageKiB,
      record.memory?.freeKiB,
      record.timeText ?? record.kernelSeconds,
    ].filter((fact) => fact !== null && fact !== undefined).length;
    return sum + (record.outcome === 'killed' ? 20 : 5) + facts + (record.tasksInDump ?? 0) / 10;
  }, 0);
}
