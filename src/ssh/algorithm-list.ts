import { createRequire } from 'node:module';

import { matchesPattern } from './known-hosts.ts';

export type AlgorithmKind = 'KEX' | 'SERVER_HOST_KEY' | 'CIPHER' | 'MAC';

// What this Node can do is known to ssh2 (1.17.0) alone, which exports it nowhere.
const known = createRequire(import.meta.url)('ssh2/lib/protocol/constants.js') as Record<string, string[]>;

/**
 * A list of algorithms as ssh_config writes it: `a,b`, or a change of the default list by `+a`, `-pattern` or `^a`. `names` are those
 * of it that ssh2 has, best first; `missing` those that were asked for and that it lacks.
 */
export function chooseAlgorithms(spec: string, kind: AlgorithmKind): { names: string[]; missing: string[] } {
  const [byDefault, supported] = [known[`DEFAULT_${kind}`] ?? [], known[`SUPPORTED_${kind}`] ?? []];
  const sign = /^[+^-]/.exec(spec)?.[0] ?? '';
  const asked = spec
    .slice(sign.length)
    .split(',')
    .filter((one) => one !== '');
  if (sign === '-')
    return {
      names: byDefault.filter((one) => !asked.some((pattern) => matchesPattern(pattern, one))),
      missing: [],
    };
  const usable = asked.filter((one) => supported.includes(one));
  const others = byDefault.filter((one) => !usable.includes(one));
  const names =
    sign === ''
      ? usable
      : sign === '+'
        ? [...byDefault, ...usable.filter((one) => !byDefault.includes(one))]
        : [...usable, ...others];
  return { names, missing: asked.filter((one) => !supported.includes(one)) };
}
