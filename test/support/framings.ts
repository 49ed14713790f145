// One kernel message in the forms in which logs hold it. Text is a byte string, as the kernel has it; line breaks only inside of names.

export interface Framing {
  name: string;
  /** The physical lines of one message. */
  frame: (text: string, seconds: number) => string[];
  /** Control characters are written as they are, and taken for a terminal's; journalctl shows such a line as blob data. */
  losesControls?: boolean;
  /** Each piece of a name with line breaks is an entry of its own. */
  losesBreaks?: boolean;
  /** Bytes that are no UTF-8 are replaced. */
  losesBytes?: boolean;
  /** Nothing stands before the text: a name like a mark of quotation is taken for one. */
  losesQuotes?: boolean;
}

const PADDED = 5;

function stamp(seconds: number): string {
  return `[${seconds.toFixed(6).padStart(PADDED + 7)}]`;
}

/** Each piece of a text with line breaks behind the same prefix. */
function repeated(prefix: (seconds: number) => string): Framing['frame'] {
  return (text, seconds) => text.split('\n').map((piece) => prefix(seconds) + piece);
}

/** util-linux' dmesg writes control characters as `\x1b`. */
function dmesg(prefix: (seconds: number) => string): Framing['frame'] {
  const frame = padded(prefix);
  return (text, seconds) =>
    frame(
      text.replace(/[\x00-\x08\x0b-\x1f\x7f]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`),
      seconds,
    );
}

/** The pieces behind the first stand under its first character. */
function padded(prefix: (seconds: number) => string): Framing['frame'] {
  return (text, seconds) => {
    const first = prefix(seconds);
    return text.split('\n').map((piece, at) => (at === 0 ? first : ' '.repeat(first.length)) + piece);
  };
}

function escapeKmsg(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\xff\\]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function micros(seconds: number): string {
  return String(Math.round(seconds * 1e6));
}

function second(seconds: number): string {
  return String(Math.floor(seconds) % 60).padStart(2, '0');
}

function iso(seconds: number): string {
  return `2026-11-22T19:51:${second(seconds)}.${String(Math.round((seconds % 1) * 1e6)).padStart(6, '0')}`;
}

function isUtf8(text: string): boolean {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.from(bytes.toString('utf8')).equals(bytes);
}

/** journalctl -o json writes text that is no UTF-8, or holds control characters, as a list of numbers. */
function journalMessage(text: string): unknown {
  const bytes = Buffer.from(text, 'latin1');
  return isUtf8(text) && !/[\x00-\x08\x0b-\x1f\x7f]/.test(text) ? bytes.toString('utf8') : [...bytes];
}

function toByteString(json: string): string {
  return Buffer.from(json, 'utf8').toString('latin1');
}

function exported(text: string): string[] {
  if (!/[\n\x00-\x1f]/.test(text)) return [`MESSAGE=${text}`];
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return `MESSAGE\n${length.toString('latin1')}${text}`.split('\n');
}

export const FRAMINGS: readonly Framing[] = [
  { name: 'dmesg', frame: dmesg((seconds) => `${stamp(seconds)} `) },
  { name: 'dmesg with callers', frame: dmesg((seconds) => `${stamp(seconds)}[ T6736] `) },
  { name: 'dmesg -T', frame: dmesg((seconds) => `[Sun Nov 22 19:51:${second(seconds)} 2026] `) },
  { name: 'dmesg -T, German', frame: dmesg((seconds) => `[So Nov 22 19:51:${second(seconds)} 2026] `) },
  { name: 'dmesg -x', frame: dmesg((seconds) => `kern  :warn  : ${stamp(seconds)} `) },
  { name: 'dmesg -r', frame: repeated((seconds) => `<4>${stamp(seconds)} `), losesControls: true },
  { name: 'dmesg --time-format iso', frame: dmesg((seconds) => `${iso(seconds).replace('.', ',')}+00:00 `) },
  { name: 'serial console', frame: repeated((seconds) => `${stamp(seconds)} `), losesControls: true },
  {
    name: 'syslog, RFC 3164',
    frame: repeated((seconds) => `Nov 22 19:51:${second(seconds)} db01 kernel: ${stamp(seconds)} `),
    losesControls: true,
  },
  {
    name: 'syslog without the kernel time',
    frame: repeated((seconds) => `Nov  2 19:51:${second(seconds)} db01 kernel: `),
    losesControls: true,
  },
  {
    name: 'syslog, ISO',
    frame: repeated((seconds) => `${iso(seconds)}+00:00 db01 kernel: ${stamp(seconds)} `),
    losesControls: true,
  },
  {
    name: 'syslog with escapes',
    frame: (text, seconds) => [
      `Nov 22 19:51:${second(seconds)} db01 kernel: ${stamp(seconds)} ${text.replace(/[\x00-\x1f\x7f]/g, (byte) => `#${byte.charCodeAt(0).toString(8).padStart(3, '0')}`)}`,
    ],
  },
  {
    name: 'busybox syslogd',
    frame: repeated((seconds) => `Nov 22 19:51:${second(seconds)} db01 kern.err kernel: ${stamp(seconds)} `),
    losesControls: true,
  },
  {
    name: 'OpenWrt logread',
    frame: repeated((seconds) => `Sun Nov 22 19:51:${second(seconds)} 2026 kern.warn kernel: ${stamp(seconds)} `),
    losesControls: true,
  },
  { name: 'Talos', frame: repeated((seconds) => `kern:     err: [${iso(seconds)}Z]: `), losesControls: true },
  {
    name: 'journalctl -o short',
    frame: padded((seconds) => `Nov 22 19:51:${second(seconds)} db01 kernel: `),
    losesControls: true,
  },
  {
    name: 'journalctl -o short-iso',
    frame: padded((seconds) => `2026-11-22T19:51:${second(seconds)}+0000 db01 kernel: `),
    losesControls: true,
  },
  {
    name: 'journalctl -o short-full',
    frame: padded((seconds) => `Sun 2026-11-22 19:51:${second(seconds)} UTC db01 kernel: `),
    losesControls: true,
  },
  {
    name: 'journalctl -o short-precise',
    frame: padded((seconds) => `Nov 22 19:51:${second(seconds)}.123456 db01 kernel: `),
    losesControls: true,
  },
  {
    name: 'journalctl -o short-monotonic',
    frame: padded((seconds) => `${stamp(seconds)} db01 kernel: `),
    losesControls: true,
  },
  {
    name: 'journalctl -o short-unix',
    frame: padded((seconds) => `17953781${second(seconds)}.123456 db01 kernel: `),
    losesControls: true,
  },
  { name: 'journalctl -o cat', frame: (text) => text.split('\n'), losesControls: true, losesQuotes: true },
  {
    name: 'journalctl -o json',
    frame: (text, seconds) => [
      toByteString(
        JSON.stringify({
          _TRANSPORT: 'kernel',
          SYSLOG_IDENTIFIER: 'kernel',
          _SOURCE_MONOTONIC_TIMESTAMP: micros(seconds),
          MESSAGE: journalMessage(text),
        }),
      ),
    ],
  },
  {
    name: 'journalctl -o json-pretty',
    frame: (text, seconds) =>
      toByteString(
        JSON.stringify(
          { _TRANSPORT: 'kernel', _SOURCE_MONOTONIC_TIMESTAMP: micros(seconds), MESSAGE: journalMessage(text) },
          null,
          '\t',
        ).replaceAll('": ', '" : '),
      ).split('\n'),
  },
  {
    name: 'journalctl -o export',
    frame: (text, seconds) => [
      `__CURSOR=s=1;i=${micros(seconds)}`,
      '_TRANSPORT=kernel',
      `_SOURCE_MONOTONIC_TIMESTAMP=${micros(seconds)}`,
      ...exported(text),
      '',
    ],
  },
  {
    name: 'journalctl -o verbose',
    frame: (text, seconds) => [
      `Sun 2026-11-22 19:51:${second(seconds)}.123456 UTC [s=184d;i=5ef;b=1;m=1;t=1;x=1]`,
      '    _TRANSPORT=kernel',
      ...text.split('\n').map((piece, at) => (at === 0 ? '    MESSAGE=' : ' '.repeat(12)) + piece),
    ],
    losesControls: true,
  },
  { name: '/dev/kmsg', frame: (text, seconds) => [`4,539,${micros(seconds)},-;${escapeKmsg(text)}`, ' SUBSYSTEM=pci'] },
  {
    name: '/dev/kmsg with callers',
    frame: (text, seconds) => [`4,539,${micros(seconds)},-,caller=T12845;${escapeKmsg(text)}`],
  },
  {
    name: 'containerd log of a pod',
    frame: repeated((seconds) => `${iso(seconds)}789Z stdout F ${stamp(seconds)} `),
    losesControls: true,
  },
  {
    name: "Docker's json-file",
    frame: (text, seconds) =>
      text.split('\n').map((piece) =>
        toByteString(
          JSON.stringify({
            log: `${stamp(seconds)} ${Buffer.from(piece, 'latin1').toString('utf8')}\n`,
            stream: 'stdout',
            time: `${iso(seconds)}789Z`,
          }),
        ),
      ),
    losesBytes: true,
    losesBreaks: true,
  },
  { name: 'dmesg -d', frame: dmesg((seconds) => `[${seconds.toFixed(6).padStart(12)} <    0.010000>] `) },
  {
    name: 'journalctl -o short-delta',
    frame: padded((seconds) => `[${seconds.toFixed(6).padStart(12)} <    0.010000 >] db01 kernel: `),
    losesControls: true,
  },
  {
    name: 'metalog',
    frame: repeated((seconds) => `Nov 22 19:51:${second(seconds)} [kernel] ${stamp(seconds)} `),
    losesControls: true,
  },
  {
    name: 'Loki export',
    frame: (text, seconds) =>
      text.split('\n').map((piece) =>
        toByteString(
          JSON.stringify({
            line: `${stamp(seconds)} ${Buffer.from(piece, 'latin1').toString('utf8')}`,
            timestamp: iso(seconds),
          }),
        ),
      ),
    losesBytes: true,
    losesBreaks: true,
  },
  {
    name: 'Google Cloud export',
    frame: (text, seconds) =>
      text.split('\n').map((piece) =>
        toByteString(
          JSON.stringify({
            jsonPayload: { message: `${stamp(seconds)} ${Buffer.from(piece, 'latin1').toString('utf8')}` },
          }),
        ),
      ),
    losesBytes: true,
    losesBreaks: true,
  },
  { name: 'quoted in a mail', frame: repeated((seconds) => `> ${stamp(seconds)} `), losesControls: true },
  { name: 'indented', frame: repeated((seconds) => `    ${stamp(seconds)} `), losesControls: true },
  {
    name: 'with carriage returns',
    frame: (text, seconds) => text.split('\n').map((piece) => `${stamp(seconds)} ${piece}\r`),
    losesControls: true,
  },
  { name: 'in colours', frame: repeated((seconds) => `\x1b[32m${stamp(seconds)} \x1b[0m\x1b[1m`), losesControls: true },
];

/** The lines of a log that holds these messages, a hundredth of a second apart. */
export function frameAll(framing: Framing, messages: readonly string[], fromSeconds = 107.5): string[] {
  return messages.flatMap((text, at) => framing.frame(text, fromSeconds + at / 100));
}
