import { BYTES_PER_MIB, KIB_PER_MIB, MIB_PER_GIB } from '../oom/units.ts';
import { downTo, type Program } from './program.ts';
import { RUNTIMES } from './runtimes.ts';
import { WORKERS } from './workers.ts';

/** A page needs its frame and hash entry too: "approximately 10% greater" (MySQL, innodb_buffer_pool_size). */
const POOL_OVERHEAD = 1.1;
/** Both round up to whole chunks; MySQL has 8 instances from 1 GiB on. */
const CHUNK_MIB = 128;
/** At rest, beside the pool. MariaDB 10.11: 75 MiB measured; MySQL 8.0 has its performance schema in memory. */
const MARIADB_BASE_MIB = 96;
const MYSQL_BASE_MIB = 320;

function poolStep(mib: number, name: string): number {
  if (mib <= CHUNK_MIB) return 1;
  return name.startsWith('mysqld') && mib >= MIB_PER_GIB ? MIB_PER_GIB : CHUNK_MIB;
}

const MYSQL: Program = {
  key: 'mysql',
  title: 'MySQL and MariaDB',
  names: /^(?:mysqld|mariadbd)$/,
  told: null,
  kind: 'memory',
  holds: 'the InnoDB buffer pool, then the buffers of each connection',
  unset: '128 MiB',
  argument: /--innodb[-_]buffer[-_]pool[-_]size[= ](\d+[kmgt]?)\b/i,
  argumentUnitMiB: 1 / BYTES_PER_MIB,
  least: 16,
  split: (budgetMiB, _, name) => {
    const base = name === 'mariadbd' ? MARIADB_BASE_MIB : MYSQL_BASE_MIB;
    const connections = budgetMiB * 0.15;
    const left = (budgetMiB - base - connections) / POOL_OVERHEAD;
    const value = downTo(poolStep(left, name), left);
    return {
      rest: [
        { what: 'the server itself', mib: base },
        { what: 'buffers of connections (15 %)', mib: connections },
      ],
      how: `divided by ${POOL_OVERHEAD} for the pool’s own bookkeeping, rounded down to whole chunks`,
      values: [{ name: 'innodb_buffer_pool_size', value, text: `${value}M` }],
    };
  },
  apply: ([{ name, value, text }]) => ({
    words: `It counts at once. To make it last, put ${name} = ${text} below [mysqld] in its configuration.`,
    look: `mysql -Ne 'SELECT @@GLOBAL.${name}'`,
    command: `mysql -e 'SET GLOBAL ${name} = ${value * BYTES_PER_MIB}'`,
    undo: `mysql -e 'SET GLOBAL ${name} = BEFORE'`,
  }),
  assumes: ['InnoDB holds the data', 'connections need no more than 15 % together (sort, join and read buffers)'],
  also: 'max_connections (151 where it is not set), each with about 3 MiB when busy',
  source: {
    versions: 'MySQL 5.7 to 8.4, MariaDB 10.2 to 11',
    url: 'https://dev.mysql.com/doc/refman/8.4/en/innodb-parameters.html#sysvar_innodb_buffer_pool_size',
  },
};

/** Postmaster, checkpointer, two writers, the launchers of autovacuum and of logical replication. */
const POSTGRES_OWN = 6;
const POSTGRES_BACKEND_MIB = 10;
/** maintenance_work_mem of one autovacuum worker, and WAL buffers. */
const POSTGRES_UPKEEP_MIB = 80;
/** A query takes work_mem for each sort, and hash_mem_multiplier (2 since 15) times that for each hash: two of these. */
const POSTGRES_TIMES = 4;

const POSTGRES: Program = {
  key: 'postgres',
  title: 'PostgreSQL',
  names: /^(?:postgres|postmaster)$/,
  told: null,
  kind: 'memory',
  holds: 'work_mem for each sort and hash of each connection, and shared_buffers once',
  unset: '4 MiB',
  argument: /(?:-c |--)work_mem=(\d+ ?(?:[kmgt]b)?)/i,
  argumentUnitMiB: 1 / KIB_PER_MIB,
  least: 1,
  split: (budgetMiB, { tasks }) => {
    const backends = Math.max(1, tasks - POSTGRES_OWN);
    const shared = Math.max(16, Math.floor(budgetMiB / 4));
    const own = POSTGRES_BACKEND_MIB * backends;
    const left = budgetMiB - shared - POSTGRES_UPKEEP_MIB - own;
    const value = Math.floor(left / backends / POSTGRES_TIMES);
    return {
      rest: [
        { what: 'shared_buffers (a quarter)', mib: shared },
        { what: 'autovacuum and WAL', mib: POSTGRES_UPKEEP_MIB },
        { what: `${backends} backends of ${POSTGRES_BACKEND_MIB} MiB`, mib: own },
      ],
      how: `divided by ${backends} backends and by ${POSTGRES_TIMES} for their sorts and hashes`,
      values: [
        { name: 'work_mem', value, text: `${value}MB` },
        { name: 'shared_buffers', value: shared, text: `${shared}MB` },
      ],
    };
  },
  apply: ([work, ...more]) => ({
    words: `work_mem counts for new queries at once, ${more.map(({ name }) => name).join()} after a restart. Leave that out if it is smaller already.`,
    look: `psql -c 'SHOW work_mem' -c 'SHOW shared_buffers'`,
    command: `psql ${[work, ...more].map(({ name, text }) => `-c "ALTER SYSTEM SET ${name} = '${text}'"`).join(' ')} -c 'SELECT pg_reload_conf()'`,
    undo: `psql ${[work, ...more].map(({ name }) => `-c "ALTER SYSTEM SET ${name} = 'BEFORE'"`).join(' ')} -c 'SELECT pg_reload_conf()'`,
  }),
  assumes: [
    'no more backends than now, six of the processes being its own',
    'each sorts or hashes twice at a time, without parallel workers beyond those counted',
    'hash_mem_multiplier and maintenance_work_mem are as they come',
  ],
  also: 'max_connections (100 where it is not set); a pooler such as PgBouncer needs far fewer',
  source: {
    versions: 'PostgreSQL 13 to 18',
    url: 'https://www.postgresql.org/docs/current/runtime-config-resource.html',
  },
};

