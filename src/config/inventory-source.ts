import { globSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import { fileFault } from './document.ts';
import { listAnsible, listHosts, listPrometheus, parseList, type HostList } from './inventory-lists.ts';
import type { ConfigFile, InventoryEntry } from './schema.ts';
import { expandHome } from './targets.ts';
import { openSshConfigFile } from '../ssh/ssh-config-file.ts';
import { homedir } from 'node:os';

const BYTES_MAX = 32 * 1024 * 1024;
const FILES_MAX = 1_000;
const HTTP_TIMEOUT_MS = 10_000;

/**
 * What a source says now; null: nothing changed since `stamp`, the one of the last answer. Throws an Error whose sentence says what
 * is wrong, and goes on after a colon.
 */
export async function readSource(
  source: InventoryEntry,
  ssh: ConfigFile['ssh'],
  stamp: string | null,
  signal: AbortSignal,
): Promise<{ stamp: string; list: HostList } | null> {
  if (source.kind === 'http_sd') {
    const text = await fetchText(source, signal);
    return text === stamp ? null : { stamp: text, list: listPrometheus(parseList(text), choiceOf(source)) };
  }
  const files = source.kind === 'ssh_config' ? [expandHome(ssh.configFile)] : filesOf(source);
  // An included file may change as well: ssh_config is read each time.
  const now = source.kind === 'ssh_config' ? '' : await stampOf(files);
  if (source.kind !== 'ssh_config' && now === stamp) return null;
  if (source.kind === 'ssh_config') {
    const list = sshConfigHosts(ssh.configFile, source.from);
    const said = JSON.stringify(list.hosts);
    return said === stamp ? null : { stamp: said, list };
  }
  const all: HostList = { hosts: [], notes: [] };
  for (const file of files) {
    const list = await readOne(source, file);
    all.hosts.push(...list.hosts);
    all.notes.push(...list.notes);
  }
  return { stamp: now, list: all };
}

async function readOne(source: InventoryEntry, file: string): Promise<HostList> {
  try {
    const value = parseList(await readFile(file, 'utf8'));
    if (source.kind === 'ansible') return listAnsible(value);
    return source.kind === 'directory' ? listHosts(value) : listPrometheus(value, choiceOf(source));
  } catch (error) {
    throw new Error(`${file}: ${fileFault(error)}`, { cause: error });
  }
}

function choiceOf({ labels, nameLabel, addressLabel }: InventoryEntry) {
  return { labels: labels ?? null, nameLabel: nameLabel ?? null, addressLabel: addressLabel ?? null };
}

function filesOf({ kind, from }: InventoryEntry): string[] {
  const place = expandHome(from);
  const pattern = kind === 'directory' ? path.join(place, '*.{yaml,yml,json}') : place;
  const files = /[*?[{]/.test(pattern) ? globSync(pattern).toSorted() : [pattern];
  if (files.length === 0) throw new Error(`there is no file ${pattern}`);
  if (files.length > FILES_MAX) throw new Error(`there are more than ${FILES_MAX} files ${pattern}`);
  return files;
}

async function stampOf(files: readonly string[]): Promise<string> {
  let bytes = 0;
  const stamps: string[] = [];
  for (const file of files) {
    try {
      const { mtimeMs, size, ino } = await stat(file);
      bytes += size;
      stamps.push(`${file}:${mtimeMs}:${size}:${ino}`);
    } catch (error) {
      throw new Error(`${file}: ${fileFault(error)}`, { cause: error });
    }
  }
  if (bytes > BYTES_MAX) throw new Error('it is larger than 32 MiB');
  return stamps.join('\n');
}

async function fetchText({ from, tokenFile }: InventoryEntry, signal: AbortSignal): Promise<string> {
  const limit = AbortSignal.timeout(HTTP_TIMEOUT_MS);
  try {
    const token = tokenFile === undefined ? null : (await readFile(expandHome(tokenFile), 'utf8')).trim();
    const answer = await fetch(from, {
      signal: AbortSignal.any([signal, limit]),
      headers: { accept: 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      throw new Error(`it answers ${answer.status}`);
    }
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of answer.body ?? []) {
      bytes += piece.byteLength;
      if (bytes > BYTES_MAX) throw new Error('its answer is larger than 32 MiB');
      pieces.push(piece);
    }
    return Buffer.concat(pieces).toString('utf8');
  } catch (error) {
    if (limit.aborted) throw new Error(`it did not answer within ${HTTP_TIMEOUT_MS / 1000} s`, { cause: error });
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Error(fileFault(cause), { cause: error });
  }
}

/** Every plain name of a Host line that the pattern means. */
function sshConfigHosts(file: string, pattern: string): HostList {
  const names = openSshConfigFile(expandHome(file), { home: homedir(), localUser: '' }).names(pattern);
  return { hosts: names.map((name) => ({ name, fields: { sshConfig: name }, tags: [] })), notes: [] };
}
