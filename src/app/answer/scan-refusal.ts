import type { Answer } from './handlers.ts';
import type { LiveScan } from '../live-scan.ts';

/** Why a host's processes could not be read. */
export function scanRefusal(host: string, live: Exclude<LiveScan, { kind: 'scan' }>): Answer {
  switch (live.kind) {
    case 'away': {
      const { kind, sinceMs, sentence } = live.state;
      const since = kind === 'connecting' ? null : sinceMs;
      return { kind: 'refused', refusal: { kind: 'host-unreachable', host, sinceMs: since, reason: sentence } };
    }
    case 'late':
      return { kind: 'refused', refusal: { kind: 'too-slow', host, waitedMs: live.waitedMs } };
    case 'unreadable':
      return { kind: 'refused', refusal: { kind: 'scores-unread', host, reason: live.sentence } };
  }
}
