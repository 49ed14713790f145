import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

import { openTelling, type Telling, type TellingOptions } from '../../src/app/tell/telling.ts';
import type { Store } from '../../src/app/store-port.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { openStore } from '../../src/store/store.ts';
import { fakeClock, type FakeClock } from './fake-clock.ts';
import { scriptedChat, type ScriptedChat } from './scripted-chat.ts';
import { QUIET } from './quiet-log.ts';

/** What tells a channel, with a record of its own and a chat, on a clock moved by hand from `nowMs`. All ends with the test. */
export async function tellingOnFakeClock(
  nowMs: number,
  options: Partial<TellingOptions> = {},
): Promise<{ store: Store; clock: FakeClock; chat: ScriptedChat; telling: Telling }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-telling-'));
  const store = await openStore(`sqlite:${path.join(folder, 'test.db')}`);
  const clock = fakeClock(nowMs);
  const chat = scriptedChat(clock);
  const telling = openTelling({
    store,
    workspace: chat,
    clock,
    log: QUIET,
    owner: 'me',
    describe: async (incident) => describeIncident(incident, { nowMs: clock.nowMs(), protect: false }),
    ...options,
  });
  onTestFinished(async () => {
    await telling.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  return { store, clock, chat, telling };
}
