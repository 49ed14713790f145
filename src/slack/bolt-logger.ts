import { LogLevel, type Logger } from '@slack/bolt';
import type { Logger as Pino } from 'pino';

/** Where secrets could stand in what is logged: for pino's `redact`. Slack's own payloads carry URLs that let anybody answer. */
export const REDACTED_PATHS: readonly string[] = [
  'token',
  'botToken',
  'appToken',
  'response_url',
  'trigger_id',
  'authorization',
  'headers.authorization',
  '*.token',
  '*.botToken',
  '*.appToken',
  '*.response_url',
  '*.trigger_id',
  '*.authorization',
  '*.headers.authorization',
  'err.config',
  'err.request',
  'err.headers',
  'err.body',
];

// Tokens, one-time socket addresses and response URLs, wherever they stand in a sentence.
const SECRETS =
  /\bx(?:ox[a-z]|app|oxe)-[\w-]{6,}|\bwss:\/\/[^\s"']+|https?:\/\/[^\s"']*\/(?:commands|actions|app|services)\/[^\s"']+/gi;

/** A sentence without tokens or addresses that let anybody act. */
export function withoutSecrets(text: string): string {
  return text.replace(SECRETS, '[secret]');
}

/** A fault as a log may keep it: its kind, words and stack, without what hangs on it (requests, headers, bodies). */
export function faultForLog(error: unknown): { type: string; message: string; stack?: string } {
  if (!(error instanceof Error)) return { type: typeof error, message: withoutSecrets(String(error)) };
  const stack = error.stack === undefined ? {} : { stack: withoutSecrets(error.stack) };
  return { type: error.name, message: withoutSecrets(error.message), ...stack };
}

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * Pino as Bolt's logger. Bolt calls `error('text', error)` and `warn(text, index, array)`, of which pino would drop all but the first.
 * Its debug level prints whole payloads with their response URLs: it is never passed on.
 */
export function boltLogger(pino: Pino): Logger {
  let level: LogLevel = LogLevel.INFO;

  function at(of: Exclude<LogLevel, LogLevel.DEBUG>): (...said: unknown[]) => void {
    return (...said) => {
      if (RANK[of] < RANK[level]) return;
      const error = said.find((one) => one instanceof Error);
      const words = said.filter((one) => typeof one === 'string').join(' ') || error?.message || 'Slack library';
      // The error object is not passed on: its request and headers hold the token.
      pino[of](error ? { reason: withoutSecrets(error.message) } : {}, withoutSecrets(words));
    };
  }

  return {
    debug: () => {},
    info: at(LogLevel.INFO),
    warn: at(LogLevel.WARN),
    error: at(LogLevel.ERROR),
    setLevel: (to) => {
      level = to;
    },
    // Asked for in the constructor.
    getLevel: () => level,
    setName: () => {},
  };
}
