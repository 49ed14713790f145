import { randomBytes, randomInt } from 'node:crypto';

const TRIGGER_LIFE_MS = 3_000;
const TRIGGERS_MAX = 1_000;

export interface Triggers {
  issue: (person: string) => string;
  /** Uses a trigger up, or says why it is no good. */
  redeem: (
    id: string,
  ) => { person: string } | { error: 'invalid_trigger_id' | 'expired_trigger_id' | 'exchanged_trigger_id' };
}

/** trigger_ids: three seconds, one use. */
export function openTriggers(nowMs: () => number): Triggers {
  const issued = new Map<string, { person: string; issuedAtMs: number; isUsed: boolean }>();
  return {
    issue(person) {
      const id = `${randomInt(1e9, 1e10)}.${randomInt(1e9, 1e10)}.${randomBytes(16).toString('hex')}`;
      issued.set(id, { person, issuedAtMs: nowMs(), isUsed: false });
      const oldest = issued.keys().next().value;
      if (issued.size > TRIGGERS_MAX && oldest !== undefined) issued.delete(oldest);
      return id;
    },
    redeem(id) {
      const trigger = issued.get(id);
      if (trigger === undefined) return { error: 'invalid_trigger_id' };
      if (trigger.isUsed) return { error: 'exchanged_trigger_id' };
      if (nowMs() - trigger.issuedAtMs > TRIGGER_LIFE_MS) return { error: 'expired_trigger_id' };
      trigger.isUsed = true;
      return { person: trigger.person };
    },
  };
}
