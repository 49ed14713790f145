import type { Missing } from '../../incident/why.ts';
import type { Text } from '../notice.ts';
import { sayCount } from '../units.ts';

/** What keeps it from being told, and how it will be known next time. */
export function missingText(missing: Missing, host: string, what: string): Text {
  switch (missing.kind) {
    case 'host-away':
      return [
        { hostText: host },
        {
          words:
            ' did not answer, so its counters could not be compared. Try again when /oom hosts says that it is connected.',
        },
      ];
    case 'before-boot':
      return [
        { words: 'The host was booted ' },
        { atMs: missing.bootAtMs },
        {
          words:
            ': its counters began anew then. Kills of the time before are known from the record alone, and none of it is on record. Ask about the time since, or look at the journal of that boot: journalctl -k -b -1',
        },
      ];
    case 'before-watch':
      return missing.watchedSinceMs === null
        ? [{ words: 'This host is not watched yet, and its kernel counted kills that I know nothing of.' }]
        : [
            { words: 'I watch this host since ' },
            { atMs: missing.watchedSinceMs },
            { words: '; before that its kernel counted kills that I know nothing of. Next time I will know.' },
          ];
    case 'no-counter':
      return [
        {
          words:
            'This kernel does not count its OOM kills (4.13 and newer do), so that nothing proves that none was missed.',
        },
      ];
    case 'unexplained':
      return [
        {
          words: `The kernel counted ${sayCount(missing.count, 'kill')} more or less than are on record. Ask again in a minute: the log is being read once more.`,
        },
      ];
    case 'more-recorded':
      return [
        {
          words:
            'There are more kills on record than I can look through, or old ones were removed. Ask about a shorter time.',
        },
      ];
    case 'nameless':
      return [
        {
          words: `${sayCount(missing.count, 'kill')} of that time ${missing.count === 1 ? 'is' : 'are'} only known from the kernel’s counter: its log did not say who. A larger kernel log buffer (log_buf_len=) keeps that from happening.`,
        },
      ];
    case 'other-killers':
      return [
        {
          words: `${missing.names.join(', ')} ${missing.names.length === 1 ? 'runs' : 'run'} there and ${missing.names.length === 1 ? 'kills' : 'kill'} without being counted; their log was not followed the whole time.`,
        },
      ];
    case 'unit-counts':
      return [
        {
          words: `Its own group counted ${sayCount(missing.count, 'OOM kill')} that ${missing.count === 1 ? 'is' : 'are'} not on record.`,
        },
      ];
    case 'systemd-says':
      return [{ words: 'systemd noted an OOM kill in its unit, at another time than the one asked about.' }];
    case 'nobody-called':
      return [
        { words: 'Nothing called ' },
        { hostText: what },
        {
          words:
            ' runs there or was seen running, and other processes were killed for memory in that time. Use a name, PID, unit or container of these:',
        },
      ];
  }
}
