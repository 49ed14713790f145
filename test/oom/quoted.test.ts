// Lines of a log that are no log: samples in program code, what documentation explains, what a sentence quotes.
import { describe, expect, it } from 'vitest';
import { withCause } from '../../src/cause/cause.ts';
import { HEAD_BYTES, openContainer } from '../../src/oom/framing/container.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { parseLines, toLines } from '../support/corpus.ts';

/** As files are read: containers first, then lines. */
function read(text: string): KillRecord[] {
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  const container = openContainer(bytes.slice(0, HEAD_BYTES));
  return parseLines(toLines(container === null ? bytes : container.push(bytes) + container.end()));
}

const FIGURES =
  'total-vm:2000kB, anon-rss:1000kB, file-rss:20kB, shmem-rss:0kB, UID:1000 pgtables:40kB oom_score_adj:200';
const KILL = `Out of memory: Killed process 812 (mysqld) ${FIGURES}`;
const HEADER = 'java invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0';
const WHOLE = { pid: 812, name: 'mysqld', outcome: 'killed', totalVmKiB: 2000 };

describe('program code', () => {
  it.each<[string, string]>([
    [
      'a format of the kernel',
      'static void dump_header(struct oom_control *oc)\n{\n\tpr_warn("%s invoked oom-killer: gfp_mask=%#x(%pGg), order=%d\\n",\n\t\tcurrent->comm);\n\tdump_stack();\n}\n',
    ],
    [
      'a line that a diff adds',
      `diff --git a/test_oom.py b/test_oom.py\n@@ -12,6 +12,7 @@ class TestOom\n+        line = "${KILL}"\n+        self.assertEqual(parse(line).pid, 812)\n`,
    ],
    [
      'constants of a test in Go',
      `package oomparser\n\nimport "testing"\n\nconst end = "Jan 21 22:01:49 localhost kernel: [62279.421192] ${KILL}"\n\nfunc TestName(t *testing.T) {\n}\n`,
    ],
    [
      'a list of lines in Go',
      `package oom\n\nvar dump = []string{\n\t\`${HEADER}\`,\n\t\`${KILL}\`,\n}\n\nfunc feed(s *scanner) {\n\treturn nil, false;\n}\n`,
    ],
    [
      'a text of several lines in Python',
      `import re\nSAMPLE = '''\n[11686.040460] ${KILL}\n'''\nfor m in PATTERN.finditer(SAMPLE):\n    print(m.group(1))\n`,
    ],
    [
      'a comment in C',
      `/*\n * [  100.000000] ${HEADER}\n * [  100.000010] ${KILL}\n */\n#include "oom.h"\nint parse_oom(const char *line);\n`,
    ],
    ['a comment in Rust', `use std::fs;\n// [  100.000010] ${KILL}\nfn parse(line: &str) -> u32 {\n`],
    [
      'a test in JavaScript',
      `describe('oom', () => {\n  it('parses', () => {\n    const line = '${KILL}';\n    expect(parse(line).pid).toBe(812);\n  });\n});\n`,
    ],
  ])('tells of no kill by %s', (_, text) => {
    expect(read(text)).toEqual([]);
  });

  it('hides no log that stands beside it', () => {
    const code = 'import os\n\ndef hog():\n    x = bytearray(1 << 30)\n';

    expect(read(`This is all it does:\n\n${code}\nThen dmesg says\n\n[  100.000010] ${KILL}\n`)).toMatchObject([WHOLE]);
    expect(read(`${code}\nI then see "${KILL}" in dmesg\n`)).toMatchObject([WHOLE]);
    expect(read(`${code}\nmessage: '${KILL}'\n`)).toMatchObject([WHOLE]);
  });

  it.each([
    ['a comment that has no end', `/* what it says\nkernel: ${KILL}\n`],
    ['a text that has no end', `SAMPLE = '''\nkernel: ${KILL}\n`],
    ['an apostrophe', `* Bob's box: ${KILL}\n`],
    ['a field of any name beside a stamp', `ts=2026-11-22T19:51:13Z level=warn event="${KILL}"\n`],
  ])('hides no log behind %s', (_, log) => {
    expect(read(`using cached layers\nfoo(bar);\nline = "${KILL.replace('812', '7')}"\n${log}`)).toMatchObject([WHOLE]);
  });

  it('is none of JSON behind words about it', () => {
    const text = `It says:\n\n{\n  "a": {\n    "lines": [\n      "[  100.000010] ${KILL}"\n    ]\n  }\n}\n`;

    expect(read(text)).toMatchObject([WHOLE]);
  });

  it('is none of a commit that quotes a report above its diff', () => {
    const text = `Subject: [PATCH] raise the limit\n\nThe test dies:\n\nkernel: ${KILL}\n\ndiff --git a/a.c b/a.c\n@@ -1,2 +1,3 @@ int a(void)\n+\tcall(b);\n`;

    expect(read(text)).toMatchObject([WHOLE]);
  });
});

