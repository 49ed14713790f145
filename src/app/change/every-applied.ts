import type { Change } from '../../change/change.ts';
import type { ChangeStore } from '../store-port.ts';

/** Every change in force, oldest first, read a page at a time. */
export async function* everyApplied(store: Pick<ChangeStore, 'appliedChanges'>): AsyncGenerator<Change> {
  let after: Change | null = null;
  for (;;) {
    const page: Change[] = await store.appliedChanges(after);
    yield* page;
    after = page.at(-1) ?? null;
    if (after === null) return;
  }
}

/** Changes in force, of a host or (null) of all. */
export async function appliedOn(store: Pick<ChangeStore, 'appliedChanges'>, host: string | null): Promise<Change[]> {
  const found: Change[] = [];
  for await (const change of everyApplied(store)) if (host === null || change.host === host) found.push(change);
  return found;
}
