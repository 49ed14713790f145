import { decodeText } from '../bytes.ts';
import { NO_KILL, type UserspaceLine } from './userspace-kill.ts';

// oomd kill: 62.08 40.05 10.05 system.slice/foo.service 5371920384 ruleset:[memory] detectorgroup:[x] killer:kill_by_size v2
const FRONT = /^(?:oomd kill: )?([\d.]{1,12}) [\d.]{1,12} [\d.]{1,12} /;
const BACK = / (\d{1,20}) ((?:ruleset:\[|detector:|killer:).{0,1000})$/s;

/** One line of Meta's oomd; null: nothing about a kill. */
export function readOomd(text: string, isNamed: boolean): UserspaceLine | null {
  if (!isNamed && !text.startsWith('oomd kill: ')) return null;
  const front = FRONT.exec(text);
  if (front === null) return null;
  const rest = text.slice(front[0].length - 1, front[0].length + PATH_MAX);
  const marker = rest.search(/ \d{1,20} (?:ruleset:\[|detector:|killer:)/);
  const back = marker < 0 ? null : BACK.exec(rest.slice(marker));
  if (back === null || back[2] === undefined) return null;
  const isDry = back[2].includes('killer:(dry)');
  const path = decodeText(rest.slice(1, marker));
  return {
    kind: 'kill',
    kill: {
      ...NO_KILL,
      killer: 'oomd',
      cgroup: path.startsWith('/') ? path : `/${path}`,
      rssKiB: Math.round(Number(back[1]) / 1024),
      signal: 'SIGKILL',
      reason: `${decodeText(back[2])}, memory pressure ${front[1]} % over 10 s`,
    },
    ...(isDry ? { outcome: 'dry-run' as const } : {}),
  };
}

const PATH_MAX = 6_000;
