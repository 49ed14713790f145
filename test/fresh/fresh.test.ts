// What the README promises on a new machine. Run by `npm run test:fresh`, not by `npm test`.
import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { needs } from '../support/needs.ts';
import { askPage, pageOf } from '../support/page-client.ts';
import { openFreshMachine, type FreshMachine, type FreshUser } from './fresh-machine.ts';

const MINUTES_MS = 60_000;
const root = path.join(import.meta.dirname, '../..');
const report = path.join(root, 'test/corpus/own/bb-hogs.bb-dmesg.log');
/** Of all tests, or a few from each side: those that need nothing, and those that need what is not there. */
const TESTS =
  process.env['OOMBOT_FRESH_WHOLE'] === '1'
    ? 'npm test'
    : 'npm run check && npm run test:only -- test/oom/killers.test.ts test/parse/archives.test.ts test/ssh/login.test.ts test/setup/check-real.test.ts test/e2e/watch.test.ts';

describe('on a minimal Debian 12 with Node 20 and npm', needs('root', 'debootstrap', 'git'), () => {
  let machine: FreshMachine;

  beforeAll(() => {
    machine = openFreshMachine();
    const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', machine.given], {
      cwd: root,
      encoding: 'utf8',
    });
    execFileSync('ln', ['-s', packed.trim().split('\n').at(-1) ?? '', path.join(machine.given, 'oombot.tgz')]);
    copyFileSync(report, path.join(machine.given, 'kern.log'));
    // What is committed: a clone is made of that.
    execFileSync('git', ['clone', '--quiet', '--no-hardlinks', root, path.join(machine.given, 'oombot')]);
  }, 20 * MINUTES_MS);
  afterAll(() => machine?.close());

  /** Starts the bot and asks it the README’s first question. Gives the answer as JSON text. */
  async function firstAnswer(user: FreshUser, script: string): Promise<string> {
    const bot = machine.start(user, script);
    onTestFinished(() => machine.end(bot));
    bot.stderr.pipe(process.stderr);
    return askPage(await pageOf(bot.stdout), 'last demo-db01');
  }

  it(
    'an ordinary user installs the package, reads a log and has the first answer within a minute, the download left out',
    { timeout: 15 * MINUTES_MS },
    async () => {
      const install = 'npm install --global --no-audit --no-fund --loglevel=error';
      await machine.run('ann', `${install} --prefix ~/download /mnt/oombot.tgz && rm -r ~/download`);
      // Any free port: another oombot may have the usual one.
      await machine.run('ann', 'mkdir here && echo "http: 127.0.0.1:0" >here/oombot.yaml');
      const startedAt = performance.now();

      const path = 'PATH=~/installed/bin:$PATH';
      await machine.run('ann', `npm_config_offline=true ${install} --prefix ~/installed /mnt/oombot.tgz`);
      const installedAt = performance.now();
      const said = await machine.run('ann', `${path} && oombot parse /mnt/kern.log`);
      const parsedAt = performance.now();
      const answer = await firstAnswer('ann', `cd here && ${path} exec oombot run`);
      const answeredAt = performance.now();

      const seconds = [installedAt - startedAt, parsedAt - installedAt, answeredAt - parsedAt].map((ms) =>
        (ms / 1000).toFixed(1),
      );
      console.info(`Installed in ${seconds[0]} s, oombot parse ${seconds[1]} s, start to first answer ${seconds[2]} s`);
      expect(said).toContain('mysqld (pid 180) was killed by the kernel');
      expect(answer).toContain('mysqld');
      expect(answeredAt - startedAt).toBeLessThanOrEqual(MINUTES_MS);
    },
  );

  describe.each<FreshUser>(['ann', 'root'])('in a clone, as %s', (user) => {
    beforeAll(() => machine.run(user, 'cp -R /mnt/oombot ~/oombot && cd oombot && npm ci'), 15 * MINUTES_MS);

    it('npm start leads to the first answer', { timeout: 2 * MINUTES_MS }, async () => {
      const answer = await firstAnswer(user, 'cd oombot && echo "http: 127.0.0.1:0" >oombot.yaml && exec npm start');

      expect(answer).toContain('mysqld');
    });

    it('npm test passes, and says what was not run', { timeout: 180 * MINUTES_MS }, async () => {
      const said = await machine.run(user, `cd oombot && rm -f oombot.yaml && ${TESTS}`);

      expect(said).toMatch(/^\s*Tests .*\d+ passed/m);
      expect(said).not.toMatch(/\d+ failed/);
      expect(said).toMatch(/Not run:\n(?:  \d+ tests? needs? .*\n)+/);
      expect(said).toMatch(/tests need sshd, run as root: +apt-get install openssh-server/);
    });
  });
});
