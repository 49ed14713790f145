import { connect } from 'node:net';

import ssh2, {
  type BaseAgent,
  type ParsedKey,
  type PublicKeyEntry,
  type SignCallback,
  type SigningRequestOptions,
} from 'ssh2';

import { certifiedKey } from './certificate-login.ts';
import { openReader, parseCertificate, type Certificate } from './certificate.ts';

// A CommonJS package whose named exports Node cannot see.
const { createAgent, utils } = ssh2;

// draft-ietf-sshm-ssh-agent, and AGENT_MAX_LEN of OpenSSH.
const REQUEST_IDENTITIES = Buffer.from([0, 0, 0, 1, 11]);
const IDENTITIES_ANSWER = 12;
const ANSWER_BYTES_MAX = 256 * 1024;
const ANSWER_MS = 3_000;
/** sk-ssh-ed25519@openssh.com, and its certificates. */
const FIDO_TYPE = /^sk-(?:ssh|ecdsa)-/;

/** A certificate to offer for a key of the agent. */
export interface AgentCertificate {
  certificate: Certificate;
  /** What the agent signs with: the certificate that it holds, or the plain key where the certificate is a file. */
  signsAs: 'certificate' | 'key';
}

/** What ssh2 leaves out of an agent's keys. */
export interface AgentKeys {
  /** Of users, in its order. */
  certificates: Certificate[];
  /** Whether it holds keys that only the program ssh can use, and no other. */
  fido: 'none' | 'some' | 'alone';
}

/** Nothing where it does not answer within three seconds. */
export async function readAgentKeys(socket: string): Promise<AgentKeys> {
  const answer = await readIdentities(socket);
  const certificates: Certificate[] = [];
  let [fidoKeys, otherKeys] = [0, 0];
  try {
    const read = openReader(answer ?? Buffer.alloc(0));
    for (let left = read.uint32(); left > 0; left--) {
      const blob = read.string();
      const certificate = parseCertificate(blob);
      read.string(); // the comment
      if (certificate?.kind === 'user') certificates.push(certificate);
      if (FIDO_TYPE.test(openReader(blob).string().toString('latin1'))) fidoKeys++;
      else otherKeys++;
    }
  } catch {
    // It is cut off: what came before counts.
  }
  return { certificates, fido: fidoKeys === 0 ? 'none' : otherKeys === 0 ? 'alone' : 'some' };
}

/** What follows the type of the agent's answer; null: there is none. */
function readIdentities(path: string): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let received = Buffer.alloc(0);
    function done(answer: Buffer | null): void {
      clearTimeout(late);
      socket.destroy();
      resolve(answer);
    }
    const late = setTimeout(() => done(null), ANSWER_MS);
    socket.on('error', () => done(null));
    socket.on('close', () => done(null));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 5) return;
      const length = received.readUInt32BE();
      if (length > ANSWER_BYTES_MAX || received[4] !== IDENTITIES_ANSWER) done(null);
      else if (received.length >= 4 + length) done(received.subarray(5, 4 + length));
    });
    socket.write(REQUEST_IDENTITIES);
  });
}

/**
 * An agent that shows these certificates and only some of its keys: each one offered and refused counts against MaxAuthTries.
 * `wanted`: whether to show a plain key, by its blob.
 */
export function agentWith(
  socket: string,
  certificates: readonly AgentCertificate[],
  wanted: (blob: Buffer) => boolean,
): BaseAgent {
  const agent = createAgent(socket);
  const identities = agent.getIdentities.bind(agent);
  const sign = agent.sign.bind(agent);
  const signers = new Map<ParsedKey, { by: ParsedKey; options: SigningRequestOptions }>();
  for (const { certificate, signsAs } of certificates) {
    const plain = utils.parseKey(`${certificate.keyType} ${certificate.keyBlob.toString('base64')}`);
    if (plain instanceof Error) continue;
    const options: SigningRequestOptions = certificate.keyType === 'ssh-rsa' ? { hash: 'sha512' } : {};
    const by: ParsedKey =
      signsAs === 'key'
        ? plain
        : (Object.create(plain, { getPublicSSH: { value: () => certificate.blob } }) as ParsedKey);
    signers.set(certifiedKey(plain, certificate), { by, options });
  }
  agent.getIdentities = (done): void => {
    identities((error, keys) => {
      done(error, keys && [...signers.keys(), ...keys.filter((key) => wanted(publicBlob(key)))]);
    });
  };
  agent.sign = ((of: ParsedKey, data: Buffer, options: SigningRequestOptions, done: SignCallback): void => {
    const signer = signers.get(of);
    if (signer === undefined) sign(of, data, options, done);
    else sign(signer.by, data, signer.options, done);
  }) as BaseAgent['sign'];
  return agent;
}

function publicBlob(key: string | Buffer | ParsedKey | PublicKeyEntry | PublicKeyEntry['pubKey']): Buffer {
  if (Buffer.isBuffer(key)) return key;
  if (typeof key === 'object' && 'pubKey' in key) return publicBlob(key.pubKey);
  const parsed = typeof key === 'string' ? utils.parseKey(key) : key;
  return parsed instanceof Error ? Buffer.alloc(0) : parsed.getPublicSSH();
}
