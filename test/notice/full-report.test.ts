import { describe, expect, it } from 'vitest';
import type { Incident, Kill } from '../../src/incident/incident.ts';
import { describeReport } from '../../src/notice/incident/full-report.ts';
import { describeShown } from '../../src/notice/incident/show-notice.ts';
import type { Notice } from '../../src/notice/notice.ts';
import { plainText, renderText } from '../../src/notice/render-text.ts';
import { renderContent } from '../../src/slack/blocks.ts';
import { noticeView } from '../../src/slack/views.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { anIncident } from '../support/an-incident.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';
import { refuseMessage, refuseView } from '../support/slack-limits.ts';

const HEAD = '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name';

function row(pid: number, rssPages: number, name: string): string {
  return `[ ${pid}]   100 ${pid}   293211    ${rssPages}   618496        0             0 ${name}`;
}

/** A report with so many tasks, the largest of which is mysqld (pid 18540). */
function aReport(tasks: number, nameOf: (at: number) => string = (at) => `worker-${at}`): string {
  const rows = Array.from({ length: tasks - 1 }, (_, at) => row(1_000 + at, 5_000 - at, nameOf(at)));
  const lines = [
    'icinga2 invoked oom-killer: gfp_mask=0x14200ca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0',
    HEAD,
    ...rows,
    row(18_540, 1_535_479, 'mysqld'),
    'Killed process 18540 (mysqld) total-vm:7721568kB, anon-rss:6141916kB, file-rss:0kB, shmem-rss:0kB',
  ];
  return lines.map((line, at) => `[7189052.${String(422_998 + at).padStart(6, '0')}] ${line}`).join('\n');
}

function allPages(text: string, kills: readonly Kill[] = [aKill()]): Notice[] {
  const incident = anIncident({ kills: [...kills] });
  const pages = [describeReport(incident, kills, { at: 0, text, page: 1 })];
  for (;;) {
    const next = pages.at(-1)?.buttons.find(({ label }) => label === 'Next page');
    if (next === undefined) return pages;
    const page = Number(next.value.split(' ')[2]);
    expect(page).toBe(pages.length + 1);
    pages.push(describeReport(incident, kills, { at: 0, text, page }));
  }
}

/** Names in the tables, and lines of the log, over all pages. */
function contentOf(pages: readonly Notice[]) {
  const parts = pages.flatMap((page) => page.parts);
  return {
    names: parts.flatMap((part) => (part.kind === 'table' ? part.rows.map((cells) => plainText(cells[0]!.text)) : [])),
    lines: parts.flatMap((part) => (part.kind === 'lines' && part.caption.startsWith('Lines ') ? part.lines : [])),
  };
}

describe('the full report', () => {
  it('has every task in pages, most memory first, and then every line', () => {
    const text = aReport(312);
    const pages = allPages(text);
    const { names, lines } = contentOf(pages);

    expect(names).toHaveLength(312);
    expect(names.slice(0, 3)).toEqual(['mysqld (killed)', 'worker-0', 'worker-1']);
    expect(new Set(names).size).toBe(312);
    // The evidence has no stamp of its own, and one of its lines was printed behind the report.
    expect(lines.slice(0, 315)).toEqual(text.split('\n'));
    expect(plainText(pages[1]!.sentence!)).toContain(`Page 2 of ${pages.length}.`);
    expect(renderText(pages[0]!)).toMatch(/Tasks 1 to \d+ of 312, most memory first/);
  });

  it('leads from the first page to the lines, and back', () => {
    const [first] = allPages(aReport(100));
    const toLines = first!.buttons.find(({ label }) => label === 'Lines of the log')!;
    const incident = anIncident({ kills: [aKill()] });
    const page = describeReport(incident, [aKill()], {
      at: 0,
      text: aReport(100),
      page: Number(toLines.value.split(' ')[2]),
    });

    expect(renderText(page)).toContain('icinga2 invoked oom-killer');
    expect(page.buttons.find(({ label }) => label === 'First page')?.value).toBe(`${incident.id} 1 1`);
  });

  it.each([...HOSTILE_NAMES, '"'.repeat(15), '\u{202e}'.repeat(5)])(
    'with the name %j has no page that Slack would refuse or that is shortened to fit',
    (name) => {
      const kills = Array.from({ length: 12 }, (_, at) => aKill({ pid: at + 1, atMs: at * 1_000 }));
      for (const page of allPages(
        aReport(60, () => name.replace(/\n/g, ' ')),
        kills,
      )) {
        const content = renderContent(page, 'message');
        expect(JSON.stringify(content.blocks)).not.toContain('Shortened to fit');
        expect(refuseMessage(content)).toEqual([]);
        expect(refuseMessage(renderContent(page, 'plain'))).toEqual([]);
        expect(refuseView(noticeView('oombot', page))).toEqual([]);
      }
    },
  );

  it('of an older version says that it was not kept, and gives the lines that were', () => {
    const text = renderText(describeReport(anIncident({ kills: [aKill()] }), [aKill()]));

    expect(text).toContain('Its report was not kept: an older version recorded it, or too many came at once.');
    expect(text).toContain('icinga2 invoked oom-killer: gfp_mask=0x14200ca');
  });

  it('of a short kill line says that there was none', () => {
    const kill = aKill({ record: aRecord({ trigger: null, tasksInDump: null, topTasks: null }) });

    expect(renderText(describeReport(anIncident({ kills: [kill] }), [kill]))).toContain(
      'The log has this kill without a report.',
    );
  });

  it('goes from kill to kill of an incident', () => {
    const kills = [aKill({ pid: 3 }), aKill({ pid: 2 }), aKill({ pid: 1 })];
    const incident = anIncident({ kills });
    const second = describeReport(incident, kills, { at: 1, text: null, page: 1 });

    expect(plainText(second.sentence!)).toContain('kill 2 of 3, newest first.');
    expect(second.buttons.map(({ label, value }) => `${label}: ${value}`)).toEqual([
      `Older kill: ${incident.id} 3 1`,
      `Newer kill: ${incident.id} 1 1`,
    ]);
  });

  it('does not lose its way with a page or a kill that nobody offered', () => {
    const incident = anIncident({ kills: [aKill()] });

    for (const [at, page] of [
      [99_999, 99_999],
      [-1, -1],
    ] as const)
      expect(renderText(describeReport(incident, [aKill()], { at, text: aReport(5), page }))).toContain('Full report');
  });
});

describe('the kills of an incident, a page at a time', () => {
  it('fit into a message with the longest names of services and groups', () => {
    const path = `/kubepods.slice/kubepods-burstable.slice/${'x'.repeat(200)}`;
    const kills = Array.from({ length: 10 }, (_, at) =>
      aKill({
        pid: 4_194_000 + at,
        record: aRecord({
          pid: 4_194_000 + at,
          name: '\u{202e}'.repeat(5),
          domain: 'memcg',
          oomMemcg: path,
          taskMemcg: `${path}/y`,
          trigger: { ...aRecord().trigger!, name: '\u{202e}'.repeat(5) },
        }),
      }),
    );
    const victims = ['a', 'b'].map((service) => ({ service, count: 5 }));
    const incident: Incident = anIncident({ kills, killCount: 500, victims });
    const notice = describeShown(incident, kills, { page: 1, pages: 50, first: 0 });
    const content = renderContent(notice, 'message');

    expect(JSON.stringify(content.blocks)).not.toContain('Shortened to fit');
    const table = content.blocks.find((block) => block.type === 'data_table');
    expect(table && 'rows' in table && table.rows).toHaveLength(11);
  });
});
