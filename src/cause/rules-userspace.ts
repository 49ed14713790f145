import { survivedSignal } from '../oom/survived-signal.ts';
import type { KillRecord } from '../oom/report.ts';
import type { Finding, Rule } from './cause-rule.ts';

const USERSPACE = ['systemd-oomd', 'earlyoom', 'nohang', 'oomd', 'lmkd', 'lowmemorykiller', 'talos'] as const;
const SOURCES = {
  'systemd-oomd': 'man systemd-oomd.service',
  earlyoom: 'earlyoom README',
  nohang: 'nohang README',
  oomd: 'oomd docs',
  lmkd: 'Android: lmkd README',
  lowmemorykiller: 'drivers/staging/android/lowmemorykiller.c',
  talos: 'Talos: runtime.OOMController',
};

/** Kills that were not the kernel's: these decide alone, whatever held the memory. */
export const USERSPACE_RULES: readonly Rule[] = USERSPACE.map((killer): Rule => ({
  code: killer,
  id: killer === 'systemd-oomd' ? 'S10' : 'S11',
  place: 'decides',
  sure: 'certain',
  meaning: `${killer} acted, not the kernel`,
  advice: killer === 'systemd-oomd' ? 'systemd-oomd' : null,
  source: SOURCES[killer],
  find: ({ record }) => (record.killer === killer ? byUserspace(record) : null),
}));

/** These send SIGKILL and nothing else, which no process survives. */
const SIGKILL_ONLY: ReadonlySet<string> = new Set(['systemd-oomd', 'oomd', 'lmkd', 'lowmemorykiller', 'talos']);
const CHOSEN = /^(?:Marked \/|Rule ')/;
const GONE = /^process (?:\d+ )?exited after |^The victim (?:died|became a zombie)/;

/** What the log states: who sent a signal, and why. Whether the process died of it is told only where the log says so. */
function byUserspace(record: KillRecord): Finding {
  const { killer, reason, outcome, aftermath, pid } = record;
  const why = reason === null ? '' : `: ${reason}`;
  if (outcome === 'dry-run') return told(`${killer} would have killed it, but runs dry and did nothing${why}.`);
  if (record.alsoBy === 'kernel')
    return {
      ...told(`${killer} acted first${why}. The process had not exited yet when the kernel’s own OOM killer ended it.`),
      place: 'shape',
    };
  if (survivedSignal(record)) return told(`${killer} tried to kill it, and it did not exit${why}.`);
  const whom = pid === null ? 'everything in this group' : 'it';
  const isGone = aftermath.some((said) => GONE.test(said));
  if (isOnlyChosen(record))
    return told(`${killer} chose everything in this group to be killed${why}. The log does not say that it was.`);
  if (SIGKILL_ONLY.has(killer) || isGone)
    return told(`${killer} killed ${whom}${why === '' ? ' (no reason given)' : why}.`);
  return told(`${killer} sent ${whom} a signal to end${why}. The log does not say whether it has exited.`);
}

/** From 258 on the line says whom systemd-oomd chose; hooks of others come before the signal, and systemd tells of the kill. */
function isOnlyChosen({ killer, evidence, aftermath }: KillRecord): boolean {
  return (
    killer === 'systemd-oomd' &&
    evidence.some(({ text }) => CHOSEN.test(text)) &&
    !evidence.some(({ text }) => text.startsWith('Killed /')) &&
    !aftermath.some((said) => said.includes('systemd-oomd killed '))
  );
}

function told(text: string): Finding {
  return { text, numbers: {} };
}
