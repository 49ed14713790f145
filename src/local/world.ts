import type { Clock } from '../app/ports.ts';
import type { Changes } from './changes.ts';
import type { Directory } from './directory.ts';
import type { MessageLog } from './message-log.ts';
import type { ResponseUrls } from './response-urls.ts';
import type { SocketMode } from './socket.ts';
import type { SharedFiles } from './shared-files.ts';
import type { Triggers } from './triggers.ts';
import type { Views } from './views.ts';

/** One slash command of the app, as its manifest has it. */
export interface CommandSeed {
  /** With the slash. */
  command: string;
  description?: string;
  usageHint?: string;
  /** `@name` and `#name` are sent as `<@U…|name>` and `<#C…|name>`. */
  shouldEscape?: boolean;
}

/** One shortcut of the app, in the menu of a message. */
export interface ShortcutSeed {
  callbackId: string;
  name: string;
}

/** Everything that one workspace is made of. */
export interface World {
  clock: Clock;
  changes: Changes;
  directory: Directory;
  log: MessageLog;
  files: SharedFiles;
  views: Views;
  triggers: Triggers;
  responseUrls: ResponseUrls;
  sockets: SocketMode;
  commands: readonly CommandSeed[];
  shortcuts: readonly ShortcutSeed[];
  /** What the app was granted; null: everything. */
  scopes: ReadonlySet<string> | null;
  /** The events that the app subscribed to; null: all that there are. */
  botEvents: ReadonlySet<string> | null;
  /** `http://127.0.0.1:3000`. */
  baseUrl: () => string;
  /** Ends what still waits. */
  closing: AbortSignal;
}
