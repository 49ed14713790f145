import { describe, expect, it } from 'vitest';
import { notedNames } from '../../src/app/engine-names.ts';
import { openLiveScans } from '../../src/app/live-scan.ts';
import { openSnapshots } from '../../src/app/watch/snapshots.ts';
import { findTarget } from '../../src/change/find-target.ts';
import { identifyCgroup } from '../../src/oom/proc/cgroup.ts';
import type { ContainerName } from '../../src/oom/proc/container-name.ts';
import { parseProcScan } from '../../src/oom/proc/proc-scan.ts';
import { recipeFor } from '../../src/notice/incident/advice.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { renderText } from '../../src/notice/render-text.ts';
import { renderContent } from '../../src/slack/blocks.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { aScan, type ScanRow } from '../support/a-scan.ts';
import { anAnsweringBot, NOW_MS, textOf } from '../support/an-answering-bot.ts';
import { anIncident } from '../support/an-incident.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';
import { scriptedFleet } from '../support/scripted-host.ts';

const ASKER = { userId: 'U1', channelId: 'C1' };
const ID = '4f1e2d3c'.repeat(8);
const OTHER = 'a0b1c2d3'.repeat(8);
const UID = '5b4c1d4e-2f6a-4a53-9f39-6f6f5d3a1c11';
const IN_POD = `/kubepods/burstable/pod${UID}/${ID}`;
const IN_DOCKER = `/system.slice/docker-${ID}.scope`;
const LINK = `#container\tweb-1_shop_nginx-${ID}.log`;
const KEEPER = `#conmon\t0\t/machine.slice/libpod-conmon-${ID}.scope\t${ID}\t`;
const HELLO = 'ok oom-adj=1 min=-900 max=1000 capability=yes writable=yes file=oom_score_adj units=yes log=yes try=yes';
const SAID = `name\tdocker\t${ID}\t"/shop-web-1"\t"nginx:1.27"\t"shop"\t"web"\t"always"\t134217728\nok names=1\n`;

function scanText(rows: ScanRow[], ...names: string[]): string {
  return aScan(rows).replace(/#end\t\d+/, [...names, `#end\t${rows.length + names.length}`].join('\n'));
}

function web(cgroup: string, pid = 300): ScanRow {
  return { pid, name: 'nginx', rssKiB: 900_000, cgroup };
}

/** A kill whose victim lived in a container with a limit of its own. */
function killIn(path: string, container: ContainerName | null, oomMemcg = path) {
  const record = aRecord({
    name: 'nginx',
    domain: 'memcg',
    oomMemcg,
    taskMemcg: path,
    memcgLimitKiB: 131_072,
    identity: identifyCgroup(path),
  });
  return aKill({ record, ...(container === null ? {} : { container }) });
}

function nameOf(given: Partial<ContainerName>): ContainerName {
  return { id: ID, kind: 'container', engine: 'docker', name: 'web', part: null, uid: null, ...given };
}

async function aWatched() {
  const bot = await anAnsweringBot();
  const host = bot.host('db01');
  function snapshots() {
    return openSnapshots('db01', host, bot.store, bot.clock);
  }
  return { bot, host, snapshots };
}

function isPlain(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'type' in value && /^(?:plain_|raw_)?text$/.test(String(value.type))
  );
}

