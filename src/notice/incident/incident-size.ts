import type { Incident } from '../../incident/incident.ts';
import { sizeOfRecord, type Sizing } from '../../size/size.ts';
import type { Part } from '../notice.ts';
import { sizeText } from '../size-text.ts';

/** What fits of the program that held most when an incident's last kill happened; null: nothing that is known. */
export function sizingOf({ kills, cause }: Pick<Incident, 'kills' | 'cause'>): Sizing | null {
  const kill = kills.at(-1);
  return kill === undefined ? null : sizeOfRecord(kill.record, cause?.code ?? null, kill.who?.commandLine ?? null);
}

/** One line for the message; the arithmetic is behind the command that it names. */
export function sizeLine(incident: Incident): Part | null {
  const sizing = sizingOf(incident);
  if (sizing === null) return null;
  return {
    kind: 'text',
    text: [
      { strong: 'Size:' },
      { words: ' ' },
      ...sizeText(sizing),
      { words: ' The arithmetic, command and undo: ' },
      { hostText: `/oom show ${incident.id.slice(0, 8)}` },
    ],
  };
}
