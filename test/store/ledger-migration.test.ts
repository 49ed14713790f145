import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { LedgerRow } from '../../src/app/ledger.ts';
import { openTelling } from '../../src/app/tell/telling.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/app/store-port.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { startPostgres } from '../support/postgres.ts';
import { scriptedChat } from '../support/scripted-chat.ts';
import { QUIET } from '../support/quiet-log.ts';

// Written by version 005 of the tables on 30 November 2026, through its own store: open incidents alone and in one storm, kills that
// wait for a thread, a message, a reply, news and a card each in flight when it was ended, changes, a rule and a lease.
const FIXTURES = path.join(import.meta.dirname, 'before-ledger');
const NOW = Date.UTC(2026, 0, 5, 13);

const postgres = await startPostgres();
afterAll(() => postgres?.stop());

function fixture(name: string): Buffer {
  return gunzipSync(readFileSync(path.join(FIXTURES, name)));
}

async function anOldSqlite(): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-migration-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'old.db');
  writeFileSync(file, fixture('sqlite.db.gz'));
  return `sqlite:${file}`;
}

async function anOldPostgres(): Promise<string> {
  const url = (await postgres?.createDatabase()) ?? '';
  await onPostgres(url, fixture('postgres.sql.gz').toString());
  return url;
}

async function onPostgres(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}

async function write(url: string, sql: string): Promise<void> {
  if (!url.startsWith('sqlite:')) return onPostgres(url, sql);
  const raw = new DatabaseSync(url.slice('sqlite:'.length));
  raw.exec(sql);
  raw.close();
}

async function open(url: string): Promise<Store> {
  const store = await openStore(url);
  onTestFinished(() => store.close());
  return store;
}

/** Seconds of the fake clock, each with time for a real database to answer. */
async function pass(clock: FakeClock, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    await clock.advance(1_000);
    await sleep(postgres === null ? 1 : 15);
  }
}

