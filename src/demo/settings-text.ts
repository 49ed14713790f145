/** What each simulated program's file says, in the words of the script `settings`. Others have none. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  mysql: [
    'file 15552000 /etc/mysql/my.cnf',
    'file 7776000 /etc/mysql/mysql.conf.d/mysqld.cnf',
    'set 2 mysqld innodb_buffer_pool_size 4G',
  ],
  java: ['arg xmx 1536m'],
};

/** How programs of the simulated machine are set, as that script prints it. In, a line each: program, pid, which files. */
export function settingsText(asked: string): string {
  const lines = asked.split('\n').flatMap((line) => {
    const [, program = '', pid = ''] = /^([a-z-]+) (\d{1,7}) \w+$/.exec(line) ?? [];
    return program === '' ? [] : [`program ${program} ${pid}`, ...(FILES[program] ?? ['unnamed'])];
  });
  return ['#settings 1', ...lines, '#end', ''].join('\n');
}
