import { aNotice, type Notice, type Piece, type Text } from '../notice.ts';
import { sayCount } from '../units.ts';

/** One thing that somebody did. */
export interface AuditLine {
  atMs: number;
  /** A user id, or `oombot`. */
  actor: string;
  action: string;
  host: string | null;
  details: Record<string, unknown>;
}

/** Who did what, newest first, on a host or (null) anywhere. `more`: there are older entries. */
export function describeAudit(host: string | null, lines: readonly AuditLine[], more: boolean): Notice {
  const where: Text = host === null ? [] : [{ words: ' on ' }, { hostText: host }];
  if (lines.length === 0) return aNotice({ headline: [{ words: 'No changes' }, ...where, { words: ' yet' }] });
  return aNotice({
    headline: [{ words: 'Who did what' }, ...where],
    parts: [{ kind: 'rows', rows: lines.map((line) => ({ text: lineText(line) })) }],
    small: more
      ? [[{ words: `The newest ${sayCount(lines.length, 'entry', 'entries')}; older ones are on record.` }]]
      : [],
  });
}

function lineText(line: AuditLine): Text {
  const actor: Piece = /^[UW][A-Z0-9]{2,}$/.test(line.actor) ? { userId: line.actor } : { hostText: line.actor };
  return [{ atMs: line.atMs }, { words: ' ' }, actor, { words: ' ' }, ...didText(line)];
}

const CHANGE_WORDS: Record<string, string> = {
  propose: 'proposed to change',
  'propose: no': 'could not propose a change of',
  approve: 'approved the change of',
  'approve: no': 'could not approve the change of',
  decline: 'declined the change of',
  'decline: no': 'could not decline the change of',
  expire: 'let the proposal expire for',
  begin: 'started changing',
  'apply: applied': 'changed and verified',
  'apply: refused': 'did not change',
  'apply: failed': 'failed to change',
  'apply: unknown': 'could not verify the change of',
  undo: 'started undoing the change of',
  'undo: no': 'could not undo the change of',
  'undo: undone': 'undid the change of',
  'undo: applied': 'could not undo the change of',
  'undo: unknown': 'could not verify the undo of',
  interrupted: 'was interrupted while changing',
  'settle: applied': 'found the change applied for',
  'settle: refused': 'found no change to',
  'settle: failed': 'found no change to',
  'settle: undone': 'found the change undone for',
  'settle: unknown': 'still could not verify',
  over: 'noted the end of the change of',
  mend: 're-applied the rule for',
  'make-rule': 'made a rule for',
  'rule: paused': 'paused the rule for',
  'rule: active': 'resumed the rule for',
  'rule: ended': 'ended the rule for',
  'rule: widened': 'extended the rule to another host for',
  'rule: narrowed': 'removed a host from the rule for',
  drift: 'found a value that differs from the rule for',
};

/** `0 → -500` of the first process, and the way back the other way round. */
function valuesText({ processes, from, to }: Record<string, unknown>, isBack: boolean): Text {
  const first: unknown = Array.isArray(processes) ? processes[0] : { from, to };
  if (typeof first !== 'object' || first === null || !('from' in first) || !('to' in first)) return [];
  if (typeof first.from !== 'number' || typeof first.to !== 'number') return [];
  return [{ words: isBack ? `: ${first.to} → ${first.from}` : `: ${first.from} → ${first.to}` }];
}

function didText({ action, host, details }: AuditLine): Text {
  const { target, untilMs, address } = details;
  const about = typeof target === 'string' ? target : host;
  const object: Text = about === null ? [] : [{ hostText: about }];
  switch (action) {
    case 'mute':
      return [
        { words: 'muted ' },
        ...object,
        ...(typeof untilMs === 'number' ? [{ words: ' until ' }, { atMs: untilMs }] : []),
        ...(typeof details['because'] === 'string' ? [{ words: ', because: ' }, { prose: details['because'] }] : []),
      ];
    case 'ack':
      return [{ words: 'took care of an incident on ' }, ...object];
    case 'unmute':
      return [{ words: 'unmuted ' }, ...object];
    case 'drill':
      return [{ words: 'began a drill on ' }, ...object];
    case 'drill ended':
      return [{ words: `saw that the drill ${String(details['result'])} on ` }, ...object];
    case 'add-host':
      return [
        { words: 'added host ' },
        ...object,
        ...(typeof address === 'string' ? [{ words: ' at ' }, { hostText: address }] : []),
      ];
    case 'remove-host':
      return [{ words: 'removed host ' }, ...object];
    default: {
      const words = Object.hasOwn(CHANGE_WORDS, action) ? CHANGE_WORDS[action] : undefined;
      if (words === undefined) return [{ hostText: action }, { words: ' ' }, ...object];
      return [
        { words: `${words} ` },
        ...object,
        ...(host !== null && host !== about ? [{ words: ' on ' }, { hostText: host }] : []),
        ...valuesText(details, action.startsWith('undo') || action === 'settle: undone'),
        ...(typeof details['refusal'] === 'string' ? [{ words: ` (${details['refusal']})` }] : []),
        ...(typeof details['because'] === 'string' ? [{ words: ', because: ' }, { prose: details['because'] }] : []),
      ];
    }
  }
}
