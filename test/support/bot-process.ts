import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Health } from '../../src/http/health.ts';
import type { LocalWorkspace } from '../../src/local/workspace.ts';

const node = path.join(import.meta.dirname, '../../node_modules/.bin/node');
const cli = path.join(import.meta.dirname, '../../src/cli.ts');
const LOG_MAX = 200_000;
/** As a service manager does. */
const RESTART_MS = 500;

export interface BotProcess {
  /** Ends it at once, with `signal`; it is started again unless it is to stay down. */
  end: (signal: 'SIGKILL' | 'SIGTERM') => Promise<void>;
  /** How often it was started. */
  starts: () => number;
  /** null: it does not answer. */
  health: () => Promise<Health | null>;
  /** The sum over all labels; null: it does not answer. */
  metric: (name: string) => Promise<number | null>;
  residentMiB: () => number;
  /** What it logged, the newest of it. */
  logged: () => string;
  /** Ends it for good. */
  close: () => Promise<void>;
}

/**
 * `oombot run` as a process of its own, kept up as a service manager would. `port`: what its configuration says of `http`; 0: the one
 * that it prints.
 */
export function keepBotUp(options: {
  configFile: string;
  port: number;
  database: string;
  workspace: LocalWorkspace;
  through?: readonly string[];
}): BotProcess {
  const { configFile, port, database, workspace, through = [] } = options;
  let child: ChildProcess | null = null;
  let isWanted = true;
  let starts = 0;
  let logged = '';
  let portNow = port;
  const running = keepUp();

  async function keepUp(): Promise<void> {
    while (isWanted) {
      starts += 1;
      const started = spawn('env', [...through, node, '--no-warnings', cli, 'run', '--config', configFile], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          DATABASE_URL: database,
          SLACK_BOT_TOKEN: workspace.botToken,
          SLACK_APP_TOKEN: workspace.appToken,
          SLACK_API_URL: workspace.apiUrl,
        },
      });
      started.stdout?.on('data', (chunk: Buffer) => {
        if (port === 0) portNow = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(chunk.toString())?.[1] ?? portNow);
      });
      started.stderr?.on('data', (chunk: Buffer) => (logged = (logged + chunk.toString()).slice(-LOG_MAX)));
      child = started;
      await once(started, 'exit');
      child = null;
      if (isWanted) await sleep(RESTART_MS);
    }
  }

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const leaving = child;
    if (leaving === null || leaving.exitCode !== null || leaving.signalCode !== null) return;
    const gone = once(leaving, 'exit');
    leaving.kill(signal);
    await gone;
  }

  async function ask(what: string): Promise<string | null> {
    try {
      const answer = await fetch(`http://127.0.0.1:${portNow}${what}`, { signal: AbortSignal.timeout(10_000) });
      return await answer.text();
    } catch {
      return null;
    }
  }

  return {
    end,
    starts: () => starts,
    health: async () => {
      const text = await ask('/healthz');
      return text === null ? null : (JSON.parse(text) as Health);
    },
    metric: async (name) => {
      const text = await ask('/metrics');
      if (text === null) return null;
      const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].map(([, value]) =>
        Number(value),
      );
      return values.reduce((sum, value) => sum + value, 0);
    },
    residentMiB: () => {
      try {
        const status = readFileSync(`/proc/${child?.pid}/status`, 'utf8');
        return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
      } catch {
        return 0; // it has just ended
      }
    },
    logged: () => logged,
    close: async () => {
      isWanted = false;
      await end('SIGTERM');
      await running;
    },
  };
}
