// What stands beside a message in JSON: which host, when, which program. Collectors call it differently: Docker, Loki, Fluent Bit,
// Vector, Filebeat (ECS), Splunk, CloudWatch, Google Cloud, Azure, journald.

/** Usual names, the surest first. `host/name` is the key `name` of the object `host`. */
const HOST_KEYS = [
  '_hostname',
  'hostname',
  'host',
  'host_name',
  'host/name',
  'host.name',
  'host/hostname',
  'nodename',
  'node_name',
  'node',
  'kubernetes/host',
  'kubernetes/node_name',
  'kubernetes/node/name',
  'labels/host',
  'labels/hostname',
  'labels/node_name',
  'labels/instance_id',
  'computer',
  'source_host',
  'agent/hostname',
  'beat/hostname',
  'instance',
  'instance_id',
  'instanceid',
  'logstream',
  'logstreamname',
  'log_stream_name',
] as const;
const TIME_KEYS = [
  '__realtime_timestamp',
  '@timestamp',
  'timestamp',
  'time',
  '_time',
  'ts',
  'date',
  'eventtime',
  'timegenerated',
  'receivetimestamp',
] as const;
const PROGRAM_KEYS = ['syslog_identifier', 'appname', 'ident', 'process/name'] as const;

export interface JsonContext {
  host: string;
  time: string;
  program: string;
  kernelUs: string;
}

export const NO_CONTEXT: JsonContext = { host: '', time: '', program: '', kernelUs: '' };

/** In the journal's own names. */
export function asJournal({ host, time, program, kernelUs }: JsonContext): Record<string, string> {
  const fields: Record<string, string> = {};
  if (host !== '') fields['_HOSTNAME'] = host;
  const us = toMicroseconds(time);
  if (us !== null) fields['__REALTIME_TIMESTAMP'] = us;
  else if (time !== '') fields['timestamp'] = time;
  if (program !== '') fields['SYSLOG_IDENTIFIER'] = program;
  if (kernelUs !== '') fields['_SOURCE_MONOTONIC_TIMESTAMP'] = kernelUs;
  return fields;
}

/** Milli-, micro- or nanoseconds since 1970, as microseconds. */
function toMicroseconds(time: string): string | null {
  if (!/^1\d{12}(?:\d{3}|\d{6})?$/.test(time)) return null;
  return time.slice(0, 16).padEnd(16, '0');
}

/** What an object says of the messages in it; what it does not, the objects around it say. */
export function contextOf(fields: Record<string, unknown>, above: JsonContext): JsonContext {
  const flat = new Map<string, string>();
  flatten(fields, '', flat, 0);
  return {
    host: firstOf(flat, HOST_KEYS) ?? above.host,
    time: firstOf(flat, TIME_KEYS) ?? above.time,
    program: flat.get('_transport') === 'kernel' ? 'kernel' : (firstOf(flat, PROGRAM_KEYS) ?? above.program),
    kernelUs: flat.get('_source_monotonic_timestamp') ?? '',
  };
}

/** The short values of an object and of the objects in it, by their path in small letters. */
function flatten(fields: Record<string, unknown>, path: string, flat: Map<string, string>, level: number): void {
  for (const [key, value] of Object.entries(fields)) {
    const name = `${path}${key.toLowerCase()}`;
    if ((typeof value === 'string' && value.length < 256) || typeof value === 'number') {
      if (flat.size < 400 && !flat.has(name)) flat.set(name, String(value));
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value) && level < 3)
      flatten(value as Record<string, unknown>, LABELS.has(key.toLowerCase()) ? path : `${name}/`, flat, level + 1);
  }
}

/** Objects whose keys say of an entry what its own keys do not. */
const LABELS = new Set([
  'stream',
  'labels',
  'resource',
  'fields',
  'metadata',
  'attributes',
  '_source',
  'metric',
  'result',
  'jsonpayload',
  'result.labels',
]);

function firstOf(flat: Map<string, string>, names: readonly string[]): string | null {
  for (const name of names) {
    const value = flat.get(name);
    if (value !== undefined && value !== '') return value;
  }
  return null;
}
