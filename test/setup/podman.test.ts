import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { identifyCgroup } from '../../src/oom/proc/cgroup.ts';
import { nameOfGroup, type ContainerName } from '../../src/oom/proc/container-name.ts';
import { parseProcScan } from '../../src/oom/proc/proc-scan.ts';
import { COMMANDS, SCRIPTS } from '../../src/remote/scripts.ts';
import { needs } from '../support/needs.ts';
import { openUnsharedHost, type UnsharedHost } from './unshared-host.ts';

const PODMAN = 'podman --storage-driver=vfs --cgroup-manager=cgroupfs';
// busybox, with its libraries where it has some.
const IMAGE = `mkdir -p img/bin; cp "$(command -v busybox)" img/bin/busybox
for l in $(ldd img/bin/busybox | grep -o "/[^ ]*"); do mkdir -p "img\${l%/*}"; cp -L "$l" "img$l"; done; tar -C img -c . | ${PODMAN} import -q - box`;

// The engine itself, in a copy of this machine: no memory group is made for these containers, so that none is left.
describe('what Podman calls its containers', { ...needs('namespaces', 'podman', 'setpriv'), timeout: 180_000 }, () => {
  let host: UnsharedHost;

  beforeAll(async () => {
    host = await openUnsharedHost();
    // crun wants cgroup v1 or v2, not both; and an ordinary user may mount no other /proc than is there.
    run('for m in /sys/fs/cgroup/unified /proc/sys/kernel/dmesg_restrict; do ! mountpoint -q $m || umount $m; done');
  }, 60_000);
  afterAll(() => host?.close());

  function run(script: string): string {
    const { status, stdout, stderr } = host.run(`set -e\n${script}`);
    if (status !== 0) throw new Error(`${script}: ${stdout}${stderr}`);
    return stdout;
  }
  /** As an account without rights reads it. */
  function scanned(): readonly ContainerName[] {
    const command = COMMANDS.scan.replaceAll("'", `'\\''`);
    const { stdout } = host.run(`setpriv --reuid=65534 --regid=65534 --clear-groups sh -c '${command}'`, {
      input: SCRIPTS.scan,
    });
    const scan = parseProcScan(stdout);
    if (scan.kind !== 'scan') throw new Error(scan.text);
    return scan.containers;
  }
  function start(name: string): string {
    return `${PODMAN} run -d --name ${name} --cgroups=disabled --network=none box busybox sleep 1000`;
  }

  it('is read by an account without rights, of root and of an ordinary user', () => {
    const id = run(`cd /root; ${IMAGE} >/dev/null; ${start('web-1')}`).trim();
    run(`useradd -m -d /home/ana ana; echo ana:200000:65536 >>/etc/subuid; echo ana:200000:65536 >>/etc/subgid
mkdir -p /run/user/$(id -u ana); chown ana /run/user/$(id -u ana)`);
    const own = run(
      `su ana -c 'export XDG_RUNTIME_DIR=/run/user/$(id -u); cd; (${IMAGE}) >/dev/null; ${start('mine')}'`,
    ).trim();
    const uid = Number(run('id -u ana'));

    const names = scanned();

    expect(names.map(({ engine, id: of, name, uid: by }) => [engine, of, name, by])).toEqual(
      expect.arrayContaining([
        ['podman', id, 'web-1', null],
        ['podman', own, 'mine', uid],
      ]),
    );
    // The groups that they would have.
    expect(identifyCgroup(`/libpod_parent/libpod-${id}`)).toMatchObject({ container: id, runtime: 'podman' });
    expect(nameOfGroup(names, `/libpod_parent/libpod-${id}`)?.name).toBe('web-1');
    expect(nameOfGroup(names, `/libpod_parent/libpod-${own}`)).toBeNull();
    // A command run in a container has the container's id, and no name of its own.
    run(`cd /root; ${PODMAN} exec -d web-1 busybox sleep 1000`);
    expect(scanned().filter((one) => one.id === id)).toHaveLength(1);
    run(`cd /root; ${PODMAN} rm -f -t 0 web-1`);
    expect(scanned().map(({ name }) => name)).not.toContain('web-1');
    run(`su ana -c 'export XDG_RUNTIME_DIR=/run/user/$(id -u); cd; ${PODMAN} rm -f -t 0 mine'`);
  });
});
