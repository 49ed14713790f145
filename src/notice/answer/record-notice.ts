import { aNotice, type Notice } from '../notice.ts';
import { sayCount, sayDuration } from '../units.ts';

/** The record cannot be written: said from memory, since nothing else could say it. `sentence` may name a file. */
export function describeRecordFault(fault: { sinceMs: number; sentence: string }, killsWaiting: number): Notice {
  return aNotice({
    tone: 'bad',
    headline: [{ words: 'oombot’s database is failing since ' }, { atMs: fault.sinceMs }],
    sentence: [{ hostText: fault.sentence }],
    parts: [
      {
        kind: 'text',
        text: [
          {
            words:
              'Kills are still watched and announced, marked “Not on record yet”. History, cards and answers may be out of date until this is fixed on the machine that runs oombot.',
          },
        ],
      },
    ],
    small: killsWaiting === 0 ? [] : [[{ words: `${sayCount(killsWaiting, 'kill')} waiting to be saved` }]],
  });
}

/** The same message once it is over. */
export function describeRecordBack(fault: { sinceMs: number; sentence: string }, nowMs: number): Notice {
  return aNotice({
    tone: 'good',
    headline: [{ words: `oombot can save again, after ${sayDuration(nowMs - fault.sinceMs)}` }],
    sentence: [{ hostText: fault.sentence }, { words: ' That is over: what was announced meanwhile is being saved.' }],
  });
}
