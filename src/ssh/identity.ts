import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';

import ssh2, {
  type AgentAuthMethod,
  type BaseAgent,
  type ParsedKey,
  type SignCallback,
  type SigningRequestOptions,
  type PublicKeyAuthMethod,
  type PublicKeyEntry,
} from 'ssh2';

import { judgeCertificate, type CertificateFile } from './certificate-check.ts';
import { certifiedKey } from './certificate-login.ts';
import { parseCertificateFile, type Certificate } from './certificate.ts';
import type { SshTarget } from './target.ts';

// A CommonJS package whose named exports Node cannot see.
const { createAgent, utils } = ssh2;

/** What to offer a server, best first, and in words; or why there is nothing to offer. */
export type Identity =
  | {
      kind: 'usable';
      methods: (PublicKeyAuthMethod | AgentAuthMethod)[];
      words: string;
      /** What to look at where the server refuses: a certificate may be why. null: there is none. */
      hint: string | null;
    }
  | { kind: 'problem'; reason: 'no-key' | 'locked-key' | 'unusable-key' | 'fido-key'; sentence: string };

export interface Identities {
  load: (target: SshTarget) => Promise<Identity>;
}

// sshd ends a connection after 6 refused keys (MaxAuthTries), and newer ones then shut out the whole source address.
const OFFERS_MAX = 4;
const CERTIFICATE_CHARS_MAX = 64 * 1024;
const DEFAULT_FILES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

