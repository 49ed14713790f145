import { openLines, type Filter } from './filter.ts';
import { findStamps } from './front-facts.ts';
import { findLandmark, mayBeginReport } from './landmarks.ts';
import { isSentence } from './quoted.ts';

// Program code may hold lines of a log as samples, formats and comments. They tell of no kill:
//
//   line = "Out of memory: Killed process 812 (mysqld) total-vm:2000kB, …"
//   pr_warn("%s invoked oom-killer: gfp_mask=%#x(%pGg), order=%d, oom_score_adj=%hd\n",
//    * [  100.000000] Out of memory: Killed process 812 (mysqld)

/** What lines of code look like, in the languages in which logs are written and read. */
const CODE = new RegExp(
  '^[+-]?[ \\t]{0,40}(?:' +
    [
      '#include [<"]',
      '(?:import|using|use) [\\w.:*{}, ]{1,80}(?: from ["\'].{1,80})?;?$',
      '(?:import|from) ["\'\\w.]{1,80}(?: import [\\w*, ()]{1,80})?;?$',
      'package \\w+;?$',
      '(?:(?:pub|export|async|static|private|public|protected|inline|final|unsigned) ){0,3}(?:func|fn|def|function|class|struct|interface|impl|enum|void|int|bool) [\\w:*&<>. ]{0,80}[({:]',
      '(?:const|let|var|static|auto|String|char|bool|int|final) [\\w*:<>\\[\\], &]{1,80}=',
      '(?:describe|it|test|context)(?:\\.\\w{1,20})?\\(',
      '(?:self\\.)?(?:assert\\w{0,20}!?|expect|t\\.(?:Error|Fatal|Run)f?|EXPECT_\\w{1,20}|ASSERT_\\w{1,20})[ (]',
      '(?:if|for|while|switch) ?\\(.{1,200}\\) ?\\{?$',
      '(?:return|throw|raise|yield)\\b.{0,200}[;({,)]$',
      '[\\w.>:-]{1,60} ?(?::?=|\\+=) .{1,200};$',
      '[\\w.>:-]{1,60}\\(.{0,200}\\);$',
      '@[\\w.]{1,60}\\(.{0,200}$',
      '#\\[[a-z]',
      '\\}(?:\\)|;)[);]{0,3}$|\\/\\*|\\*\\/$',
      '(?:for \\w+ in|with open|while True|try|except \\w+|elif) ?.{0,200}:$',
      '(?:diff --git |@@ -\\d{1,9}(?:,\\d{1,9})? \\+\\d)',
      '#!/\\S{1,60}(?:sh|python\\d?|perl|ruby|node)$',
    ].join('|') +
    ')',
);
const CODE_LINES_MIN = 2;
const LINE_MAX = 2_000;
const BLOCK_LINES_MAX = 1_000;
const BLOCK_CHARS_MAX = 256 * 1024;
const COMMENT = /^[+-]?[ \t]*\/[/*]/;
/** What begins data that holds the line of a log: a key of JSON or YAML, a field of an event. */
const KEY = /(?:"[\w@. -]{1,60}"|\b[Mm](?:essage|sg|ESSAGE))\s{0,4}[:=]\s{0,8}$/;
/** What stands before the mark that begins a text of several lines. */
const TEXT_BEGINS = /(?:[=(,[]|return) ?[rbuf]{0,2}$/;
const MARKS = ["'''", '"""'] as const;

/** Code of a program, with a line of a report in a text or a comment of it. */
export function isSourceCode(head: string): boolean {
  if (/^\s*[{[]\s*["{]/.test(head)) return false;
  let codeLines = 0;
  let holdsReport = false;
  const blocks = openBlocks();
  for (const given of head.split('\n'))
    for (const { line, isWithin } of blocks.take(given)) {
      if (mayBeginReport(line)) holdsReport ||= isWithin || isSample(line);
      else if (line.length < LINE_MAX && CODE.test(line.trimEnd())) codeLines += 1;
      if (holdsReport && codeLines >= CODE_LINES_MIN) return true;
    }
  return false;
}

/** Leaves the lines out that are samples; the numbers of the others stay. */
export function openSourceCode(): Filter {
  const blocks = openBlocks();
  function without(lines: readonly PlacedLine[]): string {
    return lines.map(({ line, isWithin }) => (isWithin || isSample(line) ? '\n' : `${line}\n`)).join('');
  }
  return {
    ...openLines(
      (line) => without(blocks.take(line)),
      () => without(blocks.end()),
    ),
    leavesOut: true,
  };
}

interface PlacedLine {
  line: string;
  /** In a text or a comment of several lines. */
  isWithin: boolean;
}

/**
 * Is given each line in turn, and gives those whose place is known by then: a block is one once its end has come. What is longer than the
 * samples of code are was none.
 */
function openBlocks(): { take: (line: string) => PlacedLine[]; end: () => PlacedLine[] } {
  let end: string | null = null;
  let held: string[] = [];
  let heldChars = 0;

  function release(isWithin: boolean): PlacedLine[] {
    const lines = held.map((line) => ({ line, isWithin }));
    [end, held, heldChars] = [null, [], 0];
    return lines;
  }

  return {
    take: (line) => {
      const head = line.slice(0, LINE_MAX);
      if (end === null) {
        end = endOfBlock(head);
        return [{ line, isWithin: false }];
      }
      held.push(line);
      heldChars += line.length;
      if (head.includes(end)) return release(true);
      return held.length > BLOCK_LINES_MAX || heldChars > BLOCK_CHARS_MAX ? release(false) : [];
    },
    end: () => release(false),
  };
}

/** What ends the text or comment of several lines that begins here; null: none does. */
function endOfBlock(line: string): string | null {
  if (/^[+-]?[ \t]*\/\*/.test(line)) return line.includes('*/') ? null : '*/';
  return (
    MARKS.find((mark) => {
      const at = line.lastIndexOf(mark);
      return at >= 0 && TEXT_BEGINS.test(line.slice(Math.max(0, at - 10), at)) && line.split(mark).length % 2 === 0;
    }) ?? null
  );
}

/** A line of a report stands in a comment, or between the quotation marks of a text. */
function isSample(line: string): boolean {
  const landmark = findLandmark(line);
  const start = landmark === null || landmark.start < 0 ? line.indexOf('oom-killer') : landmark.start;
  if (start < 0) return false;
  // The one of `Bob's` is none of a text.
  const before = line.slice(0, start).replaceAll(/(?<=[A-Za-z])'(?=[a-z])/g, '');
  if (COMMENT.test(before)) return true;
  return ['"', "'", '`'].some((quote) => {
    const parts = before.replaceAll(`\\${quote}`, '').split(quote);
    const front = parts.slice(0, -1).join(quote);
    // A log has its stamp outside of what it quotes.
    return parts.length % 2 === 0 && !KEY.test(front) && !isSentence(front) && findStamps(front).length === 0;
  });
}
