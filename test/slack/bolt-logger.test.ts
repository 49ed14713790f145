import { LogLevel } from '@slack/bolt';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { boltLogger, REDACTED_PATHS, withoutSecrets } from '../../src/slack/bolt-logger.ts';

// Put together here so that no scanner takes it for a real one.
const BOT = ['xoxb', '123456789012', 'abcdefghijklmnop'].join('-');
const APP = ['xapp', '1-A0123', 'abcdef0123456789'].join('-');

function capture(): { lines: () => Record<string, unknown>[]; log: pino.Logger } {
  const written: string[] = [];
  const log = pino({ redact: [...REDACTED_PATHS] }, { write: (line: string) => void written.push(line) });
  return { lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>), log };
}

describe('what Slack’s libraries log', () => {
  it('keeps every argument that says something', () => {
    const { lines, log } = capture();

    boltLogger(log).error('Failed to send', new Error('socket closed'));

    expect(lines()).toMatchObject([{ level: 50, msg: 'Failed to send', reason: 'socket closed' }]);
  });

  it('holds no tokens, socket addresses or response URLs', () => {
    const { lines, log } = capture();
    const bolt = boltLogger(log);

    bolt.warn(`token ${BOT} and ${APP}`);
    bolt.error(new Error(`wss://wss-primary.slack.com/link/?ticket=abc&app_id=1 ${BOT}`));
    bolt.info('https://hooks.slack.com/commands/T1/2/secretpart failed');
    log.info({ token: BOT, body: { response_url: 'https://hooks.slack.com/x', trigger_id: '1.2.abc' } }, 'x');

    const all = JSON.stringify(lines());
    for (const secret of [BOT, APP, 'ticket=abc', 'secretpart', 'hooks.slack.com/x', '1.2.abc'])
      expect(all).not.toContain(secret);
  });

  it('never passes debug on: it prints payloads', () => {
    const { lines, log } = capture();
    log.level = 'trace';
    const bolt = boltLogger(log);
    bolt.setLevel(LogLevel.DEBUG);

    bolt.debug('payload', { response_url: 'https://hooks.slack.com/x' });

    expect(lines()).toEqual([]);
    expect(bolt.getLevel()).toBe('debug');
  });

  it('leaves other text alone', () => {
    expect(withoutSecrets('connected to https://slack.com/api/ as oombot')).toBe(
      'connected to https://slack.com/api/ as oombot',
    );
  });
});
