import type { Place, Wrapper } from './wrappers.ts';

// Fronts and tails that nobody has seen, made up of what logs put there.

type Field = Wrapper['line'];

function pick<T>(random: () => number, list: readonly [T, ...T[]]): T {
  return list[Math.floor(random() * list.length)] ?? list[0];
}

export function openRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function hex(random: () => number, length: number): string {
  return Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');
}

const HOSTS = [
  'db',
  'web',
  'pve',
  'node',
  'worker',
  'ip-10-0-3-',
  'k8s-prod-',
  'Server',
  'alpha',
  'host.example.org-',
] as const;

export function randomPlace(random: () => number): Place {
  return {
    host: `${pick(random, HOSTS)}${Math.floor(random() * 90 + 1)}`,
    pod: `app-${hex(random, 5)}-${hex(random, 5)}`,
    id: hex(random, 16),
    random,
  };
}

function iso(seconds: number): string {
  return new Date(Date.UTC(2026, 10, 22, 19, 51, 13) + seconds * 1000).toISOString();
}

function randomWord(random: () => number): string {
  const letters = Array.from('abcdefghijklmnoprstuvwz');
  return Array.from({ length: 2 + Math.floor(random() * 7) }, () => letters[Math.floor(random() * 23)]).join('');
}

function randomField(random: () => number): Field {
  const word = randomWord(random);
  const key = randomWord(random);
  const count = Math.floor(random() * 90_000);
  return pick<Field>(random, [
    (m) => iso(m.seconds),
    (m) => iso(m.seconds).slice(0, 19),
    (m) => iso(m.seconds).slice(11, 19),
    (m) => iso(m.seconds).replace('T', ' ').slice(0, 23),
    (m) => String(Math.floor(Date.parse(iso(m.seconds)) / 1000)),
    (m) => `Nov 22 ${iso(m.seconds).slice(11, 19)}`,
    (m) => m.seconds.toFixed(6),
    (m) => (m.text.includes('Killed') ? 'ERR' : m.text.startsWith('[') ? 'INFO' : 'WARN'),
    () => word,
    () => word.padEnd(12),
    () => `${word}-${count}`,
    () => String(count),
    () => `10.${count % 255}.3.${count % 199}`,
    () => `/var/${word}/${key}.log`,
    () => `${key}=${word}`,
    () => `${word}.${key}.example.org`,
    (_, place) => place.host,
    (_, place) => `${key}="${place.host}"`,
    (_, place) => hex(place.random, 8),
    (_, place) => hex(place.random, 16),
    (_, place) => `${hex(place.random, 8)}-${hex(place.random, 4)}-${hex(place.random, 4)}`,
    (_, __, index) => String(index + count),
    (_, __, index) => String(index).padStart(6),
  ]);
}

/** One made-up front and tail; the same for the same seed. */
export function randomWrapper(seed: number): Wrapper {
  const random = openRandom(seed);

  function fields(length: number): Field[] {
    return Array.from({ length }, () => {
      const field = randomField(random);
      const around = pick(random, ['', '', '', '', '[]', '()', '<>', '{}', '""', "''"]);
      return (m, place, index) => `${around.charAt(0)}${field(m, place, index)}${around.charAt(1)}`;
    });
  }

  const between = pick(random, [' ', ' ', ' ', '\t', ' | ', ', ', ': ', ';', ' - ', '|']);
  const fronts = fields(Math.floor(random() * 5));
  const tails = random() < 0.45 ? fields(1 + Math.floor(random() * 3)) : [];
  const frontEnd =
    fronts.length === 0 ? '' : pick(random, [' ', ' ', ': ', ' - ', '\t', ' | ', '> ', ' :: ', '] ', ' "']);
  const tailStart = tails.length === 0 ? '' : pick(random, [' ', ' | ', '\t', ', ', ' # ', '; ', '" ', ' (']);
  const hasKernelTime = random() < 0.5;
  return {
    name: `made up, ${seed}`,
    line: (m, place, index) =>
      [
        fronts.map((field) => field(m, place, index)).join(between),
        frontEnd,
        hasKernelTime ? `[${m.seconds.toFixed(6).padStart(12)}] ` : '',
        m.text,
        tailStart,
        tails.map((field) => field(m, place, index)).join(between),
      ].join(''),
  };
}
