const PROCESSES = 100; // of 8 MiB and more: a usual server

/** The answer to a scan, as of a host with as many processes as a usual server has; any other as it is. */
export function asManyProcesses(text: string): string {
  if (!text.includes('#oomscan')) return text;
  const [header = '', ...rows] = text.split('\n').filter((line) => line !== '' && !line.startsWith('#end'));
  const many = Array.from({ length: PROCESSES }, (_, at) => {
    const fields = (rows[at % rows.length] ?? '').split('\t');
    return [String(1_000 + at), ...fields.slice(1)].join('\t');
  });
  return [header, ...many, `#end ${PROCESSES}`, ''].join('\n');
}
