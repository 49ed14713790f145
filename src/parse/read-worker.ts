import { parentPort, workerData } from 'node:worker_threads';
import type { FromWorker } from './read-parallel.ts';
import { readLog, UnreadableInput } from './read-log.ts';

// One file in a thread of its own (read-parallel.ts).

const port = parentPort;
if (port === null) throw new Error('read-worker.ts is started by read-parallel.ts');
const { file, unreadMax } = workerData as { file: string; unreadMax: number };
/** Records sent that nobody has printed yet. */
let unread = 0;
let goOn: (() => void) | null = null;
port.on('message', (count: number) => {
  unread -= count;
  if (unread < unreadMax) goOn?.();
});

function send(message: FromWorker): void {
  port?.postMessage(message);
}

try {
  await readLog(file, {
    found: (records, member) => {
      if (records.length === 0) return;
      unread += records.length;
      send({ kind: 'found', records: [...records], member });
    },
    progress: (bytes) => send({ kind: 'progress', bytes }),
    drain: async () => {
      if (unread >= unreadMax) await new Promise<void>((resolve) => (goOn = resolve));
    },
  });
  send({ kind: 'end', fault: null });
} catch (error) {
  if (!(error instanceof UnreadableInput)) throw error;
  send({ kind: 'end', fault: error.message });
}
port.close();