/** Keys from files, each parsed once (bcrypt of an encrypted one takes 0.7 s and more, on the main thread), and from an agent. */
export function openIdentities(options: {
  passphrase: string | null;
  agentSocket: string | null;
  nowMs: () => number;
}): Identities {
  const parsed = new Map<string, { stamp: string; key: ParsedKey | Error }>();

  async function readKey(file: string): Promise<ParsedKey | Error | null> {
    try {
      const { mtimeMs, size, ino } = await stat(file);
      const stamp = `${mtimeMs}:${size}:${ino}`;
      const known = parsed.get(file);
      if (known?.stamp === stamp) return known.key;
      if (size > 1024 * 1024) return new Error('it is larger than 1 MiB');
      const key = parsePrivateKey(await readFile(file), options.passphrase);
      parsed.set(file, { stamp, key });
      return key;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  async function load(target: SshTarget): Promise<Identity> {
    const { user, identityFile, settings = {} } = target;
    const socket = settings.identityAgent === 'none' ? null : (settings.identityAgent ?? options.agentSocket);
    if (identityFile === null) return loadDefaults(user, settings.identitiesOnly === true ? null : socket);
    const files = [identityFile, ...(settings.moreIdentityFiles ?? [])].slice(0, OFFERS_MAX);
    return together(
      await Promise.all(files.map((file) => loadFile(user, file, socket, settings.certificateFile ?? null))),
    );
  }

  /** null: there is no such file. */
  async function readCertificate(file: string, isNamed: boolean): Promise<CertificateFile | null> {
    try {
      const text = await readFile(file, 'utf8');
      return { file, certificate: text.length > CERTIFICATE_CHARS_MAX ? null : parseCertificateFile(text) };
    } catch {
      return isNamed ? { file, certificate: null } : null;
    }
  }

  async function loadFile(
    username: string,
    file: string,
    agentSocket: string | null,
    certificateFile: string | null,
  ): Promise<Identity> {
    const key = await readKey(file);
    const held = await readCertificate(certificateFile ?? `${file}-cert.pub`, certificateFile !== null);
    if (key !== null && !(key instanceof Error)) {
      const judged = held === null ? null : judgeCertificate(held, username, key.getPublicSSH(), options.nowMs());
      const certificate = judged?.certificate ?? null;
      return {
        kind: 'usable',
        // As OpenSSH: the certificate first, then the key alone.
        methods: [...(certificate === null ? [] : [certifiedKey(key, certificate)]), key].map((one) => ({
          type: 'publickey',
          username,
          key: one,
        })),
        words: certificate === null ? file : `${file} and its certificate`,
        hint: judged?.hint ?? null,
      };
    }
    // As OpenSSH: the agent may hold the key whose public half lies beside an encrypted or absent private one.
    const wanted = agentSocket === null ? null : await readPublicKey(`${file}.pub`);
    if (agentSocket !== null && wanted !== null) {
      const agent = agentWith(agentSocket, (blob) => blob.equals(wanted));
      const judged = held === null ? null : judgeCertificate(held, username, wanted, options.nowMs());
      if (judged?.certificate != null) offerCertificate(agent, wanted, judged.certificate);
      return {
        kind: 'usable',
        methods: [{ type: 'agent', username, agent }],
        words: `${file} (agent)${judged?.certificate == null ? '' : ' and its certificate'}`,
        hint: judged?.hint ?? null,
      };
    }
    if (key === null)
      return {
        kind: 'problem',
        reason: 'no-key',
        sentence: `the key file ${file} does not exist; make it with: ssh-keygen -t ed25519 -f ${file}`,
      };
    return problemWith(file, key);
  }

  async function loadDefaults(username: string, agentSocket: string | null): Promise<Identity> {
    const methods: (PublicKeyAuthMethod | AgentAuthMethod)[] = [];
    const words: string[] = [];
    let problem: Identity | null = null;
    for (const name of DEFAULT_FILES) {
      const file = path.join(homedir(), '.ssh', name);
      const key = await readKey(file);
      if (key instanceof Error) problem ??= problemWith(file, key);
      if (key === null || key instanceof Error) continue;
      methods.push({ type: 'publickey', username, key });
      words.push(file);
    }
    if (agentSocket !== null) {
      let offers = OFFERS_MAX - methods.length;
      methods.unshift({ type: 'agent', username, agent: agentWith(agentSocket, () => offers-- > 0) });
      words.unshift('the agent');
    }
    if (methods.length === 0 && problem !== null) return problem;
    if (methods.length === 0) {
      return {
        kind: 'problem',
        reason: 'no-key',
        sentence: 'there is no key to log in with; set ssh.identityFile, or SSH_AUTH_SOCK to an agent',
      };
    }
    return { kind: 'usable', methods, words: words.join(', '), hint: null };
  }

  return { load };
}

/** Those that can be used, in their order; where none can, what is wrong with the first. */
function together(all: readonly Identity[]): Identity {
  const usable = all.filter((one) => one.kind === 'usable');
  const [first] = all;
  if (usable.length === 0 && first !== undefined) return first;
  return {
    kind: 'usable',
    // A certificate and its key are two offers.
    methods: usable.flatMap((one) => one.methods).slice(0, OFFERS_MAX),
    words: usable.map((one) => one.words).join(', '),
    hint: usable.find((one) => one.hint !== null)?.hint ?? null,
  };
}

function parsePrivateKey(text: Buffer, passphrase: string | null): ParsedKey | Error {
  const result = utils.parseKey(text, passphrase ?? undefined);
  const key = Array.isArray(result) ? (result as ParsedKey[])[0] : result;
  if (key === undefined) return new Error('it holds no key');
  if (!(key instanceof Error) && !key.isPrivateKey()) return new Error('it is a public key, the private one is needed');
  return key;
}

/** A file that is there, and holds no key that can be used. */
function problemWith(file: string, { message }: Error): Identity {
  if (/\bsk-(?:ssh|ecdsa)-/.test(message))
    return {
      kind: 'problem',
      reason: 'fido-key',
      sentence: `the key file ${file} holds a FIDO key, which needs this machine’s own ssh: set transport: openssh for this host`,
    };
  const isLocked = /encrypted|passphrase|decrypt/i.test(message);
  const hint = isLocked ? '; set OOMBOT_SSH_PASSPHRASE to its passphrase' : '';
  return {
    kind: 'problem',
    reason: isLocked ? 'locked-key' : 'unusable-key',
    sentence: `the key file ${file} cannot be used: ${message}${hint}`,
  };
}

async function readPublicKey(file: string): Promise<Buffer | null> {
  try {
    const result = utils.parseKey(await readFile(file));
    const key = Array.isArray(result) ? (result as ParsedKey[])[0] : result;
    return key === undefined || key instanceof Error ? null : key.getPublicSSH();
  } catch {
    return null;
  }
}

/** The certificate beside the key that the agent holds; what signs is the key. */
function offerCertificate(agent: BaseAgent, wanted: Buffer, certificate: Certificate): void {
  const identities = agent.getIdentities.bind(agent);
  const sign = agent.sign.bind(agent);
  const plain = utils.parseKey(`${certificate.keyType} ${wanted.toString('base64')}`);
  if (plain instanceof Error) return;
  const key = certifiedKey(plain, certificate);
  agent.getIdentities = (done): void => identities((error, keys) => done(error, keys && [key, ...keys]));
  agent.sign = ((of: ParsedKey, data: Buffer, how: SigningRequestOptions, done: SignCallback): void => {
    if (of === key) sign(plain, data, certificate.keyType === 'ssh-rsa' ? { hash: 'sha512' } : {}, done);
    else sign(of, data, how, done);
  }) as BaseAgent['sign'];
}

/** An agent that shows only some of its keys: each one offered and refused counts against MaxAuthTries. */
function agentWith(socket: string, wanted: (blob: Buffer) => boolean): BaseAgent {
  const agent = createAgent(socket);
  const all = agent.getIdentities.bind(agent);
  agent.getIdentities = (done): void => {
    all((error, keys) => {
      done(
        error,
        keys?.filter((key) => wanted(publicBlob(key))),
      );
    });
  };
  return agent;
}

function publicBlob(key: string | Buffer | ParsedKey | PublicKeyEntry | PublicKeyEntry['pubKey']): Buffer {
  if (Buffer.isBuffer(key)) return key;
  if (typeof key === 'object' && 'pubKey' in key) return publicBlob(key.pubKey);
  const parsed = typeof key === 'string' ? utils.parseKey(key) : key;
  return parsed instanceof Error ? Buffer.alloc(0) : parsed.getPublicSSH();
}
