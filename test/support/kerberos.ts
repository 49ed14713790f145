import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './sshd.ts';

export const REALM = 'OOMBOT.TEST';

/** A Kerberos realm with a KDC of its own on loopback. */
export interface Realm {
  dir: string;
  /** What a program must find set to be in this realm; of the machine's own one it then sees nothing. */
  env: Record<string, string>;
  /** The key of `host/localhost`, for KRB5_KTNAME. */
  hostKeytab: string;
  /** The keys of all principals, for KRB5_CLIENT_KTNAME: it stands for the first of them. */
  keytab: string;
  /** A ticket for a principal, in a cache of its own; what KRB5CCNAME is to be. */
  ticket: (principal: string, lifetimeSeconds?: number) => string;
  /** Lets these principals, and no others, log in as that user. */
  allow: (user: string, principals: readonly string[]) => void;
  /** Ends the KDC alone. */
  stop: () => Promise<void>;
  close: () => Promise<void>;
}

export async function openRealm(principals: readonly string[]): Promise<Realm> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-realm-'));
  const port = await freePort();
  const [config, profile, hostKeytab, keytab, logins] = [
    'krb5.conf',
    'kdc.conf',
    'host.keytab',
    'keytab',
    'logins',
  ].map((name) => path.join(dir, name)) as [string, string, string, string, string];
  mkdirSync(logins);
  writeFileSync(
    config,
    `[libdefaults]
 default_realm = ${REALM}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 k5login_directory = ${logins}
[realms]
 ${REALM} = {
  kdc = 127.0.0.1:${port}
 }
[domain_realm]
 localhost = ${REALM}
`,
  );
  writeFileSync(
    profile,
    `[kdcdefaults]
 kdc_listen = 127.0.0.1:${port}
 kdc_tcp_listen = 127.0.0.1:${port}
[realms]
 ${REALM} = {
  database_name = ${path.join(dir, 'principals')}
  key_stash_file = ${path.join(dir, 'stash')}
  acl_file = ${path.join(dir, 'acl')}
 }
[logging]
 kdc = STDERR
`,
  );
  const env = { KRB5_CONFIG: config, KRB5CCNAME: `FILE:${path.join(dir, 'none')}` };
  const world = { ...process.env, ...env, KRB5_KDC_PROFILE: profile };

  function run(program: string, ...args: string[]): void {
    execFileSync(program, args, { env: world, stdio: 'pipe' });
  }
  run('kdb5_util', 'create', '-s', '-r', REALM, '-P', 'master');
  for (const [file, all] of [
    [hostKeytab, ['host/localhost']],
    [keytab, principals],
  ] as const)
    for (const principal of all) {
      run('kadmin.local', '-q', `addprinc -randkey ${principal}`);
      run('kadmin.local', '-q', `ktadd -k ${file} ${principal}`);
    }

  const kdc = spawn('krb5kdc', ['-n'], { env: world, stdio: ['ignore', 'ignore', 'pipe'] });
  const gone = new Promise((resolve) => kdc.once('exit', resolve));
  let said = '';
  kdc.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-10_000)));
  for (let tries = 0; !said.includes('commencing operation'); tries++) {
    if (kdc.exitCode !== null || tries > 400) throw new Error(`no KDC: ${said}`);
    await sleep(25);
  }

  async function stop(): Promise<void> {
    kdc.kill('SIGKILL');
    await gone;
  }

  let tickets = 0;
  return {
    dir,
    env,
    hostKeytab,
    keytab,
    ticket: (principal, lifetimeSeconds = 3_600) => {
      const cache = `FILE:${path.join(dir, `ticket-${++tickets}`)}`;
      run('kinit', '-c', cache, '-k', '-t', keytab, '-l', `${lifetimeSeconds}s`, principal);
      return cache;
    },
    allow: (user, all) => writeFileSync(path.join(logins, user), all.map((one) => `${one}@${REALM}\n`).join('')),
    stop,
    close: async () => {
      await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
