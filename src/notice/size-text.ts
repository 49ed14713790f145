import { KIB_PER_MIB, sayKiB } from '../oom/units.ts';
import { CONFIG_FILES } from '../size/config-files.ts';
import type { Tasks } from '../size/place.ts';
import type { Program } from '../size/program.ts';
import type { NoSettings, ReadSettings, SetValue } from '../size/read-settings.ts';
import type { Sizing } from '../size/size.ts';
import type { Part, Text } from './notice.ts';
import { sayCount } from './units.ts';

/** What fits, as one sentence. */
export function sizeText(sizing: Sizing): Text {
  const { program, tasks, split, now, verdict, instanceKiB } = sizing;
  const [{ name, text }] = split.values;
  const setting = setOf(name, text);
  switch (verdict) {
    case 'set':
      return [
        { hostText: tasks.name },
        { words: program.kind === 'workers' ? ' fits here with at most ' : ' fits here with ' },
        { hostText: setting },
        ...(now === null ? [{ words: '.' }] : nowText(now)),
      ];
    case 'fits':
      return [
        { hostText: setOf(name, now?.text ?? '') },
        ...(now?.path == null ? [] : [{ words: ' (in ' }, { hostText: now.path }, { words: ')' }]),
        { words: ' of ' },
        { hostText: tasks.name },
        { words: ` already fits here (up to ${text} would): look at its other memory and at the other processes.` },
      ];
    case 'no-room':
      return [
        { hostText: tasks.name },
        { words: ` does not fit here: everything else leaves it ${sayKiB(instanceKiB)}, too little for any ` },
        { hostText: name },
        { words: '. It needs a larger limit, more RAM or another host.' },
      ];
    case 'outside':
      return [
        { hostText: tasks.name },
        { words: ` held ${sayKiB(tasks.largestKiB - (now?.value ?? 0) * KIB_PER_MIB)} beside what ` },
        { hostText: name },
        { words: ' limits, so a smaller value would not help.' },
      ];
  }
}

/** The arithmetic behind it, a step a line, then what is taken for granted and where the facts are from. */
export function sizeSteps(sizing: Sizing): string[] {
  const { program, tasks, place, othersKiB, reserveKiB, budgetKiB, instanceKiB, split, verdict } = sizing;
  const what = place.kind === 'host' ? 'RAM' : 'limit of the group';
  const held = `${tasks.count > 1 ? `${sayCount(tasks.count, 'process', 'processes')} together` : 'it'} held ${sayKiB(tasks.kiB)}`;
  const isKnown = verdict === 'set' || verdict === 'fits';
  const rest = split.rest.map(({ what: part, mib }) => ` − ${sayKiB(mib * KIB_PER_MIB)} ${part}`).join('');
  const left = Math.max(0, instanceKiB - split.rest.reduce((sum, { mib }) => sum + mib * KIB_PER_MIB, 0));
  return [
    `${sayKiB(place.totalKiB)} ${what} − ${sayKiB(othersKiB)} all else (other processes, the kernel) − ${sayKiB(reserveKiB)} reserve = ${sayKiB(budgetKiB)} for it (${held})`,
    ...(instanceKiB < budgetKiB
      ? [`its largest process held ${sayKiB(tasks.largestKiB)} of that: ${sayKiB(instanceKiB)} for that one`]
      : []),
    `${sayKiB(instanceKiB)}${rest} = ${sayKiB(left)}${isKnown ? `, ${split.how}` : ''}`,
    ...(isKnown ? [split.values.map(({ name, text }) => setOf(name, text)).join(', ')] : []),
    place.swapKiB > 0 ? `swap (${sayKiB(place.swapKiB)}) is left for peaks and not counted` : 'there is no swap',
    `now: ${nowWords(sizing)}`,
    `assumed: all else stays as it was; ${program.assumes.join('; ')}`,
    ...(program.also === null ? [] : [`limits it too: ${program.also}`]),
    `its memory is ${program.holds} (${program.source.versions}; ${program.source.url})`,
  ];
}

