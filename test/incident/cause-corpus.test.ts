import { describe, expect, it } from 'vitest';
import { judgeRecord } from '../../src/cause/cause.ts';
import { ownCorpus, parseLines, publicCorpus, readLogFile, toLines, type Corpus } from '../support/corpus.ts';

// The expected cause of each report of the real logs, in their order, by reading them. `n ×` stands for n reports in a row.
// `host`, `memcg-limit` and `not-shown` say honestly that the report does not show what held the memory: short lines without a
// report, reports that are cut off, and those in which nothing stands out.

/** By scenario; a log that holds less or more than the others of its scenario by its file name. */
const OWN: Record<string, readonly string[]> = {
  'bb-hogs': ['hog likely'],
  'bb-memcg': ['hog likely'],
  'd12-adj': ['adj-victim certain'],
  'd12-alloc': ['allocating-task certain'],
  'd12-docker': ['hog likely'],
  'd12-earlyoom': [],
  'd12-earlyoom.journal-all-short.log': ['earlyoom certain'],
  'd12-global-mysqld': ['several-services likely', 'worker-pool likely'],
  'd12-names-a': ['5 × hog likely'],
  'd12-nested': ['hog likely'],
  'd12-nodump': ['hog likely'],
  'd12-noise': ['hog likely'],
  'd12-nokill': ['81 × no-killable certain'],
  'd12-nokill.dmesg.log': ['42 × no-killable certain'],
  'd12-oomgroup': ['4 × oom-group certain'],
  'd12-shmem': ['shmem likely'],
  'd12-storm': ['10 × hog likely', '15 × memcg-limit certain'],
  'd12-sysrq': ['sysrq certain'],
  'd12-thread-global': ['hog likely'],
  'd12-unit-java': ['hog likely'],
  'd12numa-cpuset': ['cpuset certain'],
  'd12swap-hogs': ['hog likely'],
  'd12swap-oomd': [],
  'd12swap-oomd.journal-all-short.log': ['systemd-oomd certain'],
  'd12v1-memcg': ['hog likely'],
  'd13-unit': ['hog likely'],
  'host-memcg-a': ['hog likely'],
  'host-noise': ['hog likely'],
  'k510-global-mysqld': ['several-services likely', '2 × worker-pool likely'],
  'k510-names': ['3 × hog likely'],
  'k612-hogs': ['hog likely'],
  'k612-oomgroup': ['3 × oom-group certain'],
  'k612-unit': ['hog likely'],
  'k72-global-mysqld': ['hog likely', '3 × worker-pool likely'],
  'k72-names': ['2 × hog likely'],
  'k72-nested': ['hog likely'],
  'k72-storm': ['10 × hog likely', '5 × memcg-limit certain'],
  'd12-panic': ['panic certain'],
};