describe.each([
  ['SQLite', anOldSqlite, true],
  ['PostgreSQL', anOldPostgres, postgres !== null],
] as const)('a %s database of the version before', (_, anOld, canRun) => {
  it.skipIf(!canRun)('knows what each counter of a boot last said', async () => {
    const url = await anOld();
    await write(
      url,
      `insert into counters (host, boot_id, counter, parsed, pruned, at_ms)
         values ('db01', 'boot-1', 9, 7, 3, 10), ('db01', 'boot-1/systemd-oomd', 2, 0, 0, 20)`,
    );

    const store = await open(url);

    const boot = { host: 'db01', bootId: 'boot-1' };
    expect(await store.counter('db01', 'boot-1', 'kernel')).toEqual({
      ...boot,
      killer: 'kernel',
      counter: 9,
      parsed: 7,
      atMs: 10,
    });
    expect(await store.counter('db01', 'boot-1', 'systemd-oomd')).toEqual({
      ...boot,
      killer: 'systemd-oomd',
      counter: 2,
      parsed: 0,
      atMs: 20,
    });
    expect(await store.countKernelKills('db01', 'boot-1')).toBe(3);
  });

  describe.skipIf(!canRun)('becomes one ledger', () => {
    it('which knows where each message stands, what waits, and what may have been sent', async () => {
      const store = await open(await anOld());

      const rows = new Map((await store.ledger('#oom', NOW)).map((row) => [row.key, row]));
      function row(key: string): LedgerRow | undefined {
        return rows.get(key);
      }

      expect([...rows.keys()].toSorted()).toEqual([
        'change-c-behind',
        'change-c-post',
        'change-c-reply',
        'doubt',
        'grown',
        'new',
        'news-warning h-warned 1',
        'reply-16',
        'reply-17',
        'reply-9',
        'reply-doubt',
      ]);
      expect(row('new')).toMatchObject({ ts: null, attempt: null });
      expect(row('doubt')).toMatchObject({ ts: null, attempt: { mark: 'doubt', threadTs: null } });
      expect(row('grown')).toMatchObject({
        ts: '1767614401.000100',
        shown: 1,
        told: { alone: true, kills: 1, evidence: false, services: ['mysqld'] },
      });
      expect(row('reply-doubt')?.attempt).toMatchObject({
        mark: 'reply-7',
        threadTs: '1767614403.000100',
        after: { told: { kills: 2 }, isMessage: false },
      });
      expect(row('reply-16')).toMatchObject({ kind: 'reply', parent: { ts: '1767614402.000100', alone: false } });
      expect(row('reply-9')).toMatchObject({ kind: 'news', attempt: { mark: 'reply-9' } });
      expect(row('news-warning h-warned 1')).toMatchObject({ ts: '1767614404.000100' });
      expect(row('change-c-post')).toMatchObject({ ts: null, attempt: { mark: 'change-c-post' } });
      expect(row('change-c-reply')?.attempt).toMatchObject({ mark: 'change-c-reply-applied' });
      expect(row('change-c-behind')).toMatchObject({ ts: '1767614407.000100', shown: 1, attempt: null });
      for (const id of ['alone', 'storm-1', 'storm-2', 'grown', 'reply-doubt'])
        expect(await store.postedOf(id)).toHaveLength(1);
      expect(await store.failedDeliveries(10)).toMatchObject([{ key: 'failed', reason: 'channel_not_found' }]);
      expect(await store.rules()).toHaveLength(1);
      expect(await store.openIncidents('h-storm-1')).toHaveLength(1);
    });

    it('from which what arrived is not repeated, what did not is told, and an old storm is never edited', async () => {
      const store = await open(await anOld());
      const clock = fakeClock(NOW);
      const chat = scriptedChat(clock);
      function there(ts: string, id: string, threadTs: string | null): void {
        chat.messages.push({
          channel: '#oom',
          ts,
          threadTs,
          mark: { id, also: [] },
          notice: { headline: [], sentence: null, parts: [], small: [], buttons: [], tone: 'plain' },
          text: id,
          postedAtMs: 0,
          edits: [],
        });
      }
      for (const at of [0, 1, 2, 3, 4, 5, 6, 7]) there(`176761440${at}.000100`, `m${at}`, null);
      there('1767614410.000100', 'doubt', null);
      there('1767614411.000100', 'reply-7', '1767614403.000100');
      there('1767614412.000100', 'change-c-reply-applied', '1767614406.000100');
      const before = chat.messages.length;

      const telling = openTelling({
        store,
        workspace: chat,
        clock,
        log: QUIET,
        owner: 'new',
        describe: async (incident) => describeIncident(incident, { nowMs: clock.nowMs(), protect: false }),
      });
      await pass(clock, 200);
      // One more death in the old storm.
      const incident = (await store.incident('storm-1'))!;
      await store.updateIncident({ ...incident, killCount: 2 }, [
        { incidentId: 'storm-1', channel: '#oom', kind: 'incident', body: null, notBeforeMs: clock.nowMs() },
      ]);
      telling.wake();
      await pass(clock, 100);
      await telling.close();

      const fresh = chat.messages.slice(before);
      expect(fresh.filter((one) => one.threadTs === null).map((one) => one.mark.id)).toEqual([
        'new',
        'change-c-post',
        'reply-9',
      ]);
      expect(chat.messages.find((one) => one.ts === '1767614402.000100')?.edits).toEqual([]);
      expect(fresh.filter((one) => one.threadTs === '1767614402.000100')).toHaveLength(2);
      expect(fresh.filter((one) => one.threadTs === '1767614406.000100')).toEqual([]);
      expect(fresh.filter((one) => one.threadTs === '1767614403.000100')).toEqual([]);
      expect(fresh.filter((one) => one.threadTs === '1767614401.000100')).toHaveLength(2);
      expect(await store.queueLengths()).toMatchObject([{ waiting: 0, inFlight: 0, failed: 1 }]);
    }, 60_000);

    it.skipIf(anOld !== anOldSqlite)('but not while the version before has it open', async () => {
      const url = await anOld();
      const file = url.slice('sqlite:'.length);
      // As that version holds it (its lockFile): SQLite is one process's, and owners in the table are those of an unclean end.
      const lock = new DatabaseSync(`${file}.lock`);
      lock.exec('pragma journal_mode = memory; begin exclusive');
      const before = readFileSync(file);

      await expect(openStore(url)).rejects.toThrow(/Another oombot is running with the database .*; stop it first/);

      expect(readFileSync(file).equals(before)).toBe(true);
      lock.close();
      expect(await (await open(url)).incident('new')).not.toBeNull();
    });

    it.skipIf(anOld === anOldSqlite)('but not while another oombot works on it', async () => {
      const url = await anOld();
      await onPostgres(url, `update owners set expires_ms = ${Date.now() + 60_000}`);

      await expect(openStore(url)).rejects.toThrow(/is in use by another oombot. Stop every oombot/);
    });
  });
});
