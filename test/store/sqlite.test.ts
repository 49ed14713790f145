import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { deathKey } from '../../src/incident/death-key.ts';
import { BY_HOST } from '../../src/store/machines.ts';
import { openStore } from '../../src/store/store.ts';
import { describeStore, nothing, openTested } from '../contract/store.ts';
import { aClaim, held, batchOf, openOneAs } from '../support/store-steps.ts';
import { aKill } from '../support/a-stored-kill.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'oombot-sqlite-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;

function newFile(): string {
  return path.join(folder, `${(count += 1)}`, 'oombot.db');
}

describeStore(() => Promise.resolve(`sqlite:${newFile()}`));

it('has no table with a host in it that a host with a new name would leave behind', async () => {
  const file = newFile();
  await openTested(`sqlite:${file}`);
  const database = new DatabaseSync(file, { readOnly: true });
  const tables = database
    .prepare(
      `select m.name from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table' and c.name = 'host'`,
    )
    .all()
    .map(({ name }) => String(name));
  database.close();

  // The audit log is never rewritten.
  expect(tables.toSorted()).toEqual([...BY_HOST, 'audit', 'machines'].toSorted());
});

describe('the file', () => {
  it('is made with its folder, for its owner alone', async () => {
    const file = newFile();
    const store = await openTested(`sqlite:${file}`);
    await store.putMute({ target: 'a', untilMs: 1, by: 'U1' });

    const modes = readdirSync(path.dirname(file)).map(
      (name) => statSync(path.join(path.dirname(file), name)).mode & 0o777,
    );
    expect(modes).toHaveLength(4);
    expect(new Set(modes)).toEqual(new Set([0o600]));
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
  });

  it('is made private again when somebody opened it up', async () => {
    const file = newFile();
    mkdirSync(path.dirname(file));
    writeFileSync(file, '', { mode: 0o644 });

    await openTested(`sqlite:${file}`);

    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('refuses a second writer in this process and in another, and lets one in after a clean stop', async () => {
    const file = newFile();
    const first = await openStore(`sqlite:${file}`);

    await expect(openStore(`sqlite:${file}`)).rejects.toThrow(
      `Another oombot is running with the database ${file}; stop it first`,
    );
    const program = path.join(import.meta.dirname, '../support/save-kills.ts');
    const other = spawnSync(process.execPath, [program, `sqlite:${file}`, 'db01'], { encoding: 'utf8' });
    expect(other.status).toBe(1);
    expect(other.stderr).toContain('Another oombot is running');

    await first.saveBatch(batchOf([aKill()]), ({ fresh }) => openOneAs('i', fresh));
    await first.close();
    const second = await openTested(`sqlite:${file}`);
    expect(await second.incident('i')).not.toBeNull();
  });

  it('is free of the leases of a process that crashed', async () => {
    const file = newFile();
    const crashed = await openStore(`sqlite:${file}`);
    await crashed.claimLeases(aClaim({ owner: 'before', nowMs: 0, ttlMs: 1e9 }));
    await crashed.close();

    const store = await openTested(`sqlite:${file}`);

    expect(await held(store, { owner: 'after', nowMs: 1 })).toHaveLength(5);
  });

  it('waits for another program that holds it, and says so when that takes too long', { timeout: 20_000 }, async () => {
    const file = newFile();
    const store = await openTested(`sqlite:${file}`);
    const other = new DatabaseSync(file);

    other.exec('begin immediate');
    const mute = { target: 'a', untilMs: 10, by: 'U1' };
    const [first, second] = await Promise.allSettled([store.putMute(mute), store.putMute({ ...mute, target: 'b' })]);
    expect(first).toMatchObject({
      reason: {
        message: expect.stringMatching(/is locked by another program; close it and try again\.$/) as string,
      },
    });
    expect(second?.status).toBe('rejected');
    expect(store.takeRefusal()).toMatch(/is locked by another program/);
    expect(store.takeRefusal()).toBeNull();

    const saving = store.putMute(mute);
    setTimeout(() => other.exec('rollback'), 200);
    await saving;
    expect(store.takeRefusal()).toBeNull();
    expect(await store.mutes(0)).toEqual([mute]);
    other.close();
  });

  it('takes up what was logged once nothing waits, and lets no commit wait for that', { timeout: 20_000 }, async () => {
    const file = newFile();
    const store = await openTested(`sqlite:${file}`);
    const before = statSync(file).size;

    const evidence = [{ line: 1, text: 'x'.repeat(20_000) }];
    const kills = Array.from({ length: 300 }, (_, at) => aKill({ key: `k${at}`, record: { evidence } }));
    await store.saveBatch(batchOf(kills), nothing);
    // By itself SQLite would have copied it at 1,000 pages, in the middle of a commit.
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(1_000 * 4_096);
    expect(statSync(file).size).toBe(before);

    await vi.waitFor(() => expect(statSync(file).size).toBeGreaterThan(300 * 20_000), 10_000);
  });

  it('knows the deaths of a record that an older version wrote', async () => {
    const file = newFile();
    const boot = 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6';
    const [named, unnamed] = [boot, null].map((bootId) => aKill({ key: deathKey(bootId, 12.5, '7'), bootId }));
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, gunzipSync(readFileSync(path.join(import.meta.dirname, 'before-ledger/sqlite.db.gz'))));
    const raw = new DatabaseSync(file);
    raw
      .prepare(
        `insert into kills (host, key, at_ms, killer, outcome, source, service, body)
           values ('db01', ?, 1, 'kernel', 'killed', 'kmsg', 'mysqld', ?)`,
      )
      .run(unnamed!.key, JSON.stringify(unnamed));
    raw.exec(`drop index kills_by_moment; alter table kills drop column moment;
      delete from kysely_migration where name = '005-moments'`);
    raw.close();

    const store = await openTested(`sqlite:${file}`);
    const { fresh } = await store.saveBatch({ host: 'db01', kills: [named!], positions: [] }, nothing);

    expect(fresh).toEqual([]);
    expect(await store.countKernelKills('db01', boot)).toBe(1);
  });

  it('is read after a crash, with what was last saved, though nobody has repaired it', async () => {
    const file = newFile();
    const seed = await openStore(`sqlite:${file}`);
    await seed.close();
    const script = `
      import { openStore } from ${JSON.stringify(path.join(import.meta.dirname, '../../src/store/store.ts'))};
      const store = await openStore(${JSON.stringify(`sqlite:${file}`)});
      await store.putMute({ target: 'a', untilMs: 10, by: 'U1' });
      process.kill(process.pid, 'SIGKILL');`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
    expect(child.signal).toBe('SIGKILL');

    const reader = await openTested(`sqlite:${file}`, true);

    expect(await reader.mutes(0)).toHaveLength(1);
  });
});

describe('a file that cannot be used gives one sentence', () => {
  it.each<[string, (file: string) => string, RegExp]>([
    [
      'no database',
      (file) => {
        writeFileSync(file, 'This is a text, not a database. '.repeat(100));
        return file;
      },
      /^The database \S+ is not an SQLite database; move it away or name another file\.$/,
    ],
    [
      'a folder',
      (file) => {
        mkdirSync(file);
        return file;
      },
      /^The database \S+ cannot be opened; check that it is a file/,
    ],
    [
      'below a file',
      (file) => {
        writeFileSync(file, '');
        return path.join(file, 'deeper', 'oombot.db');
      },
      /^The database \S+ cannot be made: a part of its path is a file, not a folder\.$/,
    ],
    ['on a file system that takes no files', () => '/proc/oombot/oombot.db', /^The database \S+ cannot be made/],
  ])('%s', async (_what, make, sentence) => {
    const file = newFile();
    mkdirSync(path.dirname(file));

    const opening = openStore(`sqlite:${make(file)}`);

    await expect(opening).rejects.toThrow(sentence);
  });

  it('damaged in the middle', async () => {
    const file = newFile();
    const first = await openStore(`sqlite:${file}`);
    for (let at = 0; at < 200; at += 1) await first.saveBatch(batchOf([aKill({ key: `k${at}` })]), nothing);
    await first.close();
    const raw = new DatabaseSync(file);
    const { rootpage } = raw.prepare("select rootpage from sqlite_schema where name = 'kills'").get() as {
      rootpage: number;
    };
    raw.close();
    const fd = openSync(file, 'r+');
    writeSync(fd, Buffer.alloc(4096, 0xa5), 0, 4096, (rootpage - 1) * 4096);
    closeSync(fd);

    const store = await openTested(`sqlite:${file}`);

    await expect(store.saveBatch(batchOf([aKill()]), nothing)).rejects.toThrow(
      `The database ${file} is damaged; restore it from a copy`,
    );
  });

  it('written by a newer oombot', async () => {
    const file = newFile();
    await (await openStore(`sqlite:${file}`)).close();
    const raw = new DatabaseSync(file);
    raw.exec("insert into kysely_migration values ('999-later', '2030-01-01')");
    raw.close();

    await expect(openStore(`sqlite:${file}`)).rejects.toThrow(
      /^The database \S+ was written by a newer oombot; update/,
    );
  });

  it('not there yet, for a reader', async () => {
    await expect(openStore(`sqlite:${newFile()}`, { readOnly: true })).rejects.toThrow(
      /does not exist yet; start `oombot run`/,
    );
  });

  it('an address that is none', async () => {
    await expect(openStore('mysql://root:secret@db')).rejects.toThrow(/^The database is expected as sqlite:PATH or/);
  });
});

describe('the audit log', () => {
  it.each([
    ['changed', `update audit set body = replace(body, 'U2', 'U9') where seq = 2`, 2],
    ['missing', 'delete from audit where seq = 2', 2],
    ['filed under another host', `update audit set host = 'db09' where seq = 3`, 3],
    [
      'swapped',
      'update audit set seq = case seq when 1 then -2 when 2 then -1 else seq end; update audit set seq = -seq where seq < 0',
      1,
    ],
    ['cut off from the start', 'delete from audit where seq = 1; update audit set seq = seq - 1', 1],
  ])('shows an entry that was %s', async (_what, tampering, seq) => {
    const file = newFile();
    const first = await openStore(`sqlite:${file}`);
    for (const actor of ['U1', 'U2', 'U3']) {
      await first.appendAudit({ atMs: 1, actor, action: 'approve', host: 'db01', details: {} });
    }
    await first.close();
    const raw = new DatabaseSync(file);
    raw.exec(tampering);
    raw.close();

    const store = await openTested(`sqlite:${file}`);

    expect(await store.verifyAudit()).toMatchObject({ kind: 'broken', seq });
  });
});

describe('with very many kills of few services', () => {
  it('names are read without their kills', async () => {
    const file = newFile();
    const store = await openTested(`sqlite:${file}`);
    const db = new DatabaseSync(file);
    const row = db.prepare(
      `insert into kills (host, key, at_ms, killer, outcome, source, service, body)
         values (?, ?, ?, 'kernel', 'killed', 'kmsg', ?, '{}')`,
    );
    db.exec('begin');
    for (let at = 0; at < 20_000; at += 1) row.run(`h${at % 20}`, `k${at}`, at * 60_000, `s${at % 30}.service`);
    db.exec('commit');
    db.close();
    const everything = { hosts: null, sinceMs: null, untilMs: null, service: null, limit: 5_000 };

    expect(await store.services(5_000)).toHaveLength(30);
    expect(await store.hostKills(19_000 * 60_000)).toHaveLength(20);
    // Against a query that reads all of them, on the same machine at the same moment.
    const scanMs = await quickest(() => store.countKills(everything));
    expect(await quickest(() => store.services(5_000))).toBeLessThan(scanMs / 4);
    expect(await quickest(() => store.hostKills(19_990 * 60_000))).toBeLessThan(scanMs / 4);
  });
});

/** In milliseconds, of five tries. */
async function quickest(work: () => Promise<unknown>): Promise<number> {
  const took: number[] = [];
  for (let tries = 0; tries < 5; tries += 1) {
    const beganMs = performance.now();
    await work();
    took.push(performance.now() - beganMs);
  }
  return Math.min(...took);
}
