import { notedNames } from '../app/engine-names.ts';
import { openLiveScans, type LiveScans } from '../app/live-scan.ts';
import { openDrillWatch, type DrillWatch } from '../app/watch/drill-watch.ts';
import { unlessAborted } from '../app/unless-aborted.ts';
import { openReportKeeper } from '../app/watch/report-keeper.ts';
import { addedHostConfig, type HostConfig } from '../config/config.ts';
import type { Base, Opened } from './base.ts';
import { openFleet, type WatchedFleet } from './fleet.ts';
import type { Local } from './local-run.ts';
import { channelFor, mentionFor, warningFor, webhooksFor } from './settings.ts';
import { systemClock as clock } from './system-clock.ts';

/** The hosts, none yet, and what is known of each by its name. */
export interface Hosts {
  fleet: WatchedFleet;
  /** Tells kills on purpose from others. */
  drillWatch: DrillWatch;
  scans: LiveScans;
  channelOf: (of: { host: string }) => string;
  /** Whom an announcement about a host notifies; null: nobody. */
  mentionOf: (host: string) => string | null;
  /** Lets the hosts go, and saves what came of them. */
  close: () => Promise<void>;
}

export function openHosts({ settings, log, metrics, store, ssh, saved, unsaved }: Base, opened: Opened): Hosts {
  function channelOf({ host }: { host: string }): string {
    return channelFor(settings.now(), fleet.host(host));
  }

  function mentionOf(host: string): string | null {
    return mentionFor(settings.now(), fleet.host(host));
  }

  const reports = openReportKeeper({ store, clock, log });
  opened.push(reports.close);
  const drillWatch = openDrillWatch(store, clock);
  const fleet = openFleet([], {
    drills: drillWatch,
    reports,
    ssh,
    store,
    clock,
    log,
    channelOf,
    webhooksOf: ({ host }) => webhooksFor(settings.now(), fleet.host(host)),
    onLines: (count) => metrics.lines.inc(count),
    onGap: (host) => metrics.gaps.inc({ host }),
    sampleEveryMs: () => settings.now().sampleEveryMs,
    warnWithinMs: (host) => warningFor(settings.now(), fleet.host(host)),
    onSaved: saved.ring,
    onUnsaved: (incident, channel) => unsaved.ring({ incident, channel }),
  });
  opened.push(fleet.close);
  return {
    fleet,
    drillWatch,
    scans: openLiveScans(fleet, clock, notedNames(store)),
    channelOf,
    mentionOf,
    close: async () => {
      await fleet.close();
      await reports.close();
    },
  };
}

/** Those of the configuration, those that were added from Slack, those of inventories, and the demo's. */
export async function hostsNow(
  { settings, addedHosts, inventories }: Pick<Base, 'settings' | 'addedHosts' | 'inventories'>,
  local: Local | null,
): Promise<HostConfig[]> {
  const config = settings.now();
  const named = new Set(config.hosts.map((host) => host.name));
  const added = (await addedHosts()).filter((host) => !named.has(host.name));
  const known = [...config.hosts, ...added.map((host) => addedHostConfig(config, host)), ...(local?.hosts ?? [])];
  return [...known, ...inventories.hosts(new Set(known.map(({ name }) => name)))];
}

/** The record is `opened` late: it may know hosts that the configuration does not name. */
export async function takeUpHosts(
  base: Pick<Base, 'settings' | 'addedHosts' | 'inventories' | 'log'>,
  fleet: Pick<WatchedFleet, 'replace'>,
  local: Local | null,
  opened: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await unlessAborted(opened, signal);
    signal.throwIfAborted();
    await fleet.replace(await hostsNow(base, local));
  } catch (error) {
    if (!signal.aborted) base.log.error({ err: error }, 'The hosts could not be taken up; reload to try again');
  }
}
