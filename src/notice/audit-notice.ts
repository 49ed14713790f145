import { aNotice, type Notice, type Piece, type Text } from './notice.ts';
import { sayCount } from './units.ts';

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
  if (lines.length === 0)
    return aNotice({ headline: [{ words: 'Nobody has changed anything' }, ...where, { words: ' yet' }] });
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
      ];
    case 'unmute':
      return [{ words: 'unmuted ' }, ...object];
    case 'add-host':
      return [
        { words: 'added host ' },
        ...object,
        ...(typeof address === 'string' ? [{ words: ' at ' }, { hostText: address }] : []),
      ];
    case 'remove-host':
      return [{ words: 'removed host ' }, ...object];
    default:
      return [{ hostText: action }, { words: ' ' }, ...object];
  }
}
