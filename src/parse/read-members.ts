import { availableParallelism } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { faultOf, NESTED_MAX, type Member, type Reading } from './reading.ts';
import { openThreads, THREADS_MAX, WORTH_A_THREAD_BYTES, type Job, type Threads } from './threads.ts';

// The members of an archive, several at once: a tar is unpacked here and its members are read in threads, those of a zip are also
// unpacked there. What they held is handed on in the order of the archive.

/** Where a kill has so little text, copying it from thread to thread takes longer than reading it. */
const BARE_KILL_BYTES = 2_048;
const PIECE_BYTES = 262_144;
/** Unpacked and not read yet, in all threads together. */
const WAITING_MAX = 33_554_432;
/** Members that were begun and not printed; each holds a few records at most. */
const MEMBERS_MAX = 256;

export interface Archive {
  /** Reads one member, now or soon. */
  read: (member: Member, name: string) => Promise<void>;
  /** Waits for all of them. */
  end: () => Promise<ArchiveEnd>;
}

export interface ArchiveEnd {
  isText: boolean;
  faults: string[];
}

/** Reads members one after the other, and in threads once so much has come that it is worth it. `nested`: how deep archives in them may lie. */
export function openArchive(
  reading: Reading,
  nested: number,
  readMember: (content: AsyncIterable<Buffer>, name: string, nested: number, reading: Reading) => Promise<boolean>,
): Archive {
  const whole: ArchiveEnd = { isText: false, faults: [] };
  const threadCount = isMainThread && nested === NESTED_MAX - 1 ? Math.min(THREADS_MAX, availableParallelism()) : 1;
  let bytes = 0;
  let kills = 0;
  let threads: Threads | null = null;
  const begun: { name: string; job: Job }[] = [];

  function note(name: string, isText: boolean, fault: string | null): void {
    whole.isText ||= isText;
    if (fault !== null) whole.faults.push(`${name}: ${fault}`);
  }

  const counted: Reading = {
    ...reading,
    found: (records, member) => {
      kills += records.length;
      reading.found(records, member);
    },
  };

  async function readHere(member: Member, name: string): Promise<void> {
    try {
      note(name, await readMember(member.content, name, nested, counted), null);
    } catch (error) {
      note(name, false, faultOf(error));
    }
  }

  /** Hands on what has come, the oldest member first. */
  async function handOn(from: Threads): Promise<void> {
    for (let oldest = begun[0]; oldest !== undefined; oldest = begun[0]) {
      const end = await from.handOn(oldest.job, reading);
      if (end === null) return;
      note(oldest.name, end.isText, end.fault);
      begun.shift();
    }
  }

  async function untilRoom(from: Threads, waitingMax: number, membersMax: number): Promise<void> {
    await handOn(from);
    while (from.waitingBytes() > waitingMax || begun.length > membersMax) {
      await from.news();
      await handOn(from);
    }
  }

  async function readThere(to: Threads, { content, place }: Member, name: string): Promise<void> {
    // Of a zip no thread should have much to do while another has nothing.
    await untilRoom(to, WAITING_MAX, place === null ? MEMBERS_MAX : 2 * threadCount - 1);
    const job = to.start(place === null ? { kind: 'pieces', name } : { kind: 'zip', place, name });
    begun.push({ name, job });
    if (place !== null) return;
    let fault: string | null = null;
    let parts: Buffer[] = [];
    let length = 0;

    async function send(): Promise<void> {
      const piece = new Uint8Array(length);
      let at = 0;
      for (const part of parts) {
        piece.set(part, at);
        at += part.length;
      }
      parts = [];
      length = 0;
      if (piece.length > 0) to.send(job, piece);
      await untilRoom(to, WAITING_MAX, MEMBERS_MAX);
    }

    try {
      for await (const chunk of content) {
        parts.push(Buffer.from(chunk));
        length += chunk.length;
        if (length >= PIECE_BYTES) await send();
      }
    } catch (error) {
      fault = faultOf(error);
    }
    await send();
    to.close(job, fault);
  }

  return {
    read: async (member, name) => {
      bytes += member.size;
      const isWorthIt = threadCount > 1 && bytes >= WORTH_A_THREAD_BYTES && kills * BARE_KILL_BYTES < bytes;
      if (threads === null && !isWorthIt) return readHere(member, name);
      threads ??= openThreads(threadCount);
      return readThere(threads, member, name);
    },
    end: async () => {
      try {
        if (threads !== null) await untilRoom(threads, Infinity, 0);
      } finally {
        threads?.stop();
      }
      return whole;
    },
  };
}
