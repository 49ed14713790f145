// Child process of the Slack bench: any number of hosts whose kernels talk. node busy-hosts.ts LINES-A-SECOND KILL-EVERY-S, for each host.
import { readFileSync } from 'node:fs';
import type { ServerChannel } from 'ssh2';
import { serveHosts } from './host-server.ts';

const [lines = '', killEvery = ''] = process.argv.slice(2);
const LINES_PER_S = Number(lines);
const KILL_EVERY_S = Number(killEvery);
const UPTIME_S = 5_000;

const startedAtMs = Date.now();
let hosts = 0;

function talk(channel: ServerChannel): void {
  const host = (hosts += 1);
  let seq = 0;
  let second = 0;
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  channel.write(`#kmsg 1 ${bootId} ${Math.floor(startedAtMs / 1000)} ${UPTIME_S}.00\n`);
  const timer = setInterval(() => {
    const usec = UPTIME_S * 1e6 + (Date.now() - startedAtMs) * 1_000;
    const texts = Array.from({ length: LINES_PER_S }, (_, at) => `6,%,-;usb 1-1: new device number ${at}`);
    if ((second + host) % KILL_EVERY_S === 0)
      texts.push(
        `3,%,-;Out of memory: Killed process ${1_000 + second} (job-${host}) total-vm:81920kB, anon-rss:40960kB, file-rss:0kB, shmem-rss:0kB`,
      );
    second += 1;
    channel.write(texts.map((text, at) => `${text.replace('%', `${(seq += 1)},${usec + at}`)}\n`).join(''));
  }, 1_000);
  channel.on('end', () => channel.end());
  channel.on('close', () => clearInterval(timer));
  channel.resume();
}

serveHosts({ answer: (text) => text, followKmsg: talk });
