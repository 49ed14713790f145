import { BYTES_PER_MIB, MIB_PER_GIB } from '../oom/units.ts';
import type { Program } from './program.ts';

/** Above it the JVM loses compressed pointers, and needs more for the same. */
const COMPRESSED_MAX_MIB = 31 * MIB_PER_GIB;

/** What a JVM or V8 holds beside its heap: as measured where more than the setting was held, else as is usual. */
function outside(usualMiB: number, { now, largestMiB }: { now: number | null; largestMiB: number }) {
  const measured = now === null ? 0 : largestMiB - now;
  return measured > usualMiB
    ? { what: 'beside the heap, as it was held', mib: measured }
    : { what: 'beside the heap, as is usual', mib: usualMiB };
}

const HEAP = String.raw`-Xmx(\d+[kmgt]?)\b`;

const JAVA: Program = {
  key: 'java',
  title: 'Java',
  names: /^java$/,
  told: null,
  kind: 'memory',
  holds: 'the heap; beside it metaspace, compiled code, the stack of each thread, direct buffers and the collector',
  unset: 'a quarter of RAM or of the limit',
  argument: new RegExp(HEAP, 'i'),
  argumentUnitMiB: 1 / BYTES_PER_MIB,
  least: 64,
  split: (budgetMiB, held) => {
    const beside = outside(Math.max(96, budgetMiB * 0.3), held);
    const value = Math.floor(budgetMiB - beside.mib);
    return { rest: [beside], how: 'all of it', values: [{ name: '-Xmx', value, text: `${value}m` }] };
  },
  apply: ([{ text }], now) => ({
    words: `On its command line, in place of any other -Xmx; then restart it. In a container -XX:MaxRAMPercentage=70 follows the limit instead.`,
    look: null,
    command: `-Xmx${text}`,
    undo: `-Xmx${now ?? 'BEFORE'}`,
  }),
  assumes: ['metaspace, code, threads, direct buffers and the collector need 30 % together, at least 96 MiB'],
  also: '-XX:MaxDirectMemorySize (as much as the heap where it is not set), -XX:MaxMetaspaceSize (no limit), -Xss (1 MiB a thread)',
  source: {
    versions: 'OpenJDK 8u191 to 25',
    url: 'https://docs.oracle.com/en/java/javase/21/docs/specs/man/java.html',
  },
};

/** Both want their heap fixed, and as much again left to the page cache. */
function searchEngine(key: string, title: string, versions: string, url: string): Program {
  return {
    ...JAVA,
    key,
    title,
    names: new RegExp(`^${key}$`),
    told: { names: JAVA.names, by: new RegExp(key) },
    holds: 'the heap; beside it direct buffers and, for files of the index, the page cache',
    unset: 'by itself from 7.11 on, half of RAM at most',
    least: 256,
    split: (budgetMiB) => {
      const value = Math.min(COMPRESSED_MAX_MIB, Math.floor(budgetMiB / 2));
      return {
        rest: [],
        how: 'half of it: direct buffers and the page cache need the other',
        values: [
          { name: '-Xmx', value, text: `${value}m` },
          { name: '-Xms', value, text: `${value}m` },
        ],
      };
    },
    apply: ([{ text }]) => {
      const file = `/etc/${key}/jvm.options.d/heap-size.options`;
      return {
        words: 'It counts from the next start on. Both have to be the same.',
        look: null,
        command: `printf '%s\\n' -Xms${text} -Xmx${text} > ${file} && systemctl restart ${key}`,
        undo: `rm ${file} && systemctl restart ${key}`,
      };
    },
    assumes: [`its configuration is in /etc/${key}, without a file heap-size.options`],
    also: 'indices.breaker.total.limit, which refuses requests before the heap is full',
    source: { versions, url },
  };
}

/**
 * Program, compiled code, and young space (three semi-spaces, 48 MiB where memory is large): 25 MiB measured in a group of 160 MiB with
 * Node 24, 61 MiB where nothing is limited. The 20 % beside it grow with the size.
 */
