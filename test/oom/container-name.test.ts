import { describe, expect, it } from 'vitest';
import {
  containerLabel,
  nameOfGroup,
  noteNames,
  parseEngineNames,
  parseNameLine,
  type ContainerName,
} from '../../src/oom/proc/container-name.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';

const ID = '4f1e2d3c'.repeat(8);
const OTHER = 'a0b1c2d3'.repeat(8);
const UID = '5b4c1d4e-2f6a-4a53-9f39-6f6f5d3a1c11';
const POD = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID.replaceAll('-', '_')}.slice`;
const IN_POD = `${POD}/cri-containerd-${ID}.scope`;
const BY_ROOT = `/machine.slice/libpod-${ID}.scope/container`;
const BY_ANA = `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container`;
const KEEPER = `/machine.slice/libpod-conmon-${ID}.scope`;

function named(...lines: string[]): ContainerName[] {
  return lines.map((line) => parseNameLine(line)).filter((one) => one !== null);
}

function labelOf(path: string | null, ...lines: string[]): string | null {
  const name = nameOfGroup(named(...lines), path);
  return name === null ? null : containerLabel(name);
}

describe('the name of a container', () => {
  it('is what the kubelet’s links say of its id', () => {
    const link = `#container\tweb-1_shop_nginx-${ID}.log`;

    expect(labelOf(IN_POD, link)).toBe('shop/web-1 (nginx)');
    expect(labelOf(IN_POD.replace(ID, OTHER), link)).toBeNull();
  });

  it('is its pod’s where only the folder of the pod is there', () => {
    const folder = `#pod\tshop_web-1_${UID}`;

    expect(labelOf(IN_POD, folder)).toBe('shop/web-1');
    expect(labelOf(IN_POD, folder, `#container\tweb-1_shop_nginx-${ID}.log`)).toBe('shop/web-1 (nginx)');
  });

  it('is what its keeper was started with, by Podman and by CRI-O', () => {
    expect(labelOf(BY_ROOT, `#conmon\t0\t${KEEPER}\t${ID}\tmetabase`)).toBe('metabase');
    expect(labelOf(`/libpod_parent/libpod-${ID}`, `#conmon\t0\t/libpod_parent/conmon\t${ID}\tmetabase`)).toBe(
      'metabase',
    );
    const crio = `#conmon\t0\t/system.slice/crio-conmon-${ID}.scope\t${ID}\tk8s_nginx_web-1_shop_${UID}_2`;
    expect(labelOf(`${POD}/crio-${ID}.scope`, crio)).toBe('shop/web-1 (nginx)');
  });

  it('of a user’s own container counts for groups of that user alone', () => {
    const keeper = `#conmon\t1000\t/user.slice/user-1000.slice/session-3.scope\t${ID}\tmetabase`;

    expect(labelOf(BY_ANA, keeper)).toBe('metabase');
    expect(labelOf(BY_ANA.replaceAll('1000', '1001'), keeper)).toBeNull();
    expect(labelOf(BY_ROOT, keeper)).toBeNull();
  });

  it('is not taken from a process that runs in a container itself, whoever it runs as', () => {
    const forged = `#conmon\t0\t/docker/${OTHER}\t${ID}\tpayments`;

    expect(labelOf(BY_ROOT, forged)).toBeNull();
  });

  it('is not known when two are claimed for one id', () => {
    const [one, two] = [`#conmon\t0\t${KEEPER}\t${ID}\tone`, `#conmon\t0\t${KEEPER}\t${ID}\ttwo`];

    expect(labelOf(BY_ROOT, one, two)).toBeNull();
    expect(labelOf(BY_ROOT, one, one)).toBe('one');
  });

  it.each([
    `#container\tweb-1_shop_nginx-${ID.slice(1)}.log`,
    `#container\tweb-1_shop_nginx-${ID}.log.1`,
    `#container\t<!channel>_shop_nginx-${ID}.log`,
    `#container\tweb_1_shop_nginx-${ID}.log`,
    `#container\tweb-1_$(reboot)_nginx-${ID}.log`,
    `#pod\tshop_web-1_${UID}/..`,
    `#conmon\tx\t${KEEPER}\t${ID}\tname`,
    `#conmon\t0\t${KEEPER}\t${ID.slice(2)}\tname`,
    `#conmon\t0\t${KEEPER}\t${ID}`,
    '#conmon',
    '',
  ])('is not read from %j', (line) => {
    expect(parseNameLine(line)).toBeNull();
  });

  it('never throws on any name, and hands it on as it is', () => {
    for (const name of HOSTILE_NAMES) {
      const line = `#conmon\t0\t${KEEPER}\t${ID}\t${name}`;
      const label = nameOfGroup(named(line), BY_ROOT)?.name ?? null;
      expect([null, name.split('\t')[0]?.slice(0, 253)]).toContain(label);
    }
  });

  it('that is another than before says what it was, also after a third look', () => {
    const first = noteNames([], named(`#conmon\t0\t${KEEPER}\t${ID}\told`), 1_000, 60_000);
    const second = noteNames(first, named(`#conmon\t0\t${KEEPER}\t${ID}\tnew`), 2_000, 60_000);
    const third = noteNames(second, named(`#conmon\t0\t${KEEPER}\t${ID}\tnew`), 3_000, 60_000);

    expect(first[0]).not.toHaveProperty('was');
    expect(nameOfGroup(second, BY_ROOT)).toMatchObject({ name: 'new', was: 'old' });
    expect(nameOfGroup(third, BY_ROOT)).toMatchObject({ name: 'new', was: 'old' });
  });

  it('is kept for a while after the container has gone, then forgotten', () => {
    const first = noteNames([], named(`#conmon\t0\t${KEEPER}\t${ID}\tgone`), 1_000, 60_000);

    expect(nameOfGroup(noteNames(first, [], 60_000, 60_000), BY_ROOT)?.name).toBe('gone');
    expect(nameOfGroup(noteNames(first, [], 61_000, 60_000), BY_ROOT)).toBeNull();
  });
});