const PUBLIC: Record<string, readonly string[]> = {
  'android-5.10-arm64-kmsg-caller-order3.log': ['fragmentation likely'],
  'arch-6.7.4-memcgv2-rsync-kill-then-dump.log': ['memcg-limit certain', 'page-cache likely'],
  'google-6.5-memcgv2-alloc_anon-cut-tail.log': ['hog likely'],
  'mainline-6.x-memcgv1-tail-cut-lines-before.log': ['hog likely'],
  'mainline-6.0-ppc64le-dd-header-only.log': ['not-shown certain'],
  'virtuozzo-5.15-lxc-memcg-then-panic.log': ['group-kernel likely', 'panic certain'],
  'opensuse-5.8.2-cpuset-runc-names.log': ['cpuset certain', '5 × not-shown certain'],
  'mainline-cpuset-mem_on_node-a.log': ['cpuset certain'],
  'mainline-4.18-memcgv1-leaker-pagecharge.log': ['hog likely'],
  'rhel7-3.10.0-957-memcgv1-leaker.log': ['hog likely'],
  'mainline-5.3rc3-memcgv1-leaker-callerid.log': ['hog likely'],
  'mainline-5.2rc7-memcgv1-leaker-oneline-stats.log': ['hog likely'],
  'el10-6.12-ppc64le-memcg-test_zswap.log': ['memcg-limit certain'],
  'omap-5.7next-arm32-highmem-polkitd.log': ['host certain', 'not-shown certain'],
  'gentoo-6.8.11-memcgv2-afl-fuzz.log': ['group-kernel likely'],
  'mainline-6.6-tmux_server-trigger.log': ['host certain', 'kernel-slab certain'],
  'gentoo-5.2.14-global-cc1plus-emerge-3events.log': ['3 × shmem likely'],
  'i386-5.18next-highmem-min_free_kbytes.log': ['hog likely'],
  'el9-6.1.119-sd-pam-kill-then-header.log': ['host certain', 'not-shown certain'],
  'mainline-6.10rc1-order1-memory-allocations-531.log': ['kernel-slab certain'],
  'mainline-6.9rc3-global-cc1plus.log': ['hog likely'],
  'mainline-6.8rc5-kdump-empty-table-panic.log': ['panic certain'],
  'debian-5.9rc6-memcgv1-madvise09-dmesgT.log': ['hog likely'],
  'syzkaller-6.2-allocating-task.log': ['allocating-task certain'],
  'syzkaller-5.10.179-dhclient-kill-then-header.log': ['host certain', 'not-shown certain'],
  'ti-6.6-rt-arm64-order2-sh.log': ['fragmentation likely'],
  'mainline-5.4next-login-kill-then-systemd-header.log': ['host likely', 'not-shown certain'],
  'hyperv-5.13rc5-baloo_file.log': ['several-services likely'],
  'opensuse-5.4rc4-riscv-pagefault-python3.log': ['hog likely'],
  'mainline-5.10.6-global-ioctl_sg01.log': ['hog likely'],
  'opensuse-numa2-ioctl_sg01-shortened.log': ['host certain'],
  'mainline-memcg-oom03-tail.log': ['memcg-limit certain'],
  'mainline-hugemmap34-two-lines.log': ['host certain'],
  'arm64-memcg-oomgroup-adb-sh-5kills.log': ['5 × memcg-limit certain'],
  'next-pahole-three-lines.log': ['host certain'],
  'opensuse-lightdm-gtk-gre-two-lines.log': ['host certain'],
  'ubuntu-5.4-s390x-qemu-order3-header-only.log': ['not-shown certain'],
  'mainline-oom02-score755-reaper-nonzero.log': ['host likely'],
  'mainline-6.18-arm64-memcgv2-stress-debug-lines.log': ['hog likely'],
  'rascal-2.6.36-arm-64M-f951.log': ['hog likely'],
  'ubuntu-16.04-4.4-docker-memcgv1-main.log': ['hog likely'],
  'mainline-4.5next-allocating-task-printk-dropped.log': ['3 × allocating-task certain'],
  'ubuntu-8.04-2.6.24-virtual-firefox-python.log': ['2 × host likely'],
  'ltp-arm64-4.1x-mempolicy-oom02-panic.log': ['mempolicy likely', '2 × not-shown certain', 'panic certain'],
  'mainline-2.6.16rc5-i386-pig.log': ['host likely'],
  'mainline-3.7-memcgv1-mal-80.log': ['hog likely'],
  'jd-r-two-lines.log': ['host likely'],
  'debian-6.x-uwsgi-one-line.log': ['host likely'],
  'debian-6.16.9-postgres-header-only.log': ['not-shown certain'],
  'amazon-ecs-memcgv1-chrome-no-victim.log': ['not-shown certain'],
  'openwrt-archerc5-hostapd-tail.log': ['host certain'],
  'debian-arm-4.x-dhcpd-slow-console.log': ['host likely'],
  'k8s-event-thread-name-java.log': ['memcg-limit certain'],
  'ubuntu-systemd-oomd-pressure-vte.log': ['systemd-oomd certain'],
  'earlyoom-cluster-electron.log': ['2 × earlyoom certain'],
  'earlyoom-java-no-exit.log': ['earlyoom certain'],
  'el7-memcg-uid-format-memcg_test_1.log': ['not-shown certain', '2 × memcg-limit certain'],
  'nixos-6.x-kswapd-grep.log': ['host certain', 'not-shown certain'],
  'proxmox-arm64-4.14-slub-then-header.log': ['not-shown certain'],
  'ubuntu-2011-avgscand-vsz-format.log': ['host likely'],
  'ubuntu-18.04-4.15-cpu0kvm-header-only.log': ['not-shown certain'],
  'negative-gentoo-6.17-ppc64-page-alloc-failure.log': [],
  'sle15sp3-5.3.18-k8s-cpu11kvm-qemu.log': ['hog likely'],
  'centos6-2.6.32-php-fpm-storm-dump-a.log': ['host likely'],
  'centos6-2.6.32-php-fpm-storm-dump-b.log': ['worker-pool likely'],
  'el6-2.6.32-431-sshd-java.log': ['hog likely'],
  'aks-ubuntu-5.15-k8s-oomgroup-bash-nginx.log': ['5 × oom-group certain'],
  'aks-ubuntu-5.4-k8s-stress-ng-vm.log': ['hog likely', 'not-shown certain'],
  'aks-k8s-stress-oomgroup-tail.log': ['memcg-limit certain', 'oom-group certain'],
  'ubuntu-20.04-5.4-sysrq-gnome-shell.log': ['sysrq certain'],
  'arch-6.1.1-global-doxygen.log': ['hog likely'],
  'proxmox-5.15-memcgv2-de-dmesgT-php-fpm.log': ['hog likely'],
  'rhel7-3.10-global-sed-mysqld.log': ['hog likely'],
  'gce-ubuntu-3.13-global-badsysprogram.log': ['hog likely'],
  'gentoo-4.8-docker-memcgv1-two-reports.log': ['2 × hog likely'],
  'ja-dmesgT-grep-astar-collator.log': ['host certain'],
  'syzkaller-interleaved-cpus-header-only.log': ['not-shown certain'],
  'earlyoom-readme-tail.log': ['earlyoom certain'],
  'netdata-guide-old-mysqld-line.log': ['host likely'],
  'earlyoom-utf8-name.log': ['2 × earlyoom certain'],
  'k8s-fixture-epoch-prefix-paths-a.log': ['2 × not-shown certain', '2 × memcg-limit certain', 'not-shown certain'],
};