describe('names of containers', () => {
  it('stand beside the id in the scores', async () => {
    const { bot, host } = await aWatched();
    host.scanSays(scanText([web(IN_POD)], LINK));

    const text = textOf(await bot.handlers.answerScores({ host: 'db01', limit: null }, ASKER));

    expect(text).toContain('shop/web-1 (nginx) 4f1e2d3c4f1e');
  });

  it('are known after the container died, also to a bot that was started since', async () => {
    const { host, snapshots } = await aWatched();
    host.scanSays(scanText([web(IN_POD)], LINK));
    await snapshots().take();

    const later = snapshots();
    await later.load();

    expect(later.named(IN_POD)).toMatchObject({ name: 'shop/web-1', part: 'nginx' });
    expect(later.named(IN_POD.replace(ID, OTHER))).toBeNull();
  });

  it('say what an id was called before', async () => {
    const { host, snapshots } = await aWatched();
    const taken = snapshots();
    const path = `/machine.slice/libpod-${ID}.scope`;
    for (const name of ['old', 'new']) {
      host.scanSays(scanText([web(path)], `${KEEPER}${name}`));
      await taken.take();
    }
    const container = taken.named(path);

    expect(container).toMatchObject({ name: 'new', was: 'old' });
    const notice = describeIncident(anIncident({ kills: [killIn(path, container)] }), {
      nowMs: NOW_MS,
      protect: false,
    });
    expect(renderText(notice)).toContain('in new (its id was old before), container 4f1e2d3c4f1e');
  });

  it('are asked of the engine by a helper that can tell them, and noted for the scores', async () => {
    const { bot, host, snapshots } = await aWatched();
    host.scanSays(scanText([web(IN_DOCKER)]));
    host.helperSays((line) => ({
      kind: 'answered',
      text: line === 'v1 hello\n' ? `${HELLO} names=yes` : SAID,
      asUid: null,
    }));
    await snapshots().take();
    const scans = openLiveScans(scriptedFleet(bot.hosts), bot.clock, notedNames(bot.store));

    const live = await scans.read('db01', 1_000);

    expect(live).toMatchObject({ kind: 'scan', scan: { containers: [{ name: 'shop-web-1', part: 'nginx:1.27' }] } });
    expect(host.requests()).toEqual(['v1 hello\n', 'v1 names\n']);
  });

  it('are not asked of an older helper, which would log that as a refusal, nor where nothing runs in a container', async () => {
    const { host, snapshots } = await aWatched();
    host.helperSays(() => ({ kind: 'answered', text: HELLO, asUid: null }));
    host.scanSays(scanText([web(IN_DOCKER)]));
    await snapshots().take();
    host.scanSays(scanText([web('/system.slice/nginx.service'), web(IN_POD, 301)], LINK));
    await snapshots().take();

    expect(host.requests()).toEqual(['v1 hello\n']);
  });

  it('stand in the message and in the history beside the id, by which kills are counted', async () => {
    const { bot } = await aWatched();
    const kill = killIn(IN_DOCKER, nameOf({ name: 'shop-web-1', part: 'nginx:1.27' }));
    await bot.happen([kill]);

    const last = textOf(await bot.handlers.answerLast({ host: 'db01' }, ASKER));
    const history = textOf(await bot.handlers.answerHistory({ target: 'db01', forMs: null }, ASKER));

    expect(last.split('\n')[0]).toContain('nginx of shop-web-1 (nginx:1.27) was killed on db01');
    expect(last).toContain('in shop-web-1 (nginx:1.27), container 4f1e2d3c4f1e');
    expect(history).toContain('shop-web-1 (nginx:1.27), container 4f1e2d3c4f1e');
  });

  it('of two containers of one pod are told as the pod’s', () => {
    const kills = ['web', 'log'].map((part, at) => {
      const path = IN_POD.replace(ID, at === 0 ? ID : OTHER);
      const name = nameOf({ engine: 'kubernetes', name: 'shop/web-1', part, id: at === 0 ? ID : OTHER });
      return { ...killIn(path, name, `/kubepods/burstable/pod${UID}`), key: `k${at}`, atMs: NOW_MS + at };
    });
    const pod = `pod ${UID.slice(0, 8)}`;
    const incident = anIncident({ kills, name: null, service: pod, victims: [{ service: pod, count: 2 }] });
    const notice = describeIncident(incident, { nowMs: NOW_MS, protect: false });

    expect(renderText(notice).split('\n')[0]).toContain('2 processes of shop/web-1 were killed on db01');
  });

  it.each<[string, string, Partial<ContainerName>, string, string | null]>([
    ['Docker', IN_DOCKER, {}, 'docker update --memory 160m web', 'docker update --memory 131072k web'],
    [
      'Podman',
      `/machine.slice/libpod-${ID}.scope`,
      { engine: 'podman' },
      'podman update --memory 160m web',
      'podman update --memory 131072k web',
    ],
    [
      'nerdctl',
      `/system.slice/nerdctl-${ID}.scope`,
      { engine: 'nerdctl' },
      'nerdctl update --memory 160m web',
      'nerdctl update --memory 131072k web',
    ],
    [
      'Proxmox',
      '/lxc/101',
      { engine: 'lxc', id: '101', name: 'mail' },
      'pct set 101 --memory 160',
      'pct set 101 --memory 128',
    ],
    ['CRI-O', `/crio-${ID}.scope`, { engine: 'cri-o' }, `crictl stats ${ID}`, null],
    [
      'Kubernetes',
      IN_POD,
      { engine: 'kubernetes', name: 'shop/web-1', part: 'nginx' },
      'kubectl -n shop top pod web-1 --containers; ',
      null,
    ],
  ])('are in the command that is advised for %s', (_engine, path, given, command, undo) => {
    const cause = { code: 'memcg-limit', sure: 'certain' as const, text: 'A limit.', numbers: {} };
    const recipe = recipeFor(anIncident({ kills: [killIn(path, nameOf(given))], cause }));

    expect(recipe?.command.startsWith(command)).toBe(true);
    expect(recipe?.kind === 'change' ? recipe.undo : null).toBe(undo);
  });

  it('never get into a command when a shell would not take them as they are, nor into Slack as markup', () => {
    const cause = { code: 'memcg-limit', sure: 'certain' as const, text: 'A limit.', numbers: {} };
    for (const name of HOSTILE_NAMES.filter((one) => one.trim().length > 2 && !/^[\w.:@-]+$/.test(one)))
      for (const engine of ['docker', 'kubernetes'] as const) {
        const incident = anIncident({ kills: [killIn(IN_DOCKER, nameOf({ name, engine, part: name }))], cause });
        expect(recipeFor(incident)?.command ?? '').not.toContain(name);
        const content = renderContent(describeIncident(incident, { nowMs: NOW_MS, protect: true }), 'message');
        // Slack interprets nothing in a plain text.
        const sent = JSON.stringify(content, (_key, value: unknown) => (isPlain(value) ? null : value));
        expect(sent).not.toMatch(/<!(?:channel|here)/);
      }
  });
});

