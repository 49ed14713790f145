import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfig } from '../../src/config/config.ts';
import { run, type Running } from '../../src/main.ts';
import { eventually } from './whole-bot.ts';

export interface LocalBot extends Running {
  pageUrl: string;
}

/** The bot in its local workspace, as `npm start` opens it without a configuration, once the story of its demo host is told. */
export async function openLocalBot(): Promise<LocalBot> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-local-'));
  const stop = new AbortController();
  const config = loadConfig({ env: { DATABASE_URL: `sqlite:${path.join(dir, 'oombot.db')}`, LOG_LEVEL: 'error' } });
  const running = await run({
    // Kills of this very machine, which other tests make, go elsewhere.
    load: () => ({
      ...config,
      http: { host: '127.0.0.1', port: 0, token: null },
      routes: [{ tags: ['local'], channel: '#this-machine', mention: null }],
    }),
    print: () => {},
    signal: stop.signal,
  });
  async function close(): Promise<void> {
    stop.abort();
    await running.close();
    rmSync(dir, { recursive: true, force: true });
  }

  try {
    await eventually(() => running.fleet.watchState('demo-db01')?.kind === 'watching', 'a watch on demo-db01');
    await eventually(async () => (await running.store.incidents('demo-db01', 1)).length > 0, 'the story of demo-db01');
  } catch (error) {
    await close();
    throw error;
  }
  return { ...running, pageUrl: running.local?.pageUrl ?? '', close };
}
