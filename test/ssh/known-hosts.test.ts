import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  fingerprintOf,
  knownKeysFor,
  matchesHost,
  openKnownHostsFiles,
  parseKnownHosts,
} from '../../src/ssh/known-hosts.ts';
import type { SshTarget } from '../../src/ssh/target.ts';
import { needs } from '../support/needs.ts';
import { makeKey } from '../support/sshd.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'oombot-known-'));

function aKey(
  name: string,
  type: 'ed25519' | 'rsa' | 'ecdsa' = 'ed25519',
): { line: string; blob: Buffer; file: string } {
  const file = path.join(dir, name);
  makeKey(file, type);
  const line = readFileSync(`${file}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
  return { line, blob: Buffer.from(line.split(' ')[1] ?? '', 'base64'), file };
}

const one = aKey('one');
const two = aKey('two');
const rsa = aKey('rsa', 'rsa');

function aTarget(change: Partial<SshTarget> = {}): SshTarget {
  return {
    name: 'db01',
    address: 'db01',
    port: 22,
    user: 'u',
    identityFile: null,
    knownHosts: [],
    fingerprints: [],
    jump: null,
    ...change,
  };
}

function verdict(text: string, key: Buffer, change: Partial<SshTarget> = {}): string {
  return knownKeysFor(aTarget(change), parseKnownHosts(text)).verdict(key);
}

describe('known_hosts', () => {
  it.each([
    ['the plain name', `db01 ${one.line}`, {}, 'trusted'],
    ['a name among several', `a,db01,10.0.0.1 ${one.line}`, {}, 'trusted'],
    ['a name in another case', `DB01 ${one.line}`, { address: 'Db01' }, 'trusted'],
    ['another host', `db02 ${one.line}`, {}, 'unknown'],
    ['nothing on file', '', {}, 'unknown'],
    ['another key of the host', `db01 ${two.line}`, {}, 'changed'],
    ['two keys, one of them right', `db01 ${two.line}\ndb01 ${one.line}`, {}, 'trusted'],
    ['a key of another type only', `db01 ${rsa.line}`, {}, 'changed'],
    ['a pattern', `*.prod ${one.line}`, { address: 'x.prod' }, 'trusted'],
    ['a negated pattern', `*.prod,!x.prod ${one.line}`, { address: 'x.prod' }, 'unknown'],
    ['a single-letter pattern', `db?1 ${one.line}`, {}, 'trusted'],
    ['a port of its own', `[db01]:2222 ${one.line}`, { port: 2222 }, 'trusted'],
    ['the bare name for another port', `db01 ${one.line}`, { port: 2222 }, 'unknown'],
    ['a port for the standard one', `[db01]:2222 ${one.line}`, {}, 'unknown'],
    ['a revoked key', `db01 ${one.line}\n@revoked * ${one.line}`, {}, 'revoked'],
    ['a revoked key that is pinned', `@revoked * ${one.line}`, { fingerprints: [fingerprintOf(one.blob)] }, 'revoked'],
    ['a pinned key', '', { fingerprints: [fingerprintOf(two.blob), fingerprintOf(one.blob)] }, 'trusted'],
    ['another key than the pinned one', `db01 ${one.line}`, { fingerprints: [fingerprintOf(two.blob)] }, 'changed'],
    ['only a certificate authority', `@cert-authority * ${one.line}`, {}, 'unknown'],
    ['a comment', `# db01 ${one.line}`, {}, 'unknown'],
    ['an unheard-of marker', `@trusted db01 ${one.line}`, {}, 'unknown'],
    ['a type that is not the key’s', `db01 ssh-rsa ${one.line.split(' ')[1]}`, {}, 'unknown'],
  ])('answers for %s', (_what, text, change, expected) => {
    expect(verdict(text, one.blob, change)).toBe(expected);
  });

  it.each(['db01', '[db01]:2222'])('reads %s as hashed by ssh-keygen -H', needs('ssh-keygen'), (name) => {
    const file = path.join(dir, `hashed-${name.length}`);
    writeFileSync(file, `${name} ${one.line}\n`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
    const text = readFileSync(file, 'utf8');

    expect(text).not.toContain('db01');
    expect(verdict(text, one.blob, { port: name === 'db01' ? 22 : 2222 })).toBe('trusted');
    expect(verdict(text, one.blob, { address: 'db02', port: name === 'db01' ? 22 : 2222 })).toBe('unknown');
  });

  it('prints fingerprints as ssh-keygen does', needs('ssh-keygen'), () => {
    const printed = execFileSync('ssh-keygen', ['-lf', `${rsa.file}.pub`]).toString();

    expect(printed).toContain(fingerprintOf(rsa.blob));
  });

  it('asks for the types on file only', () => {
    const known = knownKeysFor(aTarget(), parseKnownHosts(`db01 ${rsa.line}\nother ${one.line}`));

    expect(known.algorithms).toEqual(['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa']);
    expect(knownKeysFor(aTarget(), []).algorithms).toEqual([]);
  });

  it('takes any text and any key without a fault', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.uint8Array({ maxLength: 100 }), (text, key) => {
        expect(verdict(text, Buffer.from(key))).not.toBe('trusted');
        matchesHost(text, 'db01');
      }),
    );
  });

  it('reads a file again when it changed, and an absent one as empty', async () => {
    const files = openKnownHostsFiles();
    const file = path.join(dir, 'changing');

    expect(await files.read([file])).toEqual([]);
    writeFileSync(file, `db01 ${one.line}\n`);
    expect(await files.read([file])).toHaveLength(1);
    writeFileSync(file, `db01 ${one.line}\ndb01 ${two.line}\n`);
    expect(await files.read([file, path.join(dir, 'none')])).toHaveLength(2);
  });
});
