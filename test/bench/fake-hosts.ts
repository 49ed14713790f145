// Child process of the watch bench: any number of quiet hosts. Their kernel log is a header and then silence.
import { readFileSync } from 'node:fs';
import { asManyProcesses } from './many-processes.ts';
import { serveHosts } from './host-server.ts';

serveHosts({
  answer: asManyProcesses,
  followKmsg: (channel) => {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    channel.write(`#kmsg 1 ${bootId} ${Math.floor(Date.now() / 1000)} 5000.00\n`);
    channel.on('end', () => channel.end());
    channel.resume();
  },
});
