import type { Held, Program, Split } from './program.ts';

/** Workers grow with what they are asked: room for a fifth more than each holds now. */
const WORKER_GROWTH = 1.2;

/** How many workers fit: one as large as the largest, the others as they are in the mean with room to grow. */
function workersThatFit(setting: string, baseMiB: number, base: string): Program['split'] {
  return (budgetMiB: number, held: Held): Split => {
    const eachMiB = Math.max(0.25, (held.totalMiB / Math.max(1, held.tasks)) * WORKER_GROWTH);
    const largestMiB = Math.max(eachMiB, held.largestMiB);
    const value = 1 + Math.floor((budgetMiB - baseMiB - largestMiB) / eachMiB);
    return {
      rest: [
        { what: base, mib: baseMiB },
        { what: 'one worker as large as the largest', mib: largestMiB },
      ],
      how: `divided by ${eachMiB.toFixed(1)} MiB for each other worker (what it holds and a fifth more)`,
      values: [{ name: setting, value, text: String(value) }],
    };
  };
}

interface Pool extends Pick<Program, 'key' | 'title' | 'names' | 'told' | 'unset' | 'argument' | 'also' | 'source'> {
  setting: string;
  /** What holds no request, and how much of it. */
  base: { what: string; mib: number };
  least: number;
  words: string;
  look: string | null;
  /** As it is written, up to the number. */
  line: (value: string) => string;
}

function pool({ setting, base, words, look, line, ...facts }: Pool): Program {
  return {
    ...facts,
    kind: 'workers',
    holds: 'its workers, each with the memory of its largest request so far',
    argumentUnitMiB: 1,
    split: workersThatFit(setting, base.mib, base.what),
    apply: ([{ text }], now) => ({ words, look, command: line(text), undo: line(now ?? 'BEFORE') }),
    assumes: ['each worker needs what those of now hold in the mean, and a fifth more'],
  };
}

/** Programs whose memory is the number of their workers. */
export const WORKERS: readonly Program[] = [
  pool({
    key: 'php-fpm',
    title: 'PHP-FPM',
    names: /^php-?fpm[\d.]*$/,
    told: null,
    setting: 'pm.max_children',
    unset: 'it does not start; Debian’s pool has 5',
    argument: null,
    base: { what: 'master and opcache', mib: 24 },
    least: 2,
    words: 'In the file of its pool (below /etc/php on Debian); then reload it. Requests beyond it wait.',
    look: "grep -rn '^pm.max_children' /etc/php* /etc/php-fpm.d",
    line: (value) => `pm.max_children = ${value}`,
    also: 'memory_limit of a request (128 MiB where it is not set); pm.max_requests replaces workers that grow',
    source: { versions: 'PHP 5.3 to 8', url: 'https://www.php.net/manual/en/install.fpm.configuration.php' },
  }),
  pool({
    key: 'gunicorn',
    title: 'Gunicorn',
    names: /^gunicorn/,
    told: { names: /^python[\d.]*$/, by: /gunicorn/ },
    setting: '--workers',
    unset: '1, or WEB_CONCURRENCY',
    argument: /(?:--workers[= ]|-w )(\d+)/,
    base: { what: 'the master', mib: 32 },
    least: 1,
    words: 'On its command line or in its configuration (workers); then reload it.',
    look: null,
    line: (value) => `--workers ${value}`,
    also: '--max-requests replaces workers that grow; --preload lets them share what they load',
    source: { versions: 'Gunicorn 19 to 23', url: 'https://docs.gunicorn.org/en/stable/settings.html#workers' },
  }),
  pool({
    key: 'uwsgi',
    title: 'uWSGI',
    names: /^uwsgi/,
    told: null,
    setting: '--processes',
    unset: '1',
    argument: /(?:--processes[= ]|--workers[= ]|-p )(\d+)/,
    base: { what: 'the master', mib: 32 },
    least: 1,
    words: 'On its command line, or as processes in its file; then reload it.',
    look: null,
    line: (value) => `--processes ${value}`,
    also: '--reload-on-rss (MiB) replaces workers that grow',
    source: { versions: 'uWSGI 2.0', url: 'https://uwsgi-docs.readthedocs.io/en/latest/Options.html#processes' },
  }),
  pool({
    key: 'puma',
    title: 'Puma',
    names: /^puma/,
    told: { names: /^(?:ruby[\d.]*|bundle)$/, by: /\bpuma\b/ },
    setting: '--workers',
    unset: '0, or WEB_CONCURRENCY',
    argument: /(?:--workers[= ]|-w )(\d+)/,
    base: { what: 'the master', mib: 64 },
    least: 1,
    words: 'On its command line, or as workers in config/puma.rb; then restart it.',
    look: null,
    line: (value) => `--workers ${value}`,
    also: '--threads (5 where it is not set); MALLOC_ARENA_MAX=2 keeps Ruby’s threads from spreading memory',
    source: { versions: 'Puma 5 to 6', url: 'https://puma.io/puma/file.README.html' },
  }),
  pool({
    key: 'nginx',
    title: 'nginx',
    names: /^nginx$/,
    told: null,
    setting: 'worker_processes',
    unset: '1; auto is one for each CPU',
    argument: /worker_processes (\d+)/,
    base: { what: 'the master and shared zones', mib: 16 },
    least: 1,
    words:
      'In nginx.conf; then reload it. After a reload the workers of before stay until their last connection ends (worker_shutdown_timeout).',
    look: "grep -rn 'worker_processes' /etc/nginx",
    line: (value) => `worker_processes ${value};`,
    also: 'worker_connections times the buffers of a connection (proxy_buffers, client_body_buffer_size)',
    source: { versions: 'nginx 1.12 to 1.29', url: 'https://nginx.org/en/docs/ngx_core_module.html#worker_processes' },
  }),
];
