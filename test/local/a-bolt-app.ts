import { App, LogLevel, SocketModeReceiver } from '@slack/bolt';
import type { Clock } from '../../src/app/ports.ts';
import { openLocalWorkspace, type LocalWorkspace, type LocalWorkspaceOptions } from '../../src/local/workspace.ts';

/** A workspace as tests want it: three channels, one without the bot, one command, one shortcut. */
export function openTestWorkspace(options: Partial<LocalWorkspaceOptions> = {}): Promise<LocalWorkspace> {
  return openLocalWorkspace({
    channels: ['#oom', '#db-alerts', { name: '#general', hasBot: false }],
    commands: [{ command: '/oom', usageHint: 'last <host> | history <host|tag> [7d] | help', shouldEscape: true }],
    shortcuts: [{ callbackId: 'explain', name: 'Explain' }],
    userGroups: [{ id: 'SLOCALDBA', handle: 'dba', name: 'Database people', users: ['ULOCALBEN'] }],
    ...options,
  });
}

export interface StoppedClock extends Clock {
  advance: (ms: number) => void;
}

/** Time that moves by hand. */
export function aStoppedClock(): StoppedClock {
  let nowMs = Date.UTC(2026, 0, 1);
  const sleepers = new Set<{ untilMs: number; wake: () => void }>();
  return {
    nowMs: () => nowMs,
    sleep: (ms) =>
      new Promise<void>((wake) => {
        sleepers.add({ untilMs: nowMs + ms, wake });
      }),
    advance(ms) {
      nowMs += ms;
      for (const sleeper of sleepers) {
        if (sleeper.untilMs > nowMs) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
    },
  };
}

/** A real Bolt app in Socket Mode, not yet started, so that a test can register its listeners. */
export function aBoltApp(workspace: LocalWorkspace, options: { appToken?: string; botToken?: string } = {}): App {
  const api = { slackApiUrl: workspace.apiUrl };
  const receiver = new SocketModeReceiver({
    appToken: options.appToken ?? workspace.appToken,
    logLevel: LogLevel.ERROR,
    clientPingTimeout: 300,
    installerOptions: { clientOptions: { ...api, retryConfig: { retries: 2, minTimeout: 10, maxTimeout: 50 } } },
  });
  return new App({
    token: options.botToken ?? workspace.botToken,
    receiver,
    logLevel: LogLevel.ERROR,
    convoStore: false,
    deferInitialization: true,
    clientOptions: { ...api, timeout: 5_000, retryConfig: { retries: 2, minTimeout: 10, maxTimeout: 50 } },
  });
}

/** Starts the app and waits until its socket is there. */
export async function start(app: App, workspace: LocalWorkspace): Promise<void> {
  await app.init();
  await app.start();
  await workspace.until(() => workspace.socketCount() > 0);
}
