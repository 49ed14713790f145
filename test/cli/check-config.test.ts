import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findConfigProblems } from '../../src/cli/check-config.ts';
import { loadConfig } from '../../src/config/config.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'oombot-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function problems(yaml: string, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const file = path.join(folder, 'oombot.yaml');
  writeFileSync(file, `http: 127.0.0.1:0\ndatabase: sqlite:${folder}/data/oombot.db\n${yaml}`);
  const found = await findConfigProblems(loadConfig({ path: file, env }));
  return found.map(({ kind, sentence }) => `${kind}: ${sentence.replaceAll(folder, '')}`);
}

const HOST = `fingerprints: ["SHA256:${'A'.repeat(43)}"]`;

describe('config check', () => {
  it('finds nothing in a configuration that fits together', async () => {
    expect(
      await problems(`routes: [{ tags: [db], channel: "#db" }]\nhosts: [{ name: db01, tags: [db], ${HOST} }]`),
    ).toEqual([]);
  });

  it.each([
    ['a route that no host matches', `routes: [{ tags: [web], channel: "#web" }]`, /odd: routes\[0\].*matches no host/],
    ['a route without tags', `routes: [{ tags: [], channel: "#a" }]`, /odd: routes\[0\].*takes every host/],
    [
      'a route behind one that takes its hosts',
      `routes: [{ tags: [db], channel: "#a" }, { tags: [db, prod], channel: "#b" }]\nhosts: [{ name: a, tags: [db, prod], ${HOST} }]`,
      /odd: routes\[1\].*never used/,
    ],
    ['an early warning for nobody', `earlyWarning: [{ tags: [db] }]`, /odd: earlyWarning\[0\] matches no host/],
    ['a key that is not there', `ssh: { identityFile: /no/such/key }`, /wrong: ssh\.identityFile.*ssh-keygen/],
    ['host keys without known_hosts', `hosts: [{ name: a, knownHosts: /no/such }]`, /wrong: the host key of a/],
    ['too few approvers', `approvals: { approvers: [U012AB], quorum: 2 }`, /odd: approvals\.quorum is 2/],
  ])('names %s', async (_, yaml, expected) => {
    expect(await problems(yaml)).toEqual([expect.stringMatching(expected)]);
  });

  it('names tokens that were swapped, and approvers that are missing', async () => {
    const found = await problems('', { SLACK_BOT_TOKEN: 'xapp-1', SLACK_APP_TOKEN: 'xoxb-1' });

    expect(found).toEqual([
      expect.stringMatching(/wrong: SLACK_BOT_TOKEN/),
      expect.stringMatching(/wrong: SLACK_APP_TOKEN/),
      expect.stringMatching(/odd: approvals.approvers/),
    ]);
  });

  it('names a key that others can read', async () => {
    writeFileSync(path.join(folder, 'key'), '');
    chmodSync(path.join(folder, 'key'), 0o644);

    expect(await problems(`ssh: { identityFile: ${folder}/key }`)).toEqual([
      'odd: /key can be read by others: chmod 600 /key',
    ]);
  });

  it('names a port that is in use', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const file = path.join(folder, 'oombot.yaml');
    writeFileSync(file, `http: 127.0.0.1:${port}\ndatabase: sqlite:${folder}/a.db`);

    const [found] = await findConfigProblems(loadConfig({ path: file, env: {} }));
    server.close();

    expect(found).toMatchObject({ kind: 'odd', sentence: expect.stringContaining('in use now') });
  });
});

describe('secrets', () => {
  function file(): string {
    return path.join(folder, 'SLACK_BOT_TOKEN');
  }

  beforeEach(() => {
    writeFileSync(path.join(folder, 'oombot.yaml'), '{}');
    writeFileSync(file(), 'xoxb-from-file\n');
    writeFileSync(path.join(folder, 'SLACK_APP_TOKEN'), 'xapp-from-file');
  });

  function tokens(env: NodeJS.ProcessEnv) {
    return loadConfig({ path: path.join(folder, 'oombot.yaml'), env }).slack;
  }

  it('come from files that a variable names', () => {
    expect(tokens({ SLACK_BOT_TOKEN_FILE: file(), SLACK_APP_TOKEN: 'xapp-1' })).toMatchObject({
      botToken: 'xoxb-from-file',
      appToken: 'xapp-1',
    });
  });

  it('come from the credentials of a service', () => {
    expect(tokens({ CREDENTIALS_DIRECTORY: folder })).toMatchObject({
      botToken: 'xoxb-from-file',
      appToken: 'xapp-from-file',
    });
  });

  it('are refused when they are named twice, or cannot be read', () => {
    expect(() => tokens({ SLACK_BOT_TOKEN: 'a', SLACK_BOT_TOKEN_FILE: file(), SLACK_APP_TOKEN: 'b' })).toThrow(
      /SLACK_BOT_TOKEN and SLACK_BOT_TOKEN_FILE are both set/,
    );
    expect(() => tokens({ SLACK_BOT_TOKEN_FILE: '/no/such', SLACK_APP_TOKEN: 'b' })).toThrow(
      /SLACK_BOT_TOKEN_FILE is "\/no\/such", which cannot be read: it does not exist/,
    );
  });
});
