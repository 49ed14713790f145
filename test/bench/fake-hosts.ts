// Child process of the watch bench: any number of quiet hosts. Their kernel log is a header and then silence.
import { readFileSync } from 'node:fs';
import { serveHosts } from './host-server.ts';

const PROCESSES = 100; // of 8 MiB and more: a usual server

function asManyProcesses(text: string): string {
  const [header = '', ...rows] = text.split('\n').filter((line) => line !== '' && !line.startsWith('#end'));
  const many = Array.from({ length: PROCESSES }, (_, at) => {
    const fields = (rows[at % rows.length] ?? '').split('\t');
    return [String(1_000 + at), ...fields.slice(1)].join('\t');
  });
  return [header, ...many, `#end ${PROCESSES}`, ''].join('\n');
}

serveHosts({
  answer: (text) => (text.includes('#oomscan') ? asManyProcesses(text) : text),
  followKmsg: (channel) => {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    channel.write(`#kmsg 1 ${bootId} ${Math.floor(Date.now() / 1000)} 5000.00\n`);
    channel.on('end', () => channel.end());
    channel.resume();
  },
});
