import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { identifyCgroup, unescapeUnitName } from '../../src/oom/proc/cgroup.ts';
import type { Identity } from '../../src/oom/report.ts';

const NOBODY: Identity = { unit: null, slice: null, container: null, runtime: null, pod: null, qos: null };
const ID = '4f1e0c9b7a3d5e6f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7';
const OTHER = '0e4a814eda030cdc2bb6944078eaefd3278f8f9b3a9725c4ddffb722752a2279';
const UID = 'b56c3a7a-a84d-4f84-b97e-446c4e705259';
const LOW = UID.replaceAll('-', '_');

const CASES: [string, Partial<Identity>][] = [
  ['/', {}],
  ['', {}],
  ['/leaker', {}],
  ['/init.scope', { unit: 'init.scope' }],
  ['/system.slice/mariadb.service', { unit: 'mariadb.service', slice: 'system.slice' }],
  ['/system.slice/mariadb.service (deleted)', { unit: 'mariadb.service', slice: 'system.slice' }],
  ['/system.slice/foo.service/worker/7', { unit: 'foo.service', slice: 'system.slice' }],
  ['/system.slice/system-getty.slice/getty@tty1.service', { unit: 'getty@tty1.service', slice: 'system-getty.slice' }],
  ['/system.slice/dev-disk\\x2d1.swap', { unit: 'dev-disk\\x2d1.swap', slice: 'system.slice' }],
  ['/system.slice/_cpu.service', { unit: 'cpu.service', slice: 'system.slice' }],
  ['/user.slice/user-1000.slice/session-5.scope', { unit: 'session-5.scope', slice: 'user-1000.slice' }],
  [
    '/user.slice/user-1000.slice/user@1000.service/app.slice/run-u640.service',
    { unit: 'run-u640.service', slice: 'user-1000.slice' },
  ],
  ['/user.slice/user-0.slice/user@0.service/init.scope', { unit: 'user@0.service', slice: 'user-0.slice' }],

  [`/docker/${ID}`, { container: ID, runtime: 'docker' }],
  [
    `/docker/${ID}/system.slice/nginx.service`,
    { container: ID, runtime: 'docker', unit: 'nginx.service', slice: 'system.slice' },
  ],
  [`/docker/${OTHER}/docker/${ID}`, { container: ID, runtime: 'docker' }],
  [`/builds/${ID}`, { container: ID }],
  [
    `/system.slice/docker-${ID}.scope`,
    { container: ID, runtime: 'docker', unit: `docker-${ID}.scope`, slice: 'system.slice' },
  ],
  [
    `/machine.slice/libpod-${ID}.scope/container`,
    { container: ID, runtime: 'podman', unit: `libpod-${ID}.scope`, slice: 'machine.slice' },
  ],
  [
    `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope`,
    { container: ID, runtime: 'podman', unit: `libpod-${ID}.scope`, slice: 'user-1000.slice' },
  ],
  [`/system.slice/web.service/libpod-payload-${ID}`, { container: ID, runtime: 'podman', slice: 'system.slice' }],
  [`/machine.slice/libpod-conmon-${ID}.scope`, { unit: `libpod-conmon-${ID}.scope`, slice: 'machine.slice' }],
  [`/default/${ID}`, { container: ID, runtime: 'containerd' }],

  [`/kubepods/burstable/pod${UID}/${ID}`, { container: ID, pod: UID, qos: 'burstable' }],
  [`/kubepods/besteffort/pod${UID}`, { pod: UID, qos: 'besteffort' }],
  [`/kubepods/pod${UID}/crio-${ID}`, { container: ID, runtime: 'cri-o', pod: UID, qos: 'guaranteed' }],
  ['/kubepods/besteffort', { qos: 'besteffort' }],
  ['/kubepods.slice', { slice: 'kubepods.slice' }],
  [
    `/kubepods.slice/kubepods-pod${LOW}.slice/crio-${ID}.scope`,
    {
      container: ID,
      runtime: 'cri-o',
      pod: UID,
      qos: 'guaranteed',
      slice: `kubepods-pod${LOW}.slice`,
      unit: `crio-${ID}.scope`,
    },
  ],
  [
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${LOW}.slice/cri-containerd-${ID}.scope`,
    {
      container: ID,
      runtime: 'containerd',
      pod: UID,
      qos: 'burstable',
      slice: `kubepods-burstable-pod${LOW}.slice`,
      unit: `cri-containerd-${ID}.scope`,
    },
  ],
  [
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${LOW}.slice`,
    { pod: UID, qos: 'besteffort', slice: `kubepods-besteffort-pod${LOW}.slice` },
  ],
  [
    `/system.slice/containerd.service/kubepods-besteffort-pod${LOW}.slice:cri-containerd:${ID}`,
    { container: ID, runtime: 'containerd', pod: UID, qos: 'besteffort', slice: 'system.slice' },
  ],
  [
    `/docker/${OTHER}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod${LOW}.slice/cri-containerd-${ID}.scope`,
    {
      container: ID,
      runtime: 'containerd',
      pod: UID,
      qos: 'burstable',
      slice: `kubelet-kubepods-burstable-pod${LOW}.slice`,
      unit: `cri-containerd-${ID}.scope`,
    },
  ],

  [`/ecs/f209da7f990b45b585488946f0eec404/${ID}`, { container: ID, runtime: 'ecs' }],
  [
    '/ecs/f209da7f990b45b585488946f0eec404/f209da7f990b45b585488946f0eec404-2531612879',
    { container: 'f209da7f990b45b585488946f0eec404-2531612879', runtime: 'ecs' },
  ],

  [
    '/lxc/101/ns/system.slice/cron.service',
    { container: '101', runtime: 'lxc', unit: 'cron.service', slice: 'system.slice' },
  ],
  [
    `/lxc/39004/ns/system.slice/docker-${ID}.scope`,
    { container: ID, runtime: 'docker', unit: `docker-${ID}.scope`, slice: 'system.slice' },
  ],
  ['/lxc/101', { container: '101', runtime: 'lxc' }],
  ['/lxc.payload.web-1/init.scope', { container: 'web-1', runtime: 'lxc', unit: 'init.scope' }],
  ['/lxc.monitor.web-1', {}],
  ['/slurm/uid_1000/job_42/step_0/task_0', { container: 'job_42', runtime: 'slurm' }],
  ['/slurm_node7/uid_1000/job_42', { container: 'job_42', runtime: 'slurm' }],
  [
    '/system.slice/slurmstepd.scope/job_42/step_0/user/task_0',
    { container: 'job_42', runtime: 'slurm', slice: 'system.slice' },
  ],
  ['/jobs/job_42', {}],
  [
    '/machine.slice/machine-qemu\\x2d1\\x2ddb\\x2d01.scope/libvirt/emulator',
    { container: 'db-01', runtime: 'qemu', unit: 'machine-qemu\\x2d1\\x2ddb\\x2d01.scope', slice: 'machine.slice' },
  ],
  [
    '/machine.slice/machine-web.scope/payload/system.slice/nginx.service',
    { container: 'web', runtime: 'systemd-nspawn', unit: 'nginx.service', slice: 'system.slice' },
  ],
  [
    '/machine.slice/systemd-nspawn@web\\x2d1.service/payload',
    { container: 'web-1', runtime: 'systemd-nspawn', unit: 'systemd-nspawn@web\\x2d1.service', slice: 'machine.slice' },
  ],
  ['/qemu.slice/100.scope', { container: '100', runtime: 'qemu', unit: '100.scope', slice: 'qemu.slice' }],
  ['/../../system.slice/a,b=c d.service', { unit: 'a,b=c d.service', slice: 'system.slice' }],
  ['/constructor-0/__proto__', {}],
];

describe('a cgroup path', () => {
  it.each(CASES)('%s', (path, identity) => {
    expect(identifyCgroup(path)).toEqual({ ...NOBODY, ...identity });
  });

  it('never throws, whatever its bytes', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom(
        'kubepods',
        'burstable',
        'lxc',
        'a-'.repeat(2000),
        '.slice',
        '.scope',
        ...CASES.map(([path]) => path),
      ),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const identity = identifyCgroup(`/${parts.join('/')}`);
        for (const [key, value] of Object.entries(identity)) expect(value, key).not.toBe('');
      }),
    );
  });

  it('unescapes a name for people without leaving plain text', () => {
    expect(unescapeUnitName('a\\x2db\\x20c')).toBe('a-b c');
    expect(unescapeUnitName('a\\x0ab\\xc3\\xa4\\xzz')).toBe('a\\x0ab\\xc3\\xa4\\xzz');
  });
});
