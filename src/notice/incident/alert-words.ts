import type { Incident } from '../../incident/incident.ts';
import { cutText, showHostText } from '../host-text.ts';
import { plainText } from '../render-text.ts';
import { shortageText } from '../roles.ts';
import { sayCount, sayDuration } from '../units.ts';
import { backWords, headlineOf } from './headline.ts';

export type Severity = 'critical' | 'error' | 'warning' | 'info';

/** What a pager says of one incident or of a storm. Plain text: what came from a host has no hidden characters. */
export interface AlertWords {
  severity: Severity;
  /** One line. */
  summary: string;
  /** Where it is: a host, or how many. */
  source: string;
  /** What was killed. */
  component: string;
  firstAtMs: number;
  details: Record<string, string | number | readonly string[]>;
}

/** An incident as a list of them says it: its kills are many kilobytes each. */
export type Outline = Omit<Incident, 'kills'>;

/** What PagerDuty takes. */
const SUMMARY_CHARS = 1_000;
const LINES_MAX = 200;
const NAMES_MAX = 5;
const STEPS: readonly Severity[] = ['info', 'warning', 'error', 'critical'];

/** One incident as an alert. */
export function describeAlert(incident: Incident): AlertWords {
  const { cause, host, id } = incident;
  const kill = incident.kills.at(-1);
  return {
    severity: severityOf(incident, isCertain(incident)),
    summary: cutText(`${plainText(headlineOf(incident))}${endText(incident)}`, SUMMARY_CHARS),
    source: showHostText(host),
    component: namesText([incident]),
    firstAtMs: incident.firstAtMs,
    details: {
      incident: id,
      ...(cause === null ? {} : { cause: showHostText(cause.text, SUMMARY_CHARS), certainty: cause.sure }),
      ...(kill === undefined ? {} : { 'what ran out': plainText(shortageText(kill)) }),
      kills: incident.killCount,
      killed: linesOf(incident.victims.map(({ service, count }) => `${showHostText(service)} × ${count}`)),
      status: statusText(incident),
      'in Slack': `/oom show ${id.slice(0, 8)}`,
    },
  };
}

/** Several incidents as one alert. `incidents` has at least one. */
export function describeStorm(incidents: readonly Outline[]): AlertWords {
  const hosts = [...Map.groupBy(incidents, ({ host }) => host)];
  const kills = incidents.reduce((sum, { killCount }) => sum + killCount, 0);
  const worst = Math.max(...incidents.map((incident) => STEPS.indexOf(severityOf(incident, true))));
  const down = incidents.filter(({ back }) => back.kind === 'down').length;
  const source = hosts.length === 1 ? showHostText(hosts[0]?.[0] ?? '') : sayCount(hosts.length, 'host');
  return {
    severity: STEPS[worst] ?? 'error',
    summary: cutText(
      `Out of memory: ${sayCount(incidents.length, 'incident')}, ${sayCount(kills, 'kill')} on ${source}: ${namesText(incidents)}${down === 0 ? '' : `. ${down} still down`}`,
      SUMMARY_CHARS,
    ),
    source,
    component: namesText(incidents),
    firstAtMs: Math.min(...incidents.map(({ firstAtMs }) => firstAtMs)),
    details: {
      incidents: incidents.length,
      kills,
      'still down': down,
      list: linesOf(
        hosts.flatMap(([host, ofHost]) =>
          ofHost.map(
            (one) =>
              `${showHostText(host)}: ${namesText([one])}, ${sayCount(one.killCount, 'kill')}, ${statusText(one)}, ${one.id.slice(0, 8)}`,
          ),
        ),
      ),
    },
  };
}

/** Ended, and not known to be down: nobody needs to be paged any more. */
export function isOver({ closedAtMs, back }: Pick<Incident, 'closedAtMs' | 'back'>): boolean {
  return closedAtMs !== null && back.kind !== 'down';
}

/** Down is worst, back is mild; where it is not certain that a process died, one step less. */
function severityOf({ back }: Outline, isSure: boolean): Severity {
  const step = back.kind === 'down' || back.kind === 'loop' ? 3 : back.kind === 'restarted' ? 1 : 2;
  return STEPS[isSure ? step : step - 1] ?? 'error';
}

/** The log is one that not every local user can write to, and it says that a process died. */
function isCertain({ kills }: Incident): boolean {
  return kills.some(({ verified, record }) => verified && (record.outcome === 'killed' || record.outcome === 'panic'));
}

function statusText({ back }: Outline): string {
  return backWords(back) || 'not known whether it is back';
}

function endText({ closedAtMs, back, lastAtMs }: Outline): string {
  if (closedAtMs === null || back.kind !== 'down') return '';
  return `. Closed after ${sayDuration(closedAtMs - lastAtMs)} without another kill; resolve this alert by hand`;
}

function namesText(incidents: readonly Outline[]): string {
  const names = [
    ...new Set(incidents.flatMap(({ service, victims }) => [service, ...victims.map((one) => one.service)])),
  ];
  const more = names.length - NAMES_MAX;
  const shown = names.slice(0, NAMES_MAX).map((name) => showHostText(name, 100));
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function linesOf(lines: readonly string[]): readonly string[] {
  const more = lines.length - LINES_MAX;
  return more > 0 ? [...lines.slice(0, LINES_MAX), `and ${more} more`] : lines;
}
