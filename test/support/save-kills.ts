// A program of its own, killed by its parent in the middle of its work: node save-kills.ts DATABASE HOST…
// For all hosts at once it saves one kill after the other with the position behind it, and prints "HOST NUMBER" for each.
import { openStore } from '../../src/store/store.ts';
import { aKill, anIncident } from './a-stored-kill.ts';

const [url = '', ...hosts] = process.argv.slice(2);
const store = await openStore(url);
await Promise.all(hosts.map(saveKills));

async function saveKills(host: string): Promise<void> {
  const id = `${host} incident`;
  const [position] = await store.positions(host);
  for (let number = Number(position?.value ?? 0) + 1; ; number += 1) {
    const kill = aKill({ host, key: `boot-1:${number}:1`, atMs: number });
    const batch = { host, kills: [kill], positions: [{ source: 'kmsg', value: String(number) }] };
    await store.saveBatch(batch, ({ nowOpen }) => {
      const [open] = nowOpen;
      const incident = open ? { ...open, killCount: number, kills: [kill] } : anIncident({ id, host, kills: [kill] });
      return {
        incidents: [incident],
        placed: { [kill.key]: id },
        deliveries: [{ incidentId: id, channel: `#${host}`, kind: 'reply', body: String(number), notBeforeMs: 0 }],
      };
    });
    process.stdout.write(`${host} ${number}\n`);
  }
}
