import type { DemoMachine } from './machine.ts';

/** What a simulated machine still knows of a unit, as the script `why` prints it. Of what was never active it says nothing. */
export function whyText(machine: DemoMachine, uptime: string, unit: string | null): string {
  const facts = unit === null || unit === '' ? null : machine.unit(unit);
  const lines = [
    '#why 1',
    `boot ${machine.bootId}`,
    `up ${uptime}`,
    `oomkill ${machine.oomKills()}`,
    ...(facts === null || facts.activeSinceUsec === 0
      ? []
      : [
          `unit Id=${unit}`,
          `unit ActiveState=${facts.activeState}`,
          'unit Result=success',
          `unit NRestarts=${facts.restarts}`,
        ]),
    '#end',
  ];
  return `${lines.join('\n')}\n`;
}
