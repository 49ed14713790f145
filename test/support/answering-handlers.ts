import type { Answer, Handlers } from '../../src/app/answer/handlers.ts';
import {
  describeExplanation,
  describeHelp,
  describeHostEdited,
  describeMuted,
  describeUnmuted,
} from '../../src/notice/answer/answer-notice.ts';
import { describeAudit } from '../../src/notice/answer/audit-notice.ts';
import { describeHome, describeHosts } from '../../src/notice/answer/fleet-notice.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { aNotice } from '../../src/notice/notice.ts';
import { describeReport } from '../../src/notice/incident/full-report.ts';
import { nearest } from '../../src/app/nearest.ts';
import { helpLines } from '../../src/app/answer/registry.ts';
import { aRecord } from './a-kill.ts';
import { anIncident } from './an-incident.ts';

export interface AnsweringHandlers extends Handlers {
  /** What was asked, in order. */
  asked: string[];
}

/** A small bot in memory: one host `db01` with the founding incident; `UADMIN…` may edit hosts; a host called `boom` is a fault. */
export function answeringHandlers(): AnsweringHandlers {
  const asked: string[] = [];
  const known = ['db01', 'web1'];
  const incident = anIncident();
  const context = { nowMs: incident.lastAtMs, protect: false, seenBefore: null };

  function note(what: string, ...about: unknown[]): void {
    asked.push([what, ...about.map(String)].join(' '));
  }

  function ofHost(host: string, answer: () => Answer): Answer {
    if (host === 'boom') throw new Error('the store is gone xoxb-123456-secret');
    if (known.includes(host)) return answer();
    return { kind: 'refused', refusal: { kind: 'unknown-host', host, nearest: nearest(host, known), known } };
  }

  return {
    asked,
    answerLast: async ({ host }) => {
      note('last', host);
      return ofHost(host, () => notice(describeIncident(incident, { ...context, asAnswer: true })));
    },
    answerHistory: async ({ target, forMs }) => {
      note('history', target, forMs);
      return notice(aNotice({ headline: [{ words: 'history' }] }));
    },
    answerReport: async ({ target, forMs }) => {
      note('report', target, forMs);
      return notice(aNotice({ headline: [{ words: 'report' }] }));
    },
    answerScores: async ({ host, limit }) => {
      note('scores', host, limit);
      return ofHost(host, () => notice(aNotice({ headline: [{ words: `scores of ${host}` }] })));
    },
    drill: async ({ host }) => {
      note('drill', host);
      return ofHost(host, () => notice(aNotice({ headline: [{ words: `drill on ${host}` }] })));
    },
    answerWhy: async ({ host, what }) => {
      note('why', host, what);
      return ofHost(host, () => notice(aNotice({ headline: [{ words: `why ${what}` }] })));
    },
    answerMemory: async ({ host, forMs }) => {
      note('memory', host, forMs);
      return ofHost(host, () => notice(aNotice({ headline: [{ words: `memory of ${host}` }] })));
    },
    answerSize: async ({ host, what }) => {
      note('size', host, what);
      return ofHost(host, () => notice(aNotice({ headline: [{ words: `size of ${what ?? 'all'}` }] })));
    },
    answerHosts: async () => notice(describeHosts([], false)),
    checkHosts: async ({ host }) => notice(aNotice({ headline: [{ words: `checked ${host ?? 'all'}` }] })),
    answerAudit: async ({ host }) => notice(describeAudit(host, [], false)),
    answerHelp: async () =>
      notice(describeHelp(helpLines({ host: 'db01', group: 'db', tag: 'db', process: 'mysqld' }), true)),
    meantTarget: (word) => Promise.resolve(word),
    mute: async ({ target, forMs }) => {
      note('mute', target, forMs);
      return notice(describeMuted({ target, untilMs: context.nowMs + (forMs ?? 3_600_000) }, forMs ?? 3_600_000));
    },
    sendTest: async ({ destination }) => notice(aNotice({ headline: [{ words: `tested ${destination ?? 'all'}` }] })),
    unmute: async ({ target }) => notice(describeUnmuted(target)),
    explain: async ({ text }) => {
      note('explain', text);
      if (!text.includes('Killed process'))
        return { kind: 'refused', refusal: { kind: 'no-report-found', lineCount: text.split('\n').length } };
      return notice(describeExplanation([aRecord()]));
    },
    share: async ({ incidentId }) => {
      note('share', incidentId);
      if (incidentId === 'gone') return { kind: 'refused', refusal: { kind: 'stale', what: 'That incident' } };
      return notice(describeIncident(incident, context));
    },
    showIncident: async ({ incident: id, page }) => {
      note('show', id, page);
      return notice(aNotice({ headline: [{ words: `shown ${id}` }] }));
    },
    ackIncident: async ({ incident: id }, { userId }) => {
      note('ack', id, userId);
      return notice(aNotice({ headline: [{ words: `acked ${id}` }] }));
    },
    fullReport: async () => notice(describeReport(incident, incident.kills)),
    muteIncident: async ({ incidentId }) => {
      note('mute incident', incidentId);
      return notice(describeMuted({ target: incident.service, untilMs: context.nowMs }, 3_600_000));
    },
    protect: async ({ host, what, adj, forMs, why, keep, incidentId }) => {
      note('protect', host, what, adj, forMs, why, keep, incidentId);
      return ofHost(host, () => notice(aNotice({ headline: [{ words: `proposed for ${what}` }] })));
    },
    unprotect: async ({ host, what, why }) => {
      note('unprotect', host, what, why);
      return ofHost(host, () => notice(aNotice({ headline: [{ words: `proposed back for ${what}` }] })));
    },
    protectForm: async ({ incidentId }) =>
      incidentId === 'gone'
        ? { kind: 'refused', refusal: { kind: 'stale', what: 'This incident' } }
        : { kind: 'form', form: 'protect', filled: { host: 'db01', what: 'mysql.service', incidentId } },
    approve: async ({ changeId }, { userId }) => {
      note('approve', changeId, userId);
      return changeId === 'own'
        ? { kind: 'refused', refusal: { kind: 'change', why: { kind: 'self-approval' } } }
        : notice(aNotice({ headline: [{ words: `approved ${changeId}` }] }));
    },
    decline: async ({ changeId }, { userId }) => {
      note('decline', changeId, userId);
      return notice(aNotice({ headline: [{ words: `declined ${changeId}` }] }));
    },
    undo: async ({ changeId }, { userId }) => {
      note('undo', changeId, userId);
      return notice(aNotice({ headline: [{ words: `undone ${changeId}` }] }));
    },
    answerPending: async () => notice(aNotice({ headline: [{ words: 'pending' }] })),
    answerRules: async ({ host }) => notice(aNotice({ headline: [{ words: `rules of ${host ?? 'all'}` }] })),
    editRule: async ({ rule, to }) => notice(aNotice({ headline: [{ words: `rule ${rule} ${to}` }] })),
    mayEditHosts: async ({ userId }) =>
      userId.startsWith('UADMIN')
        ? null
        : {
            kind: 'refused',
            refusal: { kind: 'not-allowed', what: 'add or remove hosts', whoMay: 'Ask one of the approvers.' },
          },
    readHostKey: async (draft) => {
      note('read key', draft.address, draft.port);
      if (draft.address === '192.0.2.1')
        return { kind: 'refused', refusal: { kind: 'host-key-unread', address: draft.address, reason: 'timed out' } };
      return {
        kind: 'key',
        key: { keyType: 'ssh-ed25519', fingerprint: 'SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' },
      };
    },
    addHost: async (draft, fingerprint, { userId }) => {
      note('add', draft.name, draft.address, draft.port, draft.tags.join('+'), fingerprint);
      return notice(describeHostEdited(draft.name, 'added', userId));
    },
    removeHost: async ({ host }) => {
      note('remove', host);
      return { kind: 'refused', refusal: { kind: 'host-from-file', host } };
    },
    answerHome: async () => describeHome([], [], false),
  };
}

function notice(given: Extract<Answer, { kind: 'notice' }>['notice']): Answer {
  return { kind: 'notice', notice: given };
}
