import { setTimeout as sleep } from 'node:timers/promises';

import type { Position } from '../../src/app/ports.ts';
import type { Connection } from '../../src/ssh/connection.ts';
import { followHost, type FollowOptions } from '../../src/ssh/follow.ts';
import type { Gap, LineBatch, SourceEnd } from '../../src/ssh/log-source.ts';
import { probeHost, type Probe } from '../../src/ssh/probe.ts';
import { realClock } from './sshd.ts';

export interface Following {
  batches: LineBatch[];
  gaps: Gap[];
  /** The newest position of each source, as a store would have it. */
  positions: Map<string, Position>;
  texts: (source?: string) => string[];
  /** Waits until a line holds this. */
  until: (text: string, source?: string) => Promise<void>;
  stop: () => Promise<SourceEnd>;
  end: Promise<SourceEnd>;
}

/** Follows a host and keeps all that is said. */
export function following(connection: Connection, probe: Probe, change: Partial<FollowOptions> = {}): Following {
  const leave = new AbortController();
  const batches: LineBatch[] = [];
  const gaps: Gap[] = [];
  const positions = new Map((change.positions ?? []).map((position) => [position.source, position]));
  const end = followHost(connection, {
    probe,
    logFiles: null,
    positions: [],
    clock: realClock,
    onLines: (batch) => {
      batches.push(batch);
      const position = batch.positionAfter(batch.lines.length - 1);
      if (position) positions.set(position.source, position);
    },
    onGap: (gap) => gaps.push(gap),
    onPosition: (position) => positions.set(position.source, position),
    signal: leave.signal,
    ...change,
  });
  function texts(source?: string): string[] {
    return batches.filter((batch) => source === undefined || batch.source === source).flatMap((batch) => batch.lines);
  }
  return {
    batches,
    gaps,
    positions,
    texts,
    until: async (text, source) => {
      const deadline = Date.now() + 15_000;
      while (!texts(source).some((line) => line.includes(text))) {
        if (Date.now() > deadline)
          throw new Error(`no line with ${text} among ${texts(source).length}: ${texts(source).slice(-5).join(' | ')}`);
        await sleep(5);
      }
    },
    stop: () => {
      leave.abort();
      return end;
    },
    end,
  };
}

export async function probeOf(connection: Connection, logFiles: string[] | null = null): Promise<Probe> {
  const result = await probeHost(connection, { logFiles, clock: realClock });
  if (result.kind === 'failed') throw new Error(result.sentence);
  return result.probe;
}
