import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Message } from '../../src/local/message.ts';
import type { LocalWorkspace } from '../../src/local/workspace.ts';
import type { Running } from '../../src/main.ts';
import { A_KEY } from '../setup/options.ts';
import { openSshdOn, openUnsharedHost, type UnsharedHost } from '../setup/unshared-host.ts';
import { needs } from '../support/needs.ts';
import { startPostgres, type Postgres } from '../support/postgres.ts';
import type { Sshd } from '../support/sshd.ts';
import { eventually, openWorkspaceOfManifest, startBot } from '../support/whole-bot.ts';

// Written by 0.1.0 itself, through its own store and its own rendering, as if it had been ended in the middle of its work: an incident
// posted, one sent whose answer was lost, one whose request was lost, one that waits; changes in every open state; a rule and a mute;
// its messages; and its set-up script of a host. Where a run differs (processes, boot, times, places of messages) there are stand-ins.
const FIXTURES = path.join(import.meta.dirname, '../store/left-by-0.1.0');
const ENDED_AT_MS = 1_764_400_000_000;
const BOOT = '00000000-0000-4000-8000-000000000001';
/** Each process as it stands now: what 0.1.0 had done by its end, and what happened since. 600 is where all of them began. */
const PROCESSES = [
  { name: 'due', now: 100 },
  { name: 'lasting', now: 100 },
  { name: 'keeper', now: 600 },
  { name: 'half', now: 100 },
  { name: 'half', now: 600 },
  { name: 'back', now: 600 },
  { name: 'agreed', now: 600 },
  { name: 'open', now: 600 },
  { name: 'over', now: 600 },
];
const INCIDENTS = ['posted', 'arrived', 'lost', 'waiting'];
/** How long no bot ran. What a process left under way that shared its database is taken up five minutes later. */
const UPGRADE_MS = 6 * 60_000;
/** What waits in threads is told within the allowance of the channel: some ten messages, one in five to ten seconds. */
const WAIT_MS = 180_000;
const CHANNEL = '#oom';

interface Stands {
  pid: number;
  startTicks: number;
}
interface OldMessage {
  ts: string;
  id: string;
  text: string;
  blocks: unknown[];
}

function fixture(name: string): string {
  return gunzipSync(readFileSync(path.join(FIXTURES, `${name}.gz`))).toString();
}

