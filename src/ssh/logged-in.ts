import type { Duplex } from 'node:stream';

import type { ChannelEnd, ChannelOptions } from './channel.ts';

/** One login at a host, whichever transport made it. */
export interface LoggedIn {
  /** Runs one command. Never throws; the command text must be fixed, data goes over stdin. */
  run: (command: string, options: ChannelOptions) => Promise<{ end: ChannelEnd; stderr: string }>;
  /** The way on to another host, for those behind this one, who use the same transport. */
  onward:
    | { kind: 'stream'; open: (address: string, port: number) => Promise<Duplex> }
    /** A local program whose input and output are the connection; `%h` and `%p` stand for the host behind. */
    | { kind: 'program'; words: readonly string[] };
  /** `SHA256:…` of the key that the host has shown to have. */
  hostKey: string | null;
  /** Resolves once it is gone. */
  gone: Promise<void>;
  /** Says goodbye, and hangs up after a second or two where nobody answers. */
  goodbye: () => Promise<void>;
  destroy: () => void;
}