function causesOf(corpus: Corpus, file: string): string[] {
  const causes = parseLines(toLines(readLogFile(corpus, file))).map((record) => {
    const cause = judgeRecord(record);
    return cause === null ? 'none' : `${cause.code} ${cause.sure}`;
  });
  const runs: { cause: string; count: number }[] = [];
  for (const cause of causes) {
    const last = runs.at(-1);
    if (last?.cause === cause) last.count += 1;
    else runs.push({ cause, count: 1 });
  }
  return runs.map(({ cause, count }) => (count === 1 ? cause : `${count} × ${cause}`));
}

const corpora = [
  { corpus: ownCorpus(), wanted: OWN },
  { corpus: publicCorpus(), wanted: PUBLIC },
].filter((one): one is { corpus: Corpus; wanted: typeof OWN } => one.corpus !== null);

describe.each(corpora)('causes in $corpus.directory', ({ corpus, wanted }) => {
  it.each(corpus.entries)('are those of $file', ({ file }) => {
    expect(causesOf(corpus, file)).toEqual(wanted[file] ?? wanted[file.split('.')[0] ?? '']);
  });

  it('say what they rest on', () => {
    const records = corpus.entries.flatMap(({ file }) => parseLines(toLines(readLogFile(corpus, file))));

    for (const record of records) {
      const cause = judgeRecord(record);
      for (const one of [cause, ...(cause?.also ?? [])]) {
        expect(one?.text).toMatch(/[.!]$/);
        expect(one?.text).not.toMatch(/undefined|null|NaN|Infinity/);
        expect(Object.values(one?.numbers ?? {}).every(Number.isFinite)).toBe(true);
        // Shares of a whole: more than all of it is a report that was misread.
        for (const [, percent] of (one?.text ?? '').matchAll(/, (\d+) % of/g))
          expect(Number(percent)).toBeLessThanOrEqual(105);
      }
    }
  });
});
