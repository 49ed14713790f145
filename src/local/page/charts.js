// @ts-check
import { h, svg } from './dom.js';

// Small SVG charts for data_visualization, pies and bars: at most 12 series of 20 points, so that nothing bigger is needed.
// Colours come from the style sheet (classes s0 to s11). Every value is also in a table for those who do not see the picture.

/** @typedef {Record<string, any>} Json */
/** @typedef {{ name: string, data: { label: string, value: number }[] }} Series */

const WIDTH = 560;
const HEIGHT = 240;
/** How wide a letter is, about. */
const LETTER = 6.4;
const AREA = { left: 56, right: 12, top: 14, bottom: 30 };

/** A data_visualization block → a figure. @param {Json} block */
export function chart(block) {
  const { chart: drawn, title } = block;
  const isPie = drawn.type === 'pie';
  const picture = isPie ? pie(drawn.segments) : plot(drawn);
  const names = isPie
    ? drawn.segments.map((/** @type {Json} */ one) => one.label)
    : drawn.series.map((/** @type {Series} */ one) => one.name);
  const needsLegend = isPie || names.length > 1;
  return h(
    'figure',
    { class: 'chart' },
    h('figcaption', {}, title),
    h(
      'div',
      { class: isPie ? 'chart-pie' : 'chart-plot' },
      picture,
      needsLegend ? legend(names, isPie ? drawn.segments : null) : null,
    ),
    values(drawn, isPie, title),
  );
}

/** @param {string[]} names @param {Json[] | null} segments */
function legend(names, segments) {
  const total = (segments ?? []).reduce((sum, one) => sum + one.value, 0);
  return h(
    'ul',
    { class: 'legend', 'aria-hidden': 'true' },
    names.map((name, at) => {
      const segment = segments?.[at];
      const share =
        segment === undefined ? null : `${short(segment.value)} · ${Math.round((100 * segment.value) / total)} %`;
      return h(
        'li',
        {},
        h('span', { class: `swatch s${at}` }),
        h('span', {}, name),
        share && h('span', { class: 'share' }, share),
      );
    }),
  );
}

/** The same numbers for screen readers. @param {Json} drawn @param {boolean} isPie @param {string} title */
function values(drawn, isPie, title) {
  const rows = isPie
    ? drawn.segments.map((/** @type {Json} */ one) => [one.label, one.value])
    : drawn.axis_config.categories.map((/** @type {string} */ name) => [
        name,
        ...drawn.series.map(
          (/** @type {Series} */ series) => series.data.find((one) => one.label === name)?.value ?? '',
        ),
      ]);
  const head = isPie ? ['', 'Value'] : ['', ...drawn.series.map((/** @type {Series} */ one) => one.name)];
  const table = h(
    'table',
    {},
    h('caption', {}, title),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        head.map((/** @type {string} */ text) => h('th', { scope: 'col' }, text)),
      ),
    ),
    h(
      'tbody',
      {},
      rows.map((/** @type {(string | number)[]} */ row) =>
        h(
          'tr',
          {},
          row.map((cell) => h('td', {}, cell)),
        ),
      ),
    ),
  );
  return h('div', { class: 'visually-hidden' }, table);
}

/** @param {Json[]} segments */
function pie(segments) {
  const total = segments.reduce((sum, one) => sum + one.value, 0);
  let from = 0;
  const slices = segments.map((segment, at) => {
    const to = from + segment.value / total;
    const path = slice(from, to);
    from = to;
    return svg('path', { class: `s${at}`, d: path }, svg('title', {}, `${segment.label}: ${segment.value}`));
  });
  return svg('svg', { viewBox: '0 0 200 200', 'aria-hidden': 'true', class: 'pie' }, slices);
}

/** A ring's part between two shares of the circle. @param {number} from @param {number} to */
function slice(from, to) {
  const end = Math.min(to, from + 0.99999);
  /** @param {number} share @param {number} radius */
  function point(share, radius) {
    const angle = 2 * Math.PI * share - Math.PI / 2;
    return `${(100 + radius * Math.cos(angle)).toFixed(2)} ${(100 + radius * Math.sin(angle)).toFixed(2)}`;
  }
  const large = end - from > 0.5 ? 1 : 0;
  const outer = `M ${point(from, 96)} A 96 96 0 ${large} 1 ${point(end, 96)}`;
  return `${outer} L ${point(end, 56)} A 56 56 0 ${large} 0 ${point(from, 56)} Z`;
}