describe('a sentence', () => {
  it.each<[string, string]>([
    ['quotes it', `I keep seeing "${KILL}" in my logs every night. What can I do?`],
    ['goes on with it', `Since the upgrade my server says ${KILL} and then MySQL is gone.`],
    ['names who was killed', `Hello, my VPS says Out of memory: Killed process 812 (mysqld) every night`],
  ])('tells of a kill where it %s, but of no host', (_, text) => {
    const records = read(`${text}\n`);

    expect(records).toMatchObject([{ pid: 812, name: 'mysqld', outcome: 'killed', host: null, isTold: true }]);
    expect(records[0]?.warnings.join()).toContain('A sentence quotes this line');
  });

  it('makes nothing certain', () => {
    const [record] = read(
      `My pod keeps dying with Memory cgroup out of memory: Killed process 812 (mysqld) ${FIGURES}\n`,
    );

    expect(record === undefined ? null : withCause(record).cause).toMatchObject({
      code: 'memcg-limit',
      sure: 'likely',
    });
  });

  it.each([
    ['what such a line looks like', `The kernel then prints lines such as <code>${KILL}</code>\n`],
    ['what replaced it', 'For example: "Out of memory: Kill process 7 (sh) score 5 or sacrifice child" is gone\n'],
    ['what a release mends', '* Fix: "Killed process 812 (mysqld)" messages are now read with their UID\n'],
    [
      'a line’s words',
      '- **`Killed process 812 (mysqld)`:** the killer woke up\n- **`mysqld invoked oom-killer`:** it asked\n',
    ],
  ])('that explains %s tells of none', (_, text) => {
    expect(read(text)).toEqual([]);
  });
});

describe('the host of a line', () => {
  it.each<[string, string, string | null]>([
    ['by the words of a list', `1.  **Mongo gets OOM**: \`[Tue Jul 26 14:05:22 2026] ${KILL}\``, null],
    ['by the key of a field', `input: "${KILL}"`, null],
    ['by the tag of a driver', "<6>[ 1234.567890] lowmemorykiller: Killing 'a.b' (8899), adj 900,", null],
    [
      'in a column of a table without quotes',
      `Zeit;Host;Meldung\n19:51:13;db01;"${KILL}"\n19:52:13;db02;"${KILL.replace('812', '9')}"`,
      'db01 db02',
    ],
    ['before a bar', `kernel-watch-1  | [  100.000010] ${KILL}`, 'kernel-watch-1'],
    ['in a column', `| 2026-11-22 19:51:13 | db01 | ${HEADER} |\n| 2026-11-22 19:51:13 | db01 | ${KILL} |`, 'db01'],
    [
      'behind a collector’s',
      `700957651151\t2026-11-22T19:51:13Z\tdb01\tKern\tWarning\tkernel\t[  100.000010] ${KILL}`,
      'db01',
    ],
  ])('is %s what it is', (_, text, host) => {
    expect(read(`${text}\n`).map((record) => record.host)).toEqual(host === null ? [null] : host.split(' '));
  });
});
