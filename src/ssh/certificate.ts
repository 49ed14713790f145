// An OpenSSH certificate (PROTOCOL.certkeys): what a CA says of a key, in SSH's own binary form.
export interface Certificate {
  kind: 'user' | 'host';
  /** `ssh-ed25519-cert-v01@openssh.com` */
  type: string;
  /** `ssh-ed25519` */
  keyType: string;
  /** The certificate itself, and the plain public key in it. */
  blob: Buffer;
  keyBlob: Buffer;
  serial: bigint;
  /** The CA's text. */
  keyId: string;
  /** Empty: everybody. */
  principals: string[];
  /** By the clock; the end is exclusive. Infinity: for ever. */
  validFromMs: number;
  validUntilMs: number;
  hasCriticalOptions: boolean;
  /** The CA's public key, what it signed, and its signature. */
  caBlob: Buffer;
  signed: Buffer;
  signature: { name: string; bytes: Buffer };
}

/** Fields of the key itself, between nonce and serial. */
const KEY_FIELDS: Record<string, number> = {
  'ssh-ed25519': 1,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
  'ssh-rsa': 2,
};
const SUFFIX = '-cert-v01@openssh.com';
const FOREVER = 0xffff_ffff_ffff_ffffn;

/** null: it is no certificate, of no known kind of key, or cut off. The CA's signature over it is not checked here. */
export function parseCertificate(blob: Buffer): Certificate | null {
  try {
    const read = openReader(blob);
    const type = read.string().toString('latin1');
    const keyType = type.endsWith(SUFFIX) ? type.slice(0, -SUFFIX.length) : '';
    const fieldCount = Object.hasOwn(KEY_FIELDS, keyType) ? (KEY_FIELDS[keyType] ?? 0) : 0;
    if (fieldCount === 0) return null;
    read.string(); // nonce
    const fields = Array.from({ length: fieldCount }, () => read.string());
    const serial = read.uint64();
    const kind = read.uint32();
    const keyId = read.string().toString('latin1');
    const principals = read.string();
    const [validFrom, validUntil] = [read.uint64(), read.uint64()];
    const criticalOptions = read.string();
    for (let rest = 0; rest < 2; rest++) read.string(); // extensions, reserved
    const caBlob = read.string();
    const signed = blob.subarray(0, read.at());
    const signature = openReader(read.string());
    if ((kind !== 1 && kind !== 2) || !read.isAtEnd()) return null;
    const names = openReader(principals);
    const named: string[] = [];
    while (!names.isAtEnd()) named.push(names.string().toString('latin1'));
    return {
      kind: kind === 1 ? 'user' : 'host',
      type,
      keyType,
      blob,
      keyBlob: Buffer.concat([Buffer.from(keyType), ...fields].map(sshString)),
      serial,
      keyId,
      principals: named,
      validFromMs: Number(validFrom) * 1000,
      validUntilMs: validUntil === FOREVER ? Infinity : Number(validUntil) * 1000,
      hasCriticalOptions: criticalOptions.length > 0,
      caBlob,
      signed,
      signature: { name: signature.string().toString('latin1'), bytes: signature.string() },
    };
  } catch {
    return null; // A field that is longer than what is left.
  }
}

/** The first certificate in the text of a `-cert.pub` file; null: there is none. */
export function parseCertificateFile(text: string): Certificate | null {
  const [type = '', base64 = ''] = text.trim().split(/\s+/);
  return type.endsWith(SUFFIX) ? parseCertificate(Buffer.from(base64, 'base64')) : null;
}

/** Length and bytes (RFC 4251, 5). */
export function sshString(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Reads numbers and strings of SSH's binary form, one after the other; throws where it is cut off. */
export function openReader(bytes: Buffer) {
  let at = 0;
  function take(length: number): Buffer {
    if (at + length > bytes.length) throw new RangeError('cut off');
    at += length;
    return bytes.subarray(at - length, at);
  }
  return {
    uint32: () => take(4).readUInt32BE(),
    uint64: () => take(8).readBigUInt64BE(),
    string: () => take(take(4).readUInt32BE()),
    at: () => at,
    isAtEnd: () => at === bytes.length,
  };
}