/** @param {Json} drawn */
function plot(drawn) {
  const { categories, y_label: yLabel } = drawn.axis_config;
  /** @type {Series[]} */
  const series = drawn.series;
  const ticks = ticksFor(series.flatMap((one) => one.data.map((point) => point.value)));
  const [low, high] = [ticks[0] ?? 0, ticks.at(-1) ?? 1];
  const inner = { width: WIDTH - AREA.left - AREA.right, height: HEIGHT - AREA.top - AREA.bottom };
  const band = inner.width / categories.length;
  /** @param {number} value */
  function y(value) {
    return AREA.top + inner.height * (1 - (value - low) / (high - low));
  }
  /** @param {number} at */
  function x(at) {
    return AREA.left + band * (at + 0.5);
  }
  const scale = { x, y, band, categories };
  // So many that none is cut and none touches the next.
  const longest = Math.max(...categories.map((/** @type {string} */ name) => name.length)) * LETTER + 2 * LETTER;
  const every = Math.max(Math.ceil(categories.length / 8), Math.min(Math.ceil(longest / band), 4));
  return svg(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, 'aria-hidden': 'true', class: 'plot' },
    ticks.map((tick) => [
      svg('line', {
        class: tick === 0 ? 'axis' : 'rule',
        x1: AREA.left,
        x2: WIDTH - AREA.right,
        y1: y(tick),
        y2: y(tick),
      }),
      svg('text', { class: 'tick', x: AREA.left - 8, y: y(tick) + 4, 'text-anchor': 'end' }, short(tick)),
    ]),
    categories.map((/** @type {string} */ name, /** @type {number} */ at) =>
      at % every === 0 ? category(x(at), cut(name, every * band)) : null,
    ),
    yLabel &&
      svg(
        'text',
        { class: 'label', x: -(AREA.top + inner.height / 2), y: 12, transform: 'rotate(-90)', 'text-anchor': 'middle' },
        yLabel,
      ),
    bars(series, scale),
  );
}

/** Below the axis, within the picture. @param {number} middle @param {string} text */
function category(middle, text) {
  const reach = (text.length * LETTER) / 2;
  const x = Math.min(middle, WIDTH - reach);
  return svg('text', { class: 'tick', x, y: HEIGHT - 10, 'text-anchor': 'middle' }, text);
}

/** @typedef {{ x: (at: number) => number, y: (value: number) => number, band: number, categories: string[] }} Scale */

/** @param {Series[]} series @param {Scale} scale */
function bars(series, scale) {
  const width = Math.min(36, (scale.band * 0.72) / series.length);
  return series.flatMap((one, index) =>
    one.data.map((point) => {
      const at = scale.categories.indexOf(point.label);
      const left = scale.x(at) - (width * series.length) / 2 + width * index;
      const [top, bottom] = [scale.y(Math.max(point.value, 0)), scale.y(Math.min(point.value, 0))];
      return svg(
        'rect',
        {
          class: `s${index}`,
          x: left + 0.5,
          y: top,
          width: Math.max(1, width - 1),
          height: Math.max(0.5, bottom - top),
          rx: 2,
        },
        svg('title', {}, `${one.name}, ${point.label}: ${point.value}`),
      );
    }),
  );
}

/** About five round numbers that hold all values and 0. @param {number[]} all */
function ticksFor(all) {
  const low = Math.min(0, ...all);
  const high = Math.max(0, ...all);
  const rough = (high - low || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const round = power * ([1, 2, 2.5, 5, 10].find((one) => one * power >= rough) ?? 10);
  // What is counted has no halves.
  const step = all.every(Number.isInteger) ? Math.max(1, Math.ceil(round)) : round;
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
}

/** 1234567 → 1.2M. @param {number} value */
function short(value) {
  return new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 }).format(value);
}

/** @param {string} name @param {number} width */
function cut(name, width) {
  const length = Math.max(3, Math.floor(width / LETTER));
  return name.length > length ? `${name.slice(0, length - 1)}…` : name;
}