const NODE_BASE_MIB = 64;

const NODE: Program = {
  key: 'node',
  title: 'Node.js',
  names: /^node(?:js)?$/,
  // Node 24 gives its first thread a name of its own.
  told: { names: /^MainThread$/, by: /(?:^|[/ ])node(?:js)?(?:[ .]|$)/ },
  kind: 'memory',
  holds: 'V8’s old space; beside it young space (three semi-spaces), compiled code, and buffers outside the heap',
  unset: 'about a quarter to half of RAM or of the limit, 4 GiB at most',
  argument: /--max[-_]old[-_]space[-_]size=(\d+)/,
  argumentUnitMiB: 1,
  least: 32,
  split: (budgetMiB, held) => {
    const beside = outside(NODE_BASE_MIB, held);
    const value = Math.floor((budgetMiB - beside.mib) * 0.8);
    return {
      rest: [beside],
      how: '80 % of it: buffers outside the heap and fragmentation take the rest',
      values: [{ name: '--max-old-space-size', value, text: String(value) }],
    };
  },
  apply: ([{ name, text }], now) => ({
    words: `On its command line before the script, or in NODE_OPTIONS; then restart it. A heap that needs more ends with "JavaScript heap out of memory", which says where.`,
    look: null,
    command: `${name}=${text}`,
    undo: `${name}=${now ?? 'BEFORE'}`,
  }),
  assumes: ['few large buffers outside the heap (Buffer, ArrayBuffer)'],
  also: '--max-semi-space-size (16 MiB, counted three times; less where memory is small)',
  source: { versions: 'Node.js 14 to 24', url: 'https://nodejs.org/api/cli.html#--max-old-space-sizesize-in-mib' },
};

const PROMETHEUS: Program = {
  key: 'prometheus',
  title: 'Prometheus',
  names: /^prometheus$/,
  told: null,
  kind: 'memory',
  holds: 'the newest two hours of every series, then the samples of running queries',
  unset: 'from 3.0 on 90 % of RAM or of the limit, before that none',
  argument: null,
  argumentUnitMiB: 1,
  least: 256,
  split: (budgetMiB) => {
    const value = Math.floor(budgetMiB * 0.9);
    // A sample takes 16 bytes.
    const samples = Math.min(50_000_000, Math.floor((budgetMiB * BYTES_PER_MIB) / 4 / 16 / 1_000) * 1_000);
    return {
      rest: [],
      how: '90 % of it; a quarter of the budget for one query, at 16 bytes a sample',
      values: [
        { name: 'GOMEMLIMIT', value, text: `${value}MiB` },
        { name: '--query.max-samples', value: samples, text: String(samples) },
      ],
    };
  },
  apply: ([limit, ...flags]) => ({
    words: `${flags.map(({ name, text }) => `${name}=${text}`).join(' ')} goes on its command line, ${limit.name} into its environment; then restart it. The limit makes the collector work harder, it does not refuse series.`,
    look: null,
    command: `${limit.name}=${limit.text}`,
    undo: `unset ${limit.name}`,
  }),
  assumes: ['its series alone fit; where they do not, scrape fewer (sample_limit)'],
  also: 'sample_limit of each scrape, --query.max-concurrency (20 where it is not set)',
  source: {
    versions: 'Prometheus 2.30 to 3',
    url: 'https://prometheus.io/docs/prometheus/latest/command-line/prometheus/',
  },
};

/** Programs whose heap is the matter. */
export const RUNTIMES: readonly Program[] = [
  searchEngine(
    'elasticsearch',
    'Elasticsearch',
    'Elasticsearch 7.7 to 9',
    'https://www.elastic.co/docs/reference/elasticsearch/jvm-settings#set-jvm-heap-size',
  ),
  searchEngine(
    'opensearch',
    'OpenSearch',
    'OpenSearch 1 to 3',
    'https://docs.opensearch.org/latest/install-and-configure/install-opensearch/index/',
  ),
  JAVA,
  NODE,
  PROMETHEUS,
];
