// Child process of the fleet bench: any number of hosts, each with a boot, a kernel log and a counter of its own, in which processes die
// when the bench says so. It tells the bench how many of them are followed.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerChannel } from 'ssh2';
import { serveHosts } from './host-server.ts';
import { asManyProcesses } from './many-processes.ts';

/** What the bench sends: a death on a host. */
export interface Death {
  host: string;
  pid: number;
  name: string;
}

/** What the bench is sent: how many hosts have a reader of their kernel log, at most every 20 ms, from the first connection on. */
export interface Followed {
  hosts: number;
  /** By the machine's clock. */
  atMs: number;
}

interface Host {
  bootId: string;
  /** Lines of the ring, as they were written. */
  ring: string[];
  readers: Set<ServerChannel>;
}

const TELL_EVERY_MS = 20;
/** What was killed on each of them before. */
const KILLS_BEFORE = 100;

const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
const hosts = new Map<string, Host>();
let followed = 0;
let telling: NodeJS.Timeout | null = null;

function hostOf(name: string): Host {
  const known = hosts.get(name);
  if (known !== undefined) return known;
  const hash = createHash('sha256').update(`${bootId} ${name}`).digest('hex');
  const parts = [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20), hash.slice(20, 32)];
  const made: Host = { bootId: parts.join('-'), ring: [], readers: new Set() };
  hosts.set(name, made);
  return made;
}

function uptimeSeconds(): number {
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
}

function follow(channel: ServerChannel, name: string): void {
  const host = hostOf(name);
  const header = `#kmsg 1 ${host.bootId} ${Math.floor(Date.now() / 1000)} ${uptimeSeconds().toFixed(2)}\n`;
  channel.write(`${header}${host.ring.join('')}`);
  channel.on('end', () => channel.end());
  channel.resume();
  if (host.readers.size === 0) count(1);
  host.readers.add(channel);
  channel.once('close', () => {
    host.readers.delete(channel);
    if (host.readers.size === 0) count(-1);
  });
}

function count(change: number): void {
  followed += change;
  telling ??= setTimeout(() => {
    telling = null;
    process.send?.({ hosts: followed, atMs: Date.now() } satisfies Followed);
  }, TELL_EVERY_MS);
}

process.on('message', ({ host: name, pid, name: victim }: Death) => {
  const host = hostOf(name);
  const usec = Math.round(uptimeSeconds() * 1e6) + (pid % 10_000);
  const line = `3,${host.ring.length + 1},${usec},-;Out of memory: Killed process ${pid} (${victim}) total-vm:81920kB, anon-rss:40960kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:40kB oom_score_adj:0\n`;
  host.ring.push(line);
  for (const reader of host.readers) reader.write(line);
});

serveHosts({
  answer: asManyProcesses,
  answerOfHost: (text, name) => {
    const host = hostOf(name);
    const kills = KILLS_BEFORE + host.ring.length;
    return text
      .replaceAll(bootId, host.bootId)
      .replace(/^oom-kill \d+$/m, `oom-kill ${kills}`)
      .replace(/^(#counters 1 \S+) \S+/m, `$1 ${kills}`);
  },
  onClient: () => {
    // When it began is what the bench counts from.
    if (hosts.size === 0) count(0);
  },
  followKmsg: follow,
});
