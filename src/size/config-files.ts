/** Where one program says itself how its memory is set, for the script `settings` of `remote/`. Paths and words are ours. */
export interface ConfigFiles {
  /** Names of the setting that holds its memory, with `_`; large and small letters are the same. A single letter is an option. */
  keys: readonly string[];
  /** Names of others that are worth showing beside it. */
  also: readonly string[];
  /** How its files are written; null: only its command line is read. */
  form: 'cnf' | 'fpm' | 'postgres' | 'redis' | 'mongod' | 'nginx' | null;
  /** Options that name its file: `--config FILE` or `--config=FILE`. */
  named: readonly string[];
  /** What else names it, as the documentation says it; the script `settings` knows where to look. null: nothing. */
  namedToo: string | null;
  /** Files that it reads by itself; `all` of them in this order, or the first that is there. */
  usual: readonly string[];
  reads: 'all' | 'first';
  /** Sections of a file that are the server's. */
  sections: RegExp | null;
  /** What may count in place of what its files say, which cannot be seen from outside. */
  overrides: string | null;
}

function onlyArguments(...keys: string[]): ConfigFiles {
  return {
    keys,
    also: [],
    form: null,
    named: [],
    namedToo: null,
    usual: [],
    reads: 'first',
    sections: null,
    overrides: null,
  };
}

/**
 * By the program's key. Not read: Elasticsearch's and OpenSearch's jvm.options (their packages give them to root and the service alone,
 * and what they say is on the JVM's command line), ClickHouse's XML (its folder is closed to others), and files that are code (Puma,
 * Gunicorn).
 */
export const CONFIG_FILES: Readonly<Record<string, ConfigFiles>> = {
  // `mysqld --help --verbose` lists the files in their order and the groups; ~/.my.cnf of the server's account is not looked for.
  mysql: {
    keys: ['innodb_buffer_pool_size'],
    also: [],
    form: 'cnf',
    named: ['--defaults-file'],
    namedToo: null,
    usual: ['/etc/my.cnf', '/etc/mysql/my.cnf'],
    reads: 'all',
    sections: /^(?:mysqld|server|mariadb|mariadbd)(?:-\d[\d.]*)?$|^(?:client-server|galera)$/,
    overrides: 'SET GLOBAL or SET PERSIST',
  },
  // postgresql.auto.conf, which ALTER SYSTEM writes, is in the data directory, and that is open to the server alone.
  postgres: {
    keys: ['work_mem'],
    also: ['shared_buffers'],
    form: 'postgres',
    named: ['config_file', '--config_file', '--config-file'],
    namedToo: '`-D` (the `postgresql.conf` in that directory)',
    usual: [],
    reads: 'first',
    sections: null,
    overrides: 'ALTER SYSTEM',
  },
  // It replaces its command line by a title without the file.
  redis: {
    keys: ['maxmemory'],
    also: [],
    form: 'redis',
    named: [],
    namedToo: 'the first argument',
    usual: ['/etc/redis/redis.conf', '/etc/redis.conf', '/etc/valkey/valkey.conf', '/etc/valkey.conf'],
    reads: 'first',
    sections: null,
    overrides: 'CONFIG SET',
  },
  mongodb: {
    keys: ['cacheSizeGB', 'wiredTigerCacheSizeGB'],
    also: [],
    form: 'mongod',
    named: ['-f', '--config'],
    namedToo: null,
    usual: [],
    reads: 'first',
    sections: null,
    overrides: null,
  },
  // Its title names the file: "php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)".
  'php-fpm': {
    keys: ['pm.max_children'],
    also: [],
    form: 'fpm',
    named: [],
    namedToo: 'the title of the master process',
    usual: [],
    reads: 'first',
    sections: /^(?!global$)/,
    overrides: null,
  },
  nginx: {
    keys: ['worker_processes'],
    also: [],
    form: 'nginx',
    named: ['-c'],
    namedToo: null,
    usual: ['/etc/nginx/nginx.conf', '/usr/local/nginx/conf/nginx.conf'],
    reads: 'first',
    sections: null,
    overrides: null,
  },
  clickhouse: onlyArguments('max_server_memory_usage'),
  elasticsearch: onlyArguments('Xmx'),
  opensearch: onlyArguments('Xmx'),
  java: onlyArguments('Xmx'),
  node: onlyArguments('max_old_space_size'),
  gunicorn: onlyArguments('workers', 'w'),
  uwsgi: onlyArguments('processes', 'workers', 'p'),
  puma: onlyArguments('workers', 'w'),
};
