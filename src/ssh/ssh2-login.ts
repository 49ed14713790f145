import type { Client } from 'ssh2';

import { runChannel } from './channel.ts';
import type { LoggedIn } from './logged-in.ts';

/** A login by ssh2. */
export function ssh2Login(client: Client, hostKey: string | null): LoggedIn {
  client.setMaxListeners(30);
  const gone = lostOf(client);
  return {
    run: (command, options) => runChannel(client, command, options),
    onward: {
      kind: 'stream',
      open: (address, port) =>
        new Promise((resolve, reject) => {
          client.forwardOut('127.0.0.1', 0, address, port, (error, channel) => {
            if (error) reject(error);
            else resolve(channel);
          });
        }),
    },
    hostKey,
    gone,
    goodbye: async () => {
      const limit = Promise.withResolvers<void>();
      const timer = setTimeout(limit.resolve, 1_000);
      client.end();
      await Promise.race([gone, limit.promise]);
      clearTimeout(timer);
      client.destroy();
    },
    destroy: () => void client.destroy(),
  };
}

/** An ordinary loss emits `end` and `close` without `error`; through a jump host `close` may stay out. */
function lostOf(client: Client): Promise<void> {
  return new Promise((resolve) => {
    client.once('close', () => resolve());
    client.once('end', () => {
      client.destroy();
      resolve();
    });
  });
}
