import { knownProgram } from './programs.ts';

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
  '@logstream',
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
const PROGRAM_KEYS = [
  'syslog_identifier',
  'appname',
  'programname',
  'program',
  'ident',
  'syslog/identifier',
  'syslog/appname',
  'log/syslog/appname',
  'process/name',
  'tag',
  'unit',
  'systemd/unit',
  '_systemd_unit',
] as const;

/** What others call a host: `_sourceHost`, `server_name`, `host_ip`. The last part of a key alone counts. */
const HOST_LIKE = /(?:^|[/._@-])(?:src_?|source_?|sys_?)?(?:host|node|server|machine|device|computer)_?(?:name|ip)?$/;
/** Graylog's word for a host is others' for a file or a program. */
const SOURCE = /^[A-Za-z0-9][\w-]*[\d.-][\w.-]*$/;
const NO_SOURCE = /\.(?:log|txt|json|gz|\d)$|^std(?:out|err)$/;

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
    host: firstOf(flat, HOST_KEYS) ?? hostLike(flat) ?? above.host,
    time: firstOf(flat, TIME_KEYS) ?? above.time,
    program: flat.get('_transport') === 'kernel' ? 'kernel' : (programIn(flat) ?? above.program),
    kernelUs: flat.get('_source_monotonic_timestamp') ?? '',
  };
}

/** Only of programs that are read as such: a collector may name itself there. */
function programIn(flat: ReadonlyMap<string, string>): string | null {
  for (const key of PROGRAM_KEYS) {
    const program = knownProgram(flat.get(key) ?? '');
    if (program !== null) return program;
  }
  return null;
}

function hostLike(flat: ReadonlyMap<string, string>): string | null {
  for (const [key, value] of flat) if (HOST_LIKE.test(key) && value !== '') return value;
  const source = flat.get('source');
  return source !== undefined && isHostOfSource(source) ? source : null;
}

export function isHostOfSource(source: string): boolean {
  return SOURCE.test(source) && !NO_SOURCE.test(source);
}

/** Whether a field's name, in small letters, is one for a host. */
export function isHostName(name: string): boolean {
  return HOST_LIKE.test(name) || HOST_KEYS.some((key) => key === name);
}

/**
 * A list of pairs as an object: OpenTelemetry's `[{ "key": "host.name", "value": { "stringValue": "db01" } }]`, CloudWatch's
 * `[{ "field": "@message", "value": "…" }]`. null: it is none.
 */
export function asObject(items: readonly unknown[]): Record<string, unknown> | null {
  const fields: Record<string, unknown> = {};
  for (const item of items) {
    if (typeof item !== 'object' || item === null) return null;
    const pair = item as Record<string, unknown>;
    const key = pair['key'] ?? pair['field'] ?? pair['name'];
    if (typeof key !== 'string' || !('value' in pair)) return null;
    fields[key] = plainValue(pair['value']);
  }
  return items.length > 0 ? fields : null;
}

/** What stands alone in an object or a list. */
function plainValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const values: unknown[] = Object.values(value);
  return values.length === 1 && typeof values[0] !== 'object' ? values[0] : value;
}

/** The short values of an object and of the objects in it, by their path in small letters. */
function flatten(fields: Record<string, unknown>, path: string, flat: Map<string, string>, level: number): void {
  for (const [key, given] of Object.entries(fields)) {
    const name = `${path}${key.toLowerCase()}`;
    const value = Array.isArray(given) ? (asObject(given) ?? plainValue(given)) : given;
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
  'resource_attributes',
]);

function firstOf(flat: Map<string, string>, names: readonly string[]): string | null {
  for (const name of names) {
    const value = flat.get(name);
    if (value !== undefined && value !== '') return value;
  }
  return null;
}
