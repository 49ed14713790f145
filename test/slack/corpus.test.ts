import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { groupKills } from '../../src/incident/grouping.ts';
import type { Kill } from '../../src/incident/incident.ts';
import { checkBlocks } from '../../src/local/block-rules.ts';
import { describeExplanation } from '../../src/notice/answer/answer-notice.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import type { Notice } from '../../src/notice/notice.ts';
import { describeSummary } from '../../src/notice/incident/storm-notice.ts';
import { describeReport } from '../../src/notice/incident/full-report.ts';
import { describeEvidence, describeLaterKill } from '../../src/notice/incident/thread-notice.ts';
import { openLogParser } from '../../src/oom/report/log-parser.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { renderContent } from '../../src/slack/blocks.ts';
import { noticeView } from '../../src/slack/views.ts';
import { aKill } from '../support/a-kill.ts';
import { refuseMessage, refuseView } from '../support/slack-limits.ts';
import { needs } from '../support/needs.ts';

const corpus = path.join(import.meta.dirname, '../../../shared/corpus');
const here = existsSync(corpus);
const files = here ? globSync('{*,own/*}.log', { cwd: corpus }).toSorted((a, b) => a.localeCompare(b)) : [];
const NOW = Date.UTC(2026, 7, 30);

function recordsOf(file: string): KillRecord[] {
  const parser = openLogParser({ lastWordOnly: true });
  const lines = readFileSync(path.join(corpus, file)).toString('latin1').split('\n');
  const events = [...lines.flatMap((line, at) => parser.line(line, at + 1)), ...parser.end()];
  return events.filter((event) => event.kind === 'closed').map((event) => event.record);
}

function noticesOf(kills: Kill[]): Notice[] {
  const { incidents } = groupKills([], kills, NOW, (kill) => kill.key);
  return [
    ...incidents.map((incident) => describeIncident(incident, { nowMs: NOW, protect: true, seenBefore: null })),
    ...incidents.map((incident) => describeReport(incident, incident.kills)),
    ...kills.slice(0, 30).flatMap((kill) => [describeEvidence(kill), describeLaterKill(kill)]),
    describeSummary(incidents.map((incident) => ({ incident, anew: null }))),
    describeExplanation(kills.map((kill) => kill.record)),
  ];
}

describe('every real report is a message that Slack takes (skipped where the corpus is not)', needs('corpus'), () => {
  it.each(files)('%s', { timeout: 60_000 }, (file) => {
    const records = recordsOf(file);
    const kills = records.map((record, at) =>
      aKill({ record, atMs: NOW - 3_600_000 + at * 1_000, key: `${file}:${at}` }),
    );

    for (const notice of kills.length === 0 ? [] : noticesOf(kills)) {
      const message = renderContent(notice, 'message');

      expect(refuseMessage(message)).toEqual([]);
      expect(refuseMessage(renderContent(notice, 'plain'))).toEqual([]);
      expect(refuseView(noticeView('oombot', notice))).toEqual([]);
      // The local workspace was written apart from this renderer: its rules are a second opinion.
      expect(checkBlocks(message.blocks, 'message')).toEqual([]);
      expect(message.text).not.toMatch(/\b(?:null|undefined|NaN|\[object)\b/);
    }
  });

  it('and the corpus holds hundreds of kills', () => {
    expect(files.slice(0, 400).reduce((sum, file) => sum + recordsOf(file).length, 0)).toBeGreaterThan(200);
  });
});
