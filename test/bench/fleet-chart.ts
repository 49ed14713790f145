import type { FleetRow } from './fleet.bench.ts';

const WIDTH = 260;
const HEIGHT = 150;
const GAP = 40;
const LEFT = 20;
const TOP = 46;

interface Line {
  says: string;
  valueOf: (row: FleetRow) => number;
}

/** What was seen as the number of hosts grows, one picture for each unit, readable on light and dark pages. */
export function drawFleet(rows: readonly FleetRow[], processes: number): string {
  const panels: { title: string; unit: string; lines: Line[] }[] = [
    { title: 'memory of a process', unit: 'MiB', lines: [{ says: 'mean', valueOf: (row) => row.rssMeanMiB }] },
    {
      title: 'time',
      unit: 's',
      lines: [
        { says: 'all connected', valueOf: (row) => row.connectedMs / 1_000 },
        { says: 'fail-over', valueOf: (row) => row.failOverMs / 1_000 },
      ],
    },
    { title: 'at the database', unit: 'statements/s', lines: [{ says: '', valueOf: (row) => row.statementsPerS }] },
    { title: 'idle CPU of a process', unit: '% of a core', lines: [{ says: '', valueOf: (row) => row.cpuMean * 100 }] },
  ];
  const width = 2 * (WIDTH + LEFT + GAP);
  const height = 2 * (HEIGHT + TOP + GAP);
  const drawn = panels.map(({ title, unit, lines }, at) => {
    const x = LEFT + (at % 2) * (WIDTH + LEFT + GAP);
    const y = TOP + Math.floor(at / 2) * (HEIGHT + TOP + GAP);
    return `<g transform="translate(${x} ${y})">${panel(`${title}, ${unit}`, rows, lines)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Memory, time, statements and CPU by number of hosts, ${processes} processes">
<style>text{font:12px system-ui,sans-serif;fill:#333}.axis{stroke:#999}.l0{stroke:#0b6bcb;fill:none;stroke-width:2}.l1{stroke:#b45309;fill:none;stroke-width:2;stroke-dasharray:5 3}.t0{fill:#0b6bcb}.t1{fill:#b45309}
@media(prefers-color-scheme:dark){text{fill:#ddd}.axis{stroke:#777}.l0{stroke:#6cb2ff}.l1{stroke:#f0a35e}.t0{fill:#6cb2ff}.t1{fill:#f0a35e}}</style>
${drawn.join('\n')}
</svg>
`;
}

function panel(title: string, rows: readonly FleetRow[], lines: readonly Line[]): string {
  const mostHosts = Math.max(...rows.map((row) => row.hosts));
  const most = Math.max(...lines.flatMap(({ valueOf }) => rows.map(valueOf))) * 1.1;
  function place(row: FleetRow, value: number): { x: number; y: number } {
    return { x: Math.round((row.hosts / mostHosts) * WIDTH), y: Math.round(HEIGHT - (value / most) * HEIGHT) };
  }
  const drawn = lines.map(({ says, valueOf }, at) => {
    const points = rows.map((row) => ({ ...place(row, valueOf(row)), value: valueOf(row) }));
    const marks = points.map(
      ({ x, y, value }) =>
        `<circle cx="${x}" cy="${y}" r="3" class="l${at}"/><text x="${x}" y="${y + (at === 0 ? -8 : 16)}" text-anchor="middle" class="t${at}">${value < 10 ? value.toFixed(1) : value.toFixed(0)}</text>`,
    );
    const legend =
      says === '' || lines.length === 1 ? '' : `<text x="${at * 110 + 60}" y="-24" class="t${at}">${says}</text>`;
    return `<polyline class="l${at}" points="${points.map(({ x, y }) => `${x},${y}`).join(' ')}"/>${marks.join('')}${legend}`;
  });
  const ticks = rows.map(
    (row) =>
      `<text x="${place(row, 0).x}" y="${HEIGHT + 16}" text-anchor="middle">${row.hosts.toLocaleString('en')}</text>`,
  );
  return `<text x="0" y="-24">${title}</text><path class="axis" d="M0 0V${HEIGHT}H${WIDTH}" fill="none"/>${ticks.join('')}${drawn.join('')}`;
}