for (const kind of ['SQLite', 'PostgreSQL'] as const) {
  const parts = kind === 'SQLite' ? [] : (['postgres'] as const);

  describe(
    `this version on what 0.1.0 left in ${kind}`,
    { timeout: 240_000, ...needs('namespaces', 'sshd', 'sudo', ...parts) },
    () => {
      const dir = mkdtempSync(path.join(tmpdir(), 'oombot-upgrade-'));
      let host: UnsharedHost;
      let sshd: Sshd;
      let workspace: LocalWorkspace;
      let postgres: Postgres | null = null;
      let url = '';
      let stands: Stands[] = [];
      /** Where each old message is now, by its mark. */
      const places = new Map<string, string>();
      let bot: Running | null = null;

      beforeAll(async () => {
        host = await openUnsharedHost();
        sshd = await openSshdOn(host);
        const key = readFileSync(`${sshd.identityFile}.pub`, 'utf8').trim();
        const made = host.run(fixture('setup.sh').replaceAll(A_KEY, key));
        if (made.status !== 0) throw new Error(made.stderr);
        stands = PROCESSES.map(start);
        workspace = await openWorkspaceOfManifest({ channels: [CHANNEL] });
        for (const message of JSON.parse(fixture('messages.json')) as OldMessage[])
          places.set(message.ts, await post(message));
        url = await restore();
        bot = await startOnIt();
      }, 180_000);

      afterAll(async () => {
        await bot?.close();
        await workspace?.close();
        await postgres?.stop();
        await sshd?.close();
        await host?.close();
        rmSync(dir, { recursive: true, force: true });
      });

      function start({ name, now }: { name: string; now: number }): Stands {
        const { stdout } = host.run(`cp /bin/sleep /usr/local/bin/${name}
setpriv --reuid 65534 sh -c 'echo ${now} >/proc/self/oom_score_adj; exec /usr/local/bin/${name} 3000' </dev/null >/dev/null 2>&1 &
until grep -q '^${name}$' /proc/$!/comm; do sleep 0.01; done
echo $! $(cut -d' ' -f22 /proc/$!/stat)`);
        const [pid = 0, startTicks = 0] = stdout.trim().split(' ').map(Number);
        return { pid, startTicks };
      }

      /** Puts processes, boot and times of this run in place of the stand-ins. The audit log is bound by its hashes: it stays. */
      function asOfNow(text: string): string {
        const boot = host.run('cat /proc/sys/kernel/random/boot_id').stdout.trim();
        const laterMs = Date.now() - UPGRADE_MS - ENDED_AT_MS;
        return text
          .split('\n')
          .map((line) =>
            /^INSERT INTO (?:public\.)?audit\b/.test(line)
              ? line
              : line
                  .replaceAll(BOOT, boot)
                  .replace(/\b9001(\d{3})\b/g, (_, at: string) => String(stands[Number(at) - 1]?.pid))
                  .replace(/\b880000(\d{3})\b/g, (_, at: string) => String(stands[Number(at) - 101]?.startTicks))
                  .replace(/\b1764[34]\d{8}\b/g, (ms) => String(Number(ms) + laterMs))
                  .replace(/\b1764399\d{3}\.000100\b/g, (ts) => places.get(ts) ?? ts),
          )
          .join('\n');
      }

      async function post({ id, text, blocks }: OldMessage): Promise<string> {
        const answer = await fetch(`${workspace.apiUrl}chat.postMessage`, {
          method: 'POST',
          headers: { authorization: `Bearer ${workspace.botToken}`, 'content-type': 'application/json' },
          body: JSON.stringify({
            channel: CHANNEL,
            text,
            blocks,
            metadata: { event_type: 'oombot_incident', event_payload: { id, also: [] } },
          }),
        });
        const said = (await answer.json()) as { ok: boolean; ts?: string };
        if (said.ts === undefined) throw new Error(`the message of 0.1.0 was refused: ${JSON.stringify(said)}`);
        return said.ts;
      }

      async function restore(): Promise<string> {
        if (kind === 'SQLite') {
          const file = path.join(dir, 'oombot.db');
          const database = new DatabaseSync(file);
          database.exec(asOfNow(fixture('sqlite.sql')));
          database.close();
          return `sqlite:${file}`;
        }
        postgres = await startPostgres();
        const made = (await postgres?.createDatabase()) ?? '';
        const client = new pg.Client(made);
        await client.connect();
        await client.query(asOfNow(fixture('postgres.sql')));
        await client.end();
        return made;
      }

      function startOnIt(): Promise<Running> {
        const yaml = `approvals: { approvers: anyone }
ssh: { user: oombot, identityFile: ${sshd.identityFile}, knownHosts: ${sshd.knownHostsFile} }
hosts:
  - { name: db01, address: 127.0.0.1, port: ${sshd.port} }
`;
        return startBot({ dir, workspace, database: url, yaml });
      }

      function valueOf(at: number): number {
        return Number(host.run(`cat /proc/${stands[at]?.pid}/oom_score_adj`).stdout);
      }
      /** What the helper wrote to one process, by its own log. */
      function writesTo(at: number): string[] {
        const { stdout } = host.run(
          `grep -o 'oom-adj: set.* pid=${stands[at]?.pid} .*new=[-0-9]*' /var/log/seen || true`,
        );
        return stdout.split('\n').flatMap((line) => /new=\S+/.exec(line)?.[0] ?? []);
      }
      async function stateOf(id: string): Promise<string> {
        return (await bot?.store.change(id))?.state.kind ?? 'none';
      }
      function until(id: string, state: string): Promise<unknown> {
        return eventually(async () => (await stateOf(id)) === state, `${id} ${state}`, WAIT_MS);
      }
      function marked(mark: string): Message[] {
        return workspace.messages(CHANNEL).filter(({ metadata }) => markOf(metadata).includes(mark));
      }

      it('tells each incident and shows each change once, whatever 0.1.0 knew of the answers', async () => {
        for (const id of INCIDENTS) await eventually(() => marked(id).length > 0, `the message of ${id}`, WAIT_MS);
        await until('c-agreed', 'applied');

        for (const id of INCIDENTS) expect(marked(id), id).toHaveLength(1);
        for (const { id } of (await bot?.store.changes(null, 100)) ?? [])
          expect(marked(`change-${id}`), id).toHaveLength(1);
      });

      it('carries on with each change from where it stood, and does nothing twice', async () => {
        await until('c-due', 'undone');
        await until('c-half', 'failed');
        await until('c-back', 'undone');
        await until('c-over', 'expired');
        await eventually(() => valueOf(2) === 100, 'the rule', WAIT_MS);

        const values = PROCESSES.map((_, at) => valueOf(at));
        const writes = PROCESSES.map((_, at) => writesTo(at));

        expect(values).toEqual([600, 100, 100, 600, 600, 600, 100, 600, 600]);
        expect(writes).toEqual([['new=600'], [], ['new=100'], ['new=600'], [], [], ['new=100'], [], []]);
        expect(await stateOf('c-lasting')).toBe('applied');
        expect(await stateOf('c-open')).toBe('proposed');
      });

      it('takes the click on a card that 0.1.0 posted', async () => {
        const [card] = marked('change-c-open');
        const ids = actionIdsOf(card?.blocks);

        const approve = ids.find((id) => /approve/.test(id)) ?? '';
        expect(await workspace.as('Ben').click(card!, approve)).toEqual({ ok: true });

        await until('c-open', 'applied');
        expect(valueOf(7)).toBe(100);
      });

      it('has lost nothing, and repeats nothing when it is started once more', { timeout: 500_000 }, async () => {
        const before = await settled();
        await bot?.close();
        bot = await startOnIt();
        await eventually(() => bot?.fleet.link('db01')?.state().kind === 'connected', 'the host', WAIT_MS);
        // The look at rules, and one for what is due, both come within this time.
        await new Promise((resolve) => setTimeout(resolve, 16_000));

        expect(await settled()).toEqual(before);
        expect(before).toMatchObject({ kills: 4, incidents: 4, changes: 8, rules: 1, mutes: 1, audit: 'intact' });
        expect(PROCESSES.map((_, at) => writesTo(at).length)).toEqual([1, 0, 1, 1, 0, 0, 1, 1, 0]);
      });

      async function settled(): Promise<Record<string, unknown>> {
        const store = bot!.store;
        // What else dies on this machine meanwhile is another's.
        const all = {
          hosts: INCIDENTS.map((id) => `h-${id}`),
          sinceMs: null,
          untilMs: null,
          service: null,
          limit: 1_000,
        };
        const incidents = await Promise.all(INCIDENTS.map((id) => store.incident(id)));
        const changes = await store.changes(null, 100);
        const marks = [...INCIDENTS, ...changes.map(({ id }) => `change-${id}`)];
        await eventually(
          // With what waits for its thread: cards go first, and all of them are three in ten seconds.
          async () =>
            (await store.ledger(CHANNEL, Date.now())).every(
              ({ key, incidentId }) => !marks.includes(key) && !marks.includes(incidentId ?? ''),
            ),
          'calm',
          WAIT_MS,
        );
        return {
          kills: (await store.kills(all)).length,
          incidents: incidents.filter((one) => one !== null).length,
          changes: changes.length,
          rules: (await store.rules()).length,
          mutes: (await store.mutes(Date.now())).length,
          audit: (await store.verifyAudit()).kind,
          told: marks.map((mark) => [mark, ...marked(mark).map(({ replies }) => replies.count)].join(' ')).toSorted(),
        };
      }
    },
  );
}

function markOf(metadata: Message['metadata']): string[] {
  const payload = (metadata as { event_payload?: { id?: string; also?: string[] } } | null)?.event_payload;
  return payload === undefined ? [] : [payload.id ?? '', ...(payload.also ?? [])];
}

function actionIdsOf(blocks: unknown): string[] {
  return [...JSON.stringify(blocks ?? []).matchAll(/"action_id":"([^"]+)"/g)].map((match) => match[1] ?? '');
}
