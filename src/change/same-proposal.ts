import type { Change } from './change.ts';

/** Whether a change that is open already does the very same: to the same processes, to the same value, for as long. */
export function isSameProposal(open: Change, wanted: Change): boolean {
  return open.state.kind === 'proposed' && keyOf(open) === keyOf(wanted);
}

function keyOf({ host, bootId, subject, processes, dropIn, to, forMs, keep, terms, widens, undoes }: Change): string {
  const each = processes.map(({ pid, startTicks, to: value }) => `${pid} ${startTicks} ${value}`).toSorted();
  const { tag = null, commandLine = null, onDrift = null } = terms ?? {};
  return JSON.stringify([
    host,
    bootId,
    subject,
    each,
    dropIn === null ? null : [dropIn.unit, dropIn.to],
    to,
    forMs,
    keep,
    [tag, commandLine, onDrift],
    widens ?? null,
    undoes,
  ]);
}