const REDIS: Program = {
  key: 'redis',
  title: 'Redis and Valkey',
  names: /^(?:redis-server|valkey-server)$/,
  told: null,
  kind: 'memory',
  holds: 'the data set, and while it is saved a copy of every page that changes meanwhile',
  unset: 'no limit',
  argument: /--maxmemory[= ](\d+ ?(?:[kmgt]b?)?)/i,
  argumentUnitMiB: 1 / BYTES_PER_MIB,
  least: 16,
  split: (budgetMiB) => {
    const base = 16;
    const value = Math.floor((budgetMiB - base) / 2);
    return {
      rest: [{ what: 'the server itself', mib: base }],
      how: 'halved: saving (RDB or AOF) under writes takes up to twice the data',
      values: [{ name: 'maxmemory', value, text: `${value}mb` }],
    };
  },
  apply: ([{ name, text }]) => ({
    words: `It counts at once; CONFIG REWRITE makes it last. When it is full, writes fail, unless maxmemory-policy lets it drop keys (allkeys-lru for a cache).`,
    look: `redis-cli CONFIG GET ${name}`,
    command: `redis-cli CONFIG SET ${name} ${text}`,
    undo: `redis-cli CONFIG SET ${name} BEFORE`,
  }),
  assumes: ['it saves to disk (save or appendonly); without that, a third more fits'],
  also: 'client-output-buffer-limit and the replication backlog, which are not part of maxmemory',
  source: {
    versions: 'Redis 4 to 8, Valkey 7.2 to 8',
    url: 'https://redis.io/docs/latest/operate/oss_and_stack/management/admin/',
  },
};

const MONGODB: Program = {
  key: 'mongodb',
  title: 'MongoDB',
  names: /^mongod$/,
  told: null,
  kind: 'memory',
  holds: 'WiredTiger’s cache, then connections, sorts and aggregations',
  unset: 'half of what RAM has beyond 1 GiB, at least 256 MiB',
  argument: /--wiredTigerCacheSizeGB[= ](\d+(?:\.\d+)?)/,
  argumentUnitMiB: MIB_PER_GIB,
  least: 256,
  split: (budgetMiB) => {
    const base = 256;
    const value = Math.floor((budgetMiB - base) * 0.6);
    return {
      rest: [{ what: 'the server itself', mib: base }],
      how: '60 % of it: connections (1 MiB each), sorts and the allocator take the rest',
      values: [
        { name: 'wiredTigerCacheSizeGB', value, text: (Math.floor((value / MIB_PER_GIB) * 100) / 100).toFixed(2) },
      ],
    };
  },
  apply: ([{ name, text }], now) => ({
    words: `On its command line, or as storage.wiredTiger.engineConfig.cacheSizeGB in mongod.conf; then restart it.`,
    look: null,
    command: `--${name} ${text}`,
    undo: `--${name} ${now ?? 'BEFORE'}`,
  }),
  assumes: ['it uses WiredTiger', 'up to a few hundred connections'],
  also: 'net.maxIncomingConnections',
  source: {
    versions: 'MongoDB 4.4 to 8',
    url: 'https://www.mongodb.com/docs/manual/reference/program/mongod/#std-option-mongod.--wiredTigerCacheSizeGB',
  },
};

const CLICKHOUSE: Program = {
  key: 'clickhouse',
  title: 'ClickHouse',
  names: /^clickhouse/,
  told: null,
  kind: 'memory',
  holds: 'queries, merges, the mark cache and dictionaries',
  unset: '90 % of RAM (max_server_memory_usage_to_ram_ratio)',
  argument: /--max_server_memory_usage[= ](\d+)/,
  argumentUnitMiB: 1 / BYTES_PER_MIB,
  least: MIB_PER_GIB,
  split: (budgetMiB) => {
    const value = Math.floor(budgetMiB * 0.9);
    return {
      rest: [],
      how: '90 % of it: what the allocator keeps is not counted there',
      values: [{ name: 'max_server_memory_usage', value, text: String(value * BYTES_PER_MIB) }],
    };
  },
  apply: ([{ name, text }]) => {
    const file = '/etc/clickhouse-server/config.d/memory.xml';
    return {
      words: 'Restart clickhouse-server after it. Queries beyond it fail with MEMORY_LIMIT_EXCEEDED.',
      look: null,
      command: `echo '<clickhouse><${name}>${text}</${name}></clickhouse>' > ${file}`,
      undo: `rm ${file}`,
    };
  },
  assumes: ['its configuration is in /etc/clickhouse-server, without a file memory.xml'],
  also: 'max_memory_usage of one query; mark_cache_size (5 GiB where it is not set)',
  source: {
    versions: 'ClickHouse 21 to 25',
    url: 'https://clickhouse.com/docs/operations/server-configuration-parameters/settings#max_server_memory_usage',
  },
};

/** All that is known, the more particular first: an Elasticsearch is a Java too. */
export const PROGRAMS: readonly Program[] = [MYSQL, POSTGRES, REDIS, MONGODB, CLICKHOUSE, ...RUNTIMES, ...WORKERS];
