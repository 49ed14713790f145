import { decodeText, toInteger } from '../bytes.ts';
import { NO_KILL, type UserspaceLine } from './userspace-kill.ts';

// The driver lowmemorykiller, up to 4.11 in the kernel's own log (drivers/staging/android):
//   lowmemorykiller: Killing 'om.htc.launcher' (4486), adj 294,
//      to free 47856kB on behalf of 'kworker/u8:14' (20594) because
//      cache 72460kB is below limit 73728kB for oom_score_adj 235
//   send sigkill to 4486 (om.htc.launcher), adj 9, size 11964                     2.6 to 3.x, in pages
// lmkd, the daemon that took its place, in logcat under the same tag:
//   lowmemorykiller: Kill 'com.app' (4486), uid 10100, oom_score_adj 935 to free 46732kB rss, 34564kB swap; reason: low watermark is breached
//   lowmemorykiller: Killing 'com.app' (4486), uid 10100, adj 935
const TAG = /^(?:lowmemorykiller|lmkd|lowmem): /;
const KILL =
  /^Kill(?:ing)? '(.{1,256}?)' \((\d{1,10})\)(?: \(tgid \d{1,10}\))?, (?:uid (\d{1,10}), )?(?:oom_score_adj|oom_adj|adj) (-?\d{1,5}),?(?: to free (\d{1,12})kB(?: rss)?(?:, (\d{1,12})kB swap)?)?(?:; reason: (.{0,300})| on behalf of '.{1,64}' \(\d{1,10}\) because (.{0,300}?)(?: Free memory |$))?/s;
/** Shortened by whoever handed it on. */
const CUT = /^Kill(?:ing)? '(.{1,256}?)' \((\d{1,10})\)(?:,? ?(?:\.\.\.|\xe2\x80\xa6).{0,300})?$/s;
const SIGKILL =
  /^send sigkill to (\d{1,10}) \((.{1,16})\), (?:score_)?adj (-?\d{1,5}), ?(?:adj -?\d{1,5}, ?)?size (\d{1,12})/s;
/** lmkd says so behind its line; 3: the process had gone. */
const NOT_SENT = /^kill\((\d{1,10})\): errno=(\d{1,5})/;
const TO_FREE = /^\s{1,8}to free (\d{1,12})kB (?:on behalf of '|because cache )/;
const BECAUSE = /^\s{1,8}cache \d{1,12}kB is below limit \d{1,12}kB for oom_(?:score_)?adj -?\d{1,5}/;
const PAGE_KIB = 4;

/** One line of Android's killers; `isTagged`: the framing named one of them. null: nothing about a kill. */
export function readAndroid(given: string, isTagged: boolean): UserspaceLine | null {
  const tag = TAG.exec(given);
  const whole = tag === null ? given : given.slice(tag[0].length);
  // As dmesg of Android prints line breaks.
  const text = whole.includes('\\x0a') ? whole.replaceAll(/,?\\x0a/g, ' ') : whole;
  const free = TO_FREE.exec(text);
  if (free !== null) return { kind: 'after', text: text.trim(), says: 'size', rssKiB: Number(free[1]) };
  if (BECAUSE.test(text)) return { kind: 'after', text: text.trim(), says: 'why' };
  if (tag === null && !isTagged && !text.startsWith('send sigkill to ')) return null;
  const unsent = NOT_SENT.exec(text);
  if (unsent !== null)
    return { kind: 'after', text, says: unsent[2] === '3' ? 'died' : 'failed', pid: Number(unsent[1]) };
  const sent = SIGKILL.exec(text);
  if (sent !== null)
    return {
      kind: 'kill',
      kill: {
        ...NO_KILL,
        killer: 'lowmemorykiller',
        pid: Number(sent[1]),
        name: decodeText(sent[2] ?? ''),
        oomScoreAdj: toInteger(sent[3]),
        rssKiB: Number(sent[4]) * PAGE_KIB,
        signal: 'SIGKILL',
      },
    };
  const kill = KILL.exec(text) ?? CUT.exec(text);
  if (kill === null) return null;
  const why = kill[7] ?? kill[8];
  return {
    kind: 'kill',
    kill: {
      ...NO_KILL,
      // Only the daemon tells the user id.
      killer: kill[3] === undefined ? 'lowmemorykiller' : 'lmkd',
      pid: Number(kill[2]),
      name: decodeText(kill[1] ?? ''),
      uid: toInteger(kill[3]),
      oomScoreAdj: toInteger(kill[4]),
      rssKiB: toInteger(kill[5]),
      signal: 'SIGKILL',
      reason: why === undefined ? null : decodeText(why),
    },
  };
}
