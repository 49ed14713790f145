import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { containerLabel, parseEngineNames } from '../../src/oom/proc/container-name.ts';
import { renderSetup } from '../../src/setup/setup-script.ts';
import { setupOptions } from './options.ts';
import { openUnsharedHost, type UnsharedHost } from './unshared-host.ts';
import { needs } from '../support/needs.ts';

const ID = '4f1e2d3c'.repeat(8);
// What docker 28.2 prints for these templates, as recorded; the second line is what a label with a line feed would have to become.
const DOCKER = `#!/bin/sh
echo "$*" >>/run/asked
case $1 in
  ps) printf '%s\\nnot an id\\n' ${ID} ;;
  inspect) printf 'name\\tdocker\\t${ID}\\t"/shop-web-1"\\t"nginx:1.27"\\t"shop"\\t"we\\\\nname"\\t"unless-stopped"\\t134217728\\n' ;;
esac
`;
const PCT = `#!/bin/sh
printf 'VMID       Status     Lock         Name\\n101        running                 mail\\n102        stopped    backup       old;reboot\\n'
`;

describe('what the helper says of names', { ...needs('namespaces', 'busybox', 'sudo'), timeout: 60_000 }, () => {
  let host: UnsharedHost;
  beforeEach(async () => {
    host = await openUnsharedHost();
    host.run(renderSetup(setupOptions()));
    host.run(`${process.execPath} -e "require('net').createServer().listen('/run/docker.sock')" >/dev/null 2>&1 </dev/null &
      until [ -S /run/docker.sock ]; do sleep 0.05; done; ln -sfn /run /var/run 2>/dev/null || true; rm -f /usr/bin/docker /usr/local/bin/docker`);
  });
  afterEach(() => host.close());

  function put(file: string, text: string): void {
    host.run(`cat >${file}; chmod 755 ${file}`, { input: text });
  }
  function ask(request = 'v1 names\n'): string {
    return host.run(`exec su oombot -s /bin/sh -c 'sudo -n /usr/local/sbin/oom-adj'`, { input: request }).stdout.trim();
  }

  it('is nothing where no engine runs', () => {
    expect(ask()).toBe('ok names=0');
  });

  it('is what Docker and Proxmox call their containers, and leaves no line in the host’s log', () => {
    put('/usr/bin/docker', DOCKER);
    put('/usr/sbin/pct', PCT);
    const said = ask();

    expect(parseEngineNames(said).map(containerLabel)).toEqual(['shop-web-1 (nginx:1.27)', 'mail']);
    expect(said.split('\n').at(-1)).toBe('ok names=2');
    const asked = host.run('cat /run/asked').stdout.split('\n');
    expect(asked[0]).toBe('ps -aq --no-trunc');
    expect(asked[1]).toMatch(new RegExp(`^inspect --type container --format name.* ${ID}$`));
    expect(host.run('sleep 0.3; cat /var/log/seen').stdout).not.toContain('names');
  });

  it('comes from no program that somebody else than root could have put there', () => {
    put('/usr/local/bin/docker', DOCKER);
    host.run('chmod 777 /usr/local/bin');

    expect(ask()).toBe('ok names=0');
    host.run('chmod 755 /usr/local/bin');
    expect(ask()).toContain('shop-web-1');
  });

  it('does not wait for an engine that hangs', () => {
    put('/usr/bin/docker', '#!/bin/sh\nexec sleep 300\n');
    put('/usr/sbin/pct', PCT);

    expect(parseEngineNames(ask()).map(containerLabel)).toEqual(['mail']);
  });

  it.each(['v1 names x\n', 'v1 try names\n', 'v2 names\n', 'v1  names;id\n'])('is nothing for %j', (request) => {
    put('/usr/bin/docker', DOCKER);

    expect(ask(request)).toMatch(/^refused (?:fields|version|chars)$/);
    expect(host.run('cat /run/asked').stdout).toBe('');
  });
});
