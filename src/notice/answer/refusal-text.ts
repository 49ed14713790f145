import type { Refusal } from '../../change/refusal.ts';
import { changeRefusalText } from '../change/change-refusal-text.ts';
import { aNotice, joinTexts, type Notice, type Text } from '../notice.ts';
import { strangerWords } from '../stranger-text.ts';
import { sayDuration } from '../units.ts';

const SAY = {
  'unknown-host': (r) =>
    r.tagged === undefined
      ? [{ words: 'No host called ' }, { hostText: r.host }, ...didYouMean(r.nearest), ...someOf('Hosts: ', r.known)]
      : [
          { hostText: r.host },
          { words: ' is a tag, and this is about one host.' },
          ...someOf('Hosts with it: ', r.tagged),
          { words: ' For all of them: ' },
          { hostText: `/oom history ${r.host}` },
        ],
  'unknown-target': (r) => [
    { words: 'No host, service or tag called ' },
    { hostText: r.target },
    ...didYouMean(r.nearest),
    ...someOf('Hosts and tags: ', r.known),
  ],
  'unknown-destination': (r) => [
    { words: r.given === '' ? 'There is nothing to send to.' : 'No channel or webhook called ' },
    ...(r.given === '' ? [] : [{ hostText: r.given }, ...didYouMean(r.nearest)]),
    ...someOf('Destinations: ', r.known),
  ],
  'no-kill-known': (r) => [
    { words: 'No kills on record for ' },
    { hostText: r.host },
    ...(r.watchedSinceMs === null
      ? [{ words: '.' }]
      : [{ words: ' since ' }, { atMs: r.watchedSinceMs }, { words: '.' }]),
  ],
  'host-unreachable': (r) => [
    { words: 'I can’t reach ' },
    { hostText: r.host },
    ...(r.sinceMs === null ? [] : [{ words: ' since ' }, { atMs: r.sinceMs }]),
    { words: ': ' },
    { prose: r.reason },
  ],
  'too-slow': (r) => [
    { hostText: r.host },
    { words: ` did not answer within ${sayDuration(r.waitedMs)}. It may be low on memory right now; try again.` },
  ],
  'scores-unread': (r) => [
    { words: 'I reached ' },
    { hostText: r.host },
    { words: ', but could not read its processes: ' },
    { prose: r.reason },
  ],
  'not-allowed': (r) => [{ words: `You can’t ${r.what}. ${r.whoMay}` }],
  stranger: (r) => [{ words: `You can’t ${r.what}. ${strangerWords(r.why, 'That is done')}` }],
  'unknown-word': (r) => [
    ...(r.word === ''
      ? [{ words: 'I found no command in that' }]
      : [{ words: 'Unknown command ' }, { hostText: r.word }]),
    ...didYouMean(r.nearest),
    { words: ' ' },
    { hostText: '/oom help' },
    { words: ' shows everything.' },
  ],
  incomplete: (r) => [{ words: `“${r.verb}” needs ${r.wanted}, for example: ` }, { hostText: r.example }],
  'bad-value': (r) => [{ hostText: r.given }, { words: ` is not a valid ${r.name}. Expected ${r.expected}.` }],
  'no-report-found': (r) => [
    {
      words:
        r.lineCount === 0
          ? 'There is no text to read.'
          : 'No out-of-memory report found in that text. Paste the kernel’s lines from “invoked oom-killer” to “Killed process”.',
    },
  ],
  'host-exists': (r) => [{ words: 'There is already a host called ' }, { hostText: r.host }, { words: '.' }],
  'host-from-file': (r) => [
    { hostText: r.host },
    { words: ' comes from the configuration file: remove it there, then reload with SIGHUP.' },
  ],
  'host-key-unread': (r) => [
    { words: 'I could not read the host key of ' },
    { hostText: r.address },
    { words: ': ' },
    { prose: r.reason },
  ],
  'host-key-changed': (r) => [
    { words: 'The host key of ' },
    { hostText: r.host },
    { words: ' is not the one you confirmed (' },
    { hostText: r.confirmed },
    { words: ', found ' },
    { hostText: r.found },
    { words: '). Nothing was added. Find out why before you try again.' },
  ],
  'not-muted': (r) => [{ hostText: r.target }, { words: ' is not muted.' }],
  'no-such-incident': (r) =>
    r.isAmbiguous
      ? [{ words: 'Several incidents begin with ' }, { hostText: r.id }, { words: '. Give more of its id.' }]
      : [
          { words: 'No incident ' },
          { hostText: r.id },
          { words: '. Its id is in the small print of its message; see also /oom last <host>.' },
        ],
  'incident-closed': (r) => [
    { words: 'This incident ended ' },
    { atMs: r.atMs },
    { words: ': nobody needs to take it.' },
  ],
  stale: (r) => [{ words: `${r.what} no longer exists. Ask again for the current state.` }],
  'needs-window': (r) => [
    { words: 'That needs a form, which I can only open from the slash command. Type ' },
    { hostText: r.command },
    { words: ' in the message field of a channel.' },
  ],
  'unknown-action': () => [
    { words: 'This button is from another version of the bot and no longer works. Ask again with /oom.' },
  ],
  change: (r) => changeRefusalText(r.why),
  'no-drill': (r) => [
    { words: 'No drill on ' },
    { hostText: r.host },
    { words: ': ' },
    { prose: r.reason },
    ...(r.line === null ? [] : [{ words: ' This line, on the bot’s machine, brings it: ' }, { hostText: r.line }]),
  ],
  busy: () => [{ words: 'Too many questions at once. Try again in a few seconds.' }],
  fault: (r) => [
    { words: 'Something went wrong in the bot. It is logged as ' },
    { hostText: r.reference },
    { words: '. Try again; if it keeps failing, search the log for that reference.' },
  ],
} satisfies { [K in Refusal['kind']]: (refusal: Extract<Refusal, { kind: K }>) => Text };

/** A refusal as one private sentence. */
export function describeRefusal(refusal: Refusal): Notice {
  const say = SAY[refusal.kind] as (refusal: Refusal) => Text;
  return aNotice({
    tone: 'warn',
    headline: say(refusal),
    buttons:
      refusal.kind === 'unknown-word' && refusal.nearest !== null
        ? [{ id: 'run', label: `/oom ${refusal.nearest}`.slice(0, 75), value: refusal.nearest }]
        : [],
  });
}

function didYouMean(nearest: string | null): Text {
  return nearest === null ? [{ words: '.' }] : [{ words: '. Did you mean ' }, { hostText: nearest }, { words: '?' }];
}

function someOf(lead: string, names: string[]): Text {
  if (names.length === 0) return [];
  const shown: Text[] = names.slice(0, 12).map((name) => [{ hostText: name }]);
  const rest = names.length - shown.length;
  return [{ words: ` ${lead}` }, ...joinTexts(shown), { words: rest > 0 ? ` and ${rest} more.` : '.' }];
}