describe('the names that the helper prints', () => {
  it('are read with image, compose service, restart policy and limit', () => {
    const text = [
      'sudo: unable to resolve host db01',
      `name\tdocker\t${ID}\t"/shop-web-1"\t"nginx:1.27"\t"shop"\t"web"\t"unless-stopped"\t134217728`,
      `name\tnerdctl\t${OTHER}\t"worker"\t"docker.io/library/alpine:3"`,
      'name\tlxc\t101\t"mail"',
      'ok names=3',
    ].join('\n');
    const names = parseEngineNames(text);

    expect(names.map(containerLabel)).toEqual([
      'shop-web-1 (nginx:1.27)',
      'worker (docker.io/library/alpine:3)',
      'mail',
    ]);
    expect(names[0]?.more).toEqual({ project: 'shop', service: 'web', restart: 'unless-stopped', limitKiB: 131_072 });
    expect(nameOfGroup(names, `/system.slice/docker-${ID}.scope`)?.name).toBe('shop-web-1');
    expect(nameOfGroup(names, '/lxc/101/ns/system.slice/nginx.service')?.name).toBe('mail');
  });

  it('hold what a label says as text: it forges no second line', () => {
    const label = JSON.stringify(`x\nname\tdocker\t${OTHER}\t"/payments"\t""\t""\t""\t""\t0`);
    const names = parseEngineNames(`name\tdocker\t${ID}\t"/web"\t"nginx"\t${label}\tnull\t"no"\t0\nok names=1`);

    expect(names).toHaveLength(1);
    expect(names[0]).toMatchObject({ name: 'web', more: { service: null, limitKiB: null } });
  });

  it.each([
    'name\tdocker\tx\t"/a"\t""\t""\t""\t""\t0',
    `name\tdocker\t${ID}\t"/a"`,
    `name\trkt\t${ID}\t"a"\t"b"`,
    'name\tlxc\t1;x\t"a"',
  ])('leave out what is no such line: %j', (line) => {
    expect(parseEngineNames(line)).toEqual([]);
  });
});
