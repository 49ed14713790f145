// A program of its own, killed by its parent in the middle of its work: node save-kills.ts DATABASE HOST
// Saves one kill after the other with the position behind it, as fast as it can, and prints the number of each saved one.
import { openStore } from '../../src/store/store.ts';
import { aKill, anIncident } from './a-stored-kill.ts';

const [url = '', host = ''] = process.argv.slice(2);
const store = await openStore(url);
const [position] = await store.positions(host);
for (let number = Number(position?.value ?? 0) + 1; ; number += 1) {
  const kill = aKill({ host, key: `boot-1:${number}:1`, atMs: number });
  await store.saveBatch(
    { host, kills: [kill], positions: [{ source: 'kmsg', value: String(number) }] },
    ({ nowOpen }) => {
      const [open] = nowOpen;
      const id = open?.id ?? `${host} incident`;
      const killCount = (open?.killCount ?? 0) + 1;
      return {
        incidents: [open ? { ...open, killCount, kills: [kill] } : anIncident({ id, host, kills: [kill] })],
        placed: { [kill.key]: id },
        deliveries: [{ incidentId: id, channel: '#oom', kind: 'reply', body: String(number), notBeforeMs: 0 }],
      };
    },
  );
  process.stdout.write(`${number}\n`);
}
