import type { Handlers } from '../app/answer/handlers.ts';
import { openLocalSocket } from '../http/local-socket.ts';
import type { Base, Opened } from './base.ts';

/** The socket for terminals of this machine. Without it everything else goes on, and the log says why. Gives how to close it. */
export async function openTerminalSocket(
  { settings, log }: Base,
  handlers: Handlers,
  opened: Opened,
): Promise<() => Promise<void>> {
  const { socket: file } = settings.now();
  if (file === null) return () => Promise.resolve();
  try {
    const { close } = await openLocalSocket({ file, handlers, log });
    opened.push(close);
    return close;
  } catch (error) {
    const sentence = error instanceof Error ? error.message : String(error);
    log.warn({ sentence }, 'Terminals of this machine cannot ask the running bot');
    return () => Promise.resolve();
  }
}