describe('a container as the target of a protection', () => {
  const rows = [web(IN_POD), web(IN_POD, 301), web(IN_POD.replace(ID, OTHER), 302), { pid: 1, name: 'systemd' }];
  const names = [LINK, `#container\tweb-1_shop_log-${OTHER}.log`];

  function find(what: string, text = scanText(rows, ...names)) {
    const scan = parseProcScan(text);
    if (scan.kind !== 'scan') throw new Error(scan.fault);
    return findTarget(scan, what);
  }

  it.each([
    ['shop/web-1 (nginx)', 'shop/web-1 (nginx)', [300, 301]],
    ['4f1e2d3c4f1e', 'shop/web-1 (nginx)', [300, 301]],
    ['shop/web-1', 'shop/web-1', [300, 301, 302]],
  ])('is found as %s', (what, subject, pids) => {
    const target = find(what);

    expect(target).toMatchObject({ kind: 'found', subject, unit: null, dropInUnit: null });
    expect(target.kind === 'found' && target.processes.map(({ pid }) => pid)).toEqual(pids);
  });

  it('is asked for where two containers have one name', () => {
    const paths = [ID, OTHER].map((id) => `/machine.slice/libpod-${id}.scope`);
    const text = scanText(
      paths.map((path, at) => web(path, 400 + at)),
      `${KEEPER}web`,
      `#conmon\t0\t/x\t${OTHER}\tweb`,
    );

    expect(find('web', text)).toMatchObject({
      kind: 'several',
      choices: [{ word: ID.slice(0, 12) }, { word: OTHER.slice(0, 12) }],
    });
  });

  it('is not guessed from a part of its name or a short id', () => {
    for (const what of ['web', 'shop', '4f1e2d3', 'shop/web']) expect(find(what).kind).toBe('none');
    expect(find('shop/web')).toMatchObject({ kind: 'none', names: expect.arrayContaining(['shop/web-1']) });
  });
});
