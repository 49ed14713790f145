import type { Cause } from '../oom/report.ts';
import { judgeRecord } from '../cause/cause.ts';
import { gatherFacts, type KillsFacts } from '../cause/cause-facts.ts';
import { THRESHOLDS } from '../cause/thresholds.ts';
import type { Incident, Kill } from './incident.ts';
import { serviceOf } from './service.ts';

/** The cause of an incident: that of its newest kill, seen together with its other kills, its host and its past. */
export function judgeIncident(incident: Incident): Cause | null {
  const newest = incident.kills.toReversed();
  for (const kill of newest) {
    // What only a counter tells has its cause already.
    const cause =
      kill.source === 'counter'
        ? kill.record.cause
        : judgeRecord(kill.record, {
            kills: killsOf(incident.kills, kill),
            host: incident.hostFacts ?? null,
            history: incident.history ?? null,
          });
    if (cause !== null) return cause;
  }
  return null;
}

/** What the kills of one incident say together, as seen from one of them. */
function killsOf(kills: readonly Kill[], from: Kill): KillsFacts {
  const service = serviceOf(from);
  const same = kills.filter((kill) => {
    const beforeMs = from.atMs - kill.atMs;
    return beforeMs >= 0 && beforeMs <= THRESHOLDS.loopMs && serviceOf(kill) === service && isLoner(kill);
  });
  const small = kills.filter(
    (kill) => Math.abs(from.atMs - kill.atMs) <= THRESHOLDS.smallVictimsMs && hardlyMatters(kill),
  );
  // Workers that die one after the other are a shortage that goes on; a loop is one process that came back each time.
  const loop = isOneAtATime(same) ? same : [];
  return {
    inLoop: loop.length,
    loopSpanMs: from.atMs - Math.min(from.atMs, ...loop.map((kill) => kill.atMs)),
    loopIsSure: loop.every((kill) => (kill.record.topTasks?.length ?? 0) > 0),
    smallVictims: small.length,
    diedAtMs: from.atMs,
  };
}

/** All who die of `memory.oom.group` are one death of their service. */
function isLoner({ record }: Kill): boolean {
  return (
    record.pid !== null && (record.oomGroup === null || record.selected === null || record.selected.pid === record.pid)
  );
}

/** Whether the later victims were not there yet when an earlier one died, as far as the tables tell. */
function isOneAtATime(kills: readonly Kill[]): boolean {
  return kills.every((kill, at) => {
    const others = kills.slice(at + 1).map((other) => other.record.pid);
    return !(kill.record.topTasks ?? []).some((task) => others.includes(task.pid));
  });
}

function hardlyMatters({ record }: Kill): boolean {
  const kiB = record.tasks?.victim?.kiB ?? null;
  const facts = kiB === null || record.domain !== 'host' ? null : gatherFacts(record);
  return kiB !== null && facts?.totalKiB != null && kiB / facts.totalKiB < THRESHOLDS.smallVictimShare;
}
