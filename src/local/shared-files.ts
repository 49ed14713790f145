import { randomBytes } from 'node:crypto';

export interface SharedFile {
  id: string;
  name: string;
  /** As announced, in bytes; what comes must be as long. */
  length: number;
  /** null: not sent yet. */
  text: string | null;
}

export interface SharedFiles {
  /** A file to come; the secret is the end of the address that takes it. */
  begin: (name: string, length: number) => { file: SharedFile; secret: string };
  /** False: nobody announced that, or it is not as long. */
  receive: (secret: string, text: string) => boolean;
  find: (id: string) => SharedFile | null;
}

/** The oldest go first; a stand-in forgets rather than grows. */
const FILES_MAX = 50;

/** Files of the app, until the end of this process. */
export function openSharedFiles(): SharedFiles {
  const bySecret = new Map<string, SharedFile>();
  return {
    begin(name, length) {
      const secret = randomBytes(24).toString('base64url');
      const file = { id: `F${randomBytes(8).toString('hex').toUpperCase()}`, name, length, text: null };
      bySecret.set(secret, file);
      for (const [oldest] of bySecret) if (bySecret.size > FILES_MAX) bySecret.delete(oldest);
      return { file, secret };
    },
    receive(secret, text) {
      const file = bySecret.get(secret);
      if (file === undefined || Buffer.byteLength(text) !== file.length) return false;
      file.text = text;
      return true;
    },
    find: (id) => [...bySecret.values()].find((file) => file.id === id) ?? null,
  };
}
