export interface SampleGiven {
  availableMiB: number;
  totalMiB?: number;
  swapMiB?: number;
  freeSwapMiB?: number;
  /** Of all tasks, in per cent; null: a kernel without pressure. */
  pressure?: number | null;
  /** Name and size in MiB, in any order. */
  services?: Record<string, number>;
}

/** The reply of a memory sample as a host sends it. */
export function aSampleText(given: SampleGiven): string {
  const { availableMiB, totalMiB = 4_000, swapMiB = 0, freeSwapMiB = swapMiB, pressure = 0, services = {} } = given;
  const rows = Object.entries(services)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, mib], at) => [mib * 1_024, 1, 100 + at, name, `/system.slice/${name}.service`].join('\t'));
  const head = [
    '#memsample 1',
    `total=${totalMiB * 1_024}`,
    `available=${availableMiB * 1_024}`,
    `swap=${swapMiB * 1_024}`,
    `swapfree=${freeSwapMiB * 1_024}`,
    `fullavg10=${pressure === null ? '-' : pressure.toFixed(2)}`,
  ];
  return [head.join('\t'), ...rows, `#end\t${rows.length}`, ''].join('\n');
}