/** The whole of it: sentence, arithmetic, and the command with its undo. */
export function sizeParts(sizing: Sizing): Part[] {
  const { program, split, now, verdict } = sizing;
  const apply = verdict === 'set' ? program.apply(split.values, now?.undo ?? null) : null;
  const before: Text =
    apply === null || apply.look === null || !apply.undo.includes('BEFORE')
      ? []
      : [{ words: ' First save the current value (replace BEFORE in the undo): ' }, { hostText: apply.look }];
  return [
    { kind: 'text', text: [{ strong: 'Size:' }, { words: ' ' }, ...sizeText(sizing)] },
    { kind: 'lines', caption: 'The arithmetic', lines: sizeSteps(sizing) },
    ...(apply === null
      ? []
      : [
          {
            kind: 'command' as const,
            label: [{ strong: 'Set it:' }, { words: ` ${apply.words}` }, ...before],
            command: apply.command,
            undo: apply.undo,
          },
        ]),
  ];
}

/** Flags and variables are written with `=`, `-Xmx` with nothing between, settings of files with blanks. */
function setOf(name: string, text: string): string {
  if (name.startsWith('-X')) return `${name}${text}`;
  return name.startsWith('--') || name === name.toUpperCase() ? `${name}=${text}` : `${name} = ${text}`;
}

function nowText({ text, path }: NonNullable<Sizing['now']>): Text {
  if (path === null) return [{ words: ` (now ${text}).` }];
  return [{ words: ` (now ${text}, in ` }, { hostText: path }, { words: ').' }];
}

function nowWords({ program, tasks, now, told, split }: Sizing): string {
  const { overrides = null } = CONFIG_FILES[program.key] ?? {};
  const [{ name }] = split.values;
  const values = told.map((one) => {
    const what = setOf(one.isMain ? name : one.key, one.text === '?' ? 'not a plain number' : one.text);
    return `${what} (${whereWords(one, overrides)})`;
  });
  const isTold = told.some(({ isMain }) => isMain);
  const main = isTold
    ? []
    : [now === null ? `${lackWords(program, tasks)}; without the setting: ${program.unset}` : now.text];
  return [...main, ...values].join('; ');
}

function whereWords({ path, doubt, pools }: SetValue, overrides: string | null): string {
  if (path === null) return 'on its command line';
  return [
    pools > 1 ? `total of ${pools} pools, the last one in ${path}` : `in ${path}`,
    ...(doubt === 'changed' ? ['changed since it started, so what it runs with may differ'] : []),
    ...(doubt === 'version' ? ['for one version of the server, which may be another'] : []),
    ...(overrides === null ? [] : [`${overrides} may override it`]),
  ].join('; ');
}

/** Why the setting is not known. */
function lackWords(program: Program, { commandLine, settings }: Tasks): string {
  const isRead = CONFIG_FILES[program.key]?.form != null;
  if (program.argument === null) return settings === undefined ? 'cannot be read from here' : filesLack(settings);
  if (commandLine === null && settings === undefined) return 'not known';
  const line = commandLine === null ? 'its command line is not known' : 'not on its command line';
  if (settings === undefined || (typeof settings === 'string' && !isRead)) return `${line}, as far as that is known`;
  return isRead ? `${line}; ${filesLack(settings)}` : line;
}

/** Why its files do not tell it. */
function filesLack(settings: ReadSettings | NoSettings): string {
  if (settings === 'too-old')
    return 'its files were not read: oombot-host is too old for that (oombot check prints the line that upgrades it)';
  if (settings === 'no-answer') return 'its files were not read: the host gave no answer';
  const { isInside, isUnnamed, unread, files } = settings;
  if (isInside) return 'it runs in a container, whose files cannot be read from here';
  if (unread.length > 0) return `${unread.slice(0, 2).join(' and ')} could not be read`;
  if (isUnnamed) return 'it is not known which file it reads';
  if (files.length === 0) return 'no file in the usual places';
  const [first] = files;
  return files.length > 2
    ? `not set in ${first?.path} or ${files.length - 1} other files`
    : `not set in ${files.map(({ path }) => path).join(' or ')}`;
}
