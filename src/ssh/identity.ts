import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';

import ssh2, { type AgentAuthMethod, type ParsedKey, type PublicKeyAuthMethod } from 'ssh2';

import { agentWith, readAgentKeys, type AgentCertificate } from './agent.ts';
import { judgeCertificate, type FoundCertificate } from './certificate-check.ts';
import { certifiedKey } from './certificate-login.ts';
import { parseCertificateFile, type Certificate } from './certificate.ts';
import { printable } from './login-failure.ts';
import type { SshTarget } from './target.ts';

// A CommonJS package whose named exports Node cannot see.
const { utils } = ssh2;

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
    const held = socket === null ? [] : (await readAgentKeys(socket)).certificates;
    return together(
      await Promise.all(files.map((file) => loadFile(user, file, socket, held, settings.certificateFile ?? null))),
    );
  }

  /** null: there is no such file. */
  async function readCertificate(file: string, isNamed: boolean): Promise<FoundCertificate | null> {
    try {
      const text = await readFile(file, 'utf8');
      const certificate = text.length > CERTIFICATE_CHARS_MAX ? null : parseCertificateFile(text);
      return { called: file, certificate, isInAgent: false };
    } catch {
      return isNamed ? { called: file, certificate: null, isInAgent: false } : null;
    }
  }

  /** `held`: the certificates of the agent, of which those of this key count. */
  async function loadFile(
    username: string,
    file: string,
    agentSocket: string | null,
    held: readonly Certificate[],
    certificateFile: string | null,
  ): Promise<Identity> {
    const key = await readKey(file);
    const isUsable = key !== null && !(key instanceof Error);
    // As OpenSSH: the agent may hold the key whose public half lies beside an encrypted or absent private one.
    const publicKey = isUsable ? key.getPublicSSH() : agentSocket === null ? null : await readPublicKey(`${file}.pub`);
    if (publicKey === null) {
      if (await isFidoKey(file)) return fidoProblem(`the key file ${file} holds a FIDO key, which needs`);
      if (key instanceof Error) return problemWith(file, key);
      return {
        kind: 'problem',
        reason: 'no-key',
        sentence: `the key file ${file} does not exist; make it with: ssh-keygen -t ed25519 -f ${file}`,
      };
    }
    const beside = await readCertificate(certificateFile ?? `${file}-cert.pub`, certificateFile !== null);
    const inAgent = held.filter(({ keyBlob }) => keyBlob.equals(publicKey)).map(asFound);
    const found = [...(beside === null ? [] : [beside]), ...inAgent];
    const { usable, hint } = judgeAll(found, username, publicKey);
    const certified = usable.length === 0 ? '' : ` and its certificate${usable.length > 1 ? 's' : ''}`;
    // As OpenSSH: certificates first, then the key alone.
    if (isUsable)
      return {
        kind: 'usable',
        methods: [...usable.map(({ certificate }) => certifiedKey(key, certificate)), key].map((one) => ({
          type: 'publickey',
          username,
          key: one,
        })),
        words: `${file}${certified}`,
        hint,
      };
    const agent = agentWith(agentSocket ?? '', usable, (blob) => blob.equals(publicKey));
    return {
      kind: 'usable',
      methods: [{ type: 'agent', username, agent }],
      words: `${file} (agent)${certified}`,
      hint,
    };
  }

  /** Those that may be offered, and what to look at where the server refuses. `publicKey`: whose they must be; null: anybody's. */
  function judgeAll(
    found: readonly FoundCertificate[],
    username: string,
    publicKey: Buffer | null,
  ): { usable: AgentCertificate[]; hint: string | null } {
    const judged = found.map((one) => ({
      one,
      ...judgeCertificate(one, username, publicKey ?? one.certificate?.keyBlob ?? Buffer.alloc(0), options.nowMs()),
    }));
    const usable = judged.flatMap(({ one, certificate }): AgentCertificate[] =>
      certificate === null ? [] : [{ certificate, signsAs: one.isInAgent ? 'certificate' : 'key' }],
    );
    // The key alone is one offer more.
    const offered = usable.slice(0, OFFERS_MAX - 1);
    const why = judged.find(({ certificate }) => certificate !== null) ?? judged[0];
    return { usable: offered, hint: why?.hint ?? null };
  }

  async function loadDefaults(username: string, agentSocket: string | null): Promise<Identity> {
    const files = DEFAULT_FILES.map((name) => path.join(homedir(), '.ssh', name));
    const loaded = await Promise.all(files.map((file) => loadFile(username, file, null, [], null)));
    const usable = loaded.filter((one) => one.kind === 'usable');
    // Each key for certain, its certificates as far as there is room.
    let room = OFFERS_MAX - (agentSocket === null ? 0 : 1) - usable.length;
    const methods = usable.flatMap(({ methods: all }) => {
      const certified = all.slice(0, -1).slice(0, room);
      room -= certified.length;
      return [...certified, ...all.slice(-1)];
    });
    const words = usable.map((one) => one.words);
    const hints = usable.map((one) => one.hint);
    if (agentSocket !== null) {
      const held = await readAgentKeys(agentSocket);
      if (held.fido === 'alone' && usable.length === 0)
        return fidoProblem('all keys of the agent are FIDO keys, which need');
      const { usable: certificates, hint } = judgeAll(held.certificates.map(asFound), username, null);
      hints.unshift(hint ?? (held.fido === 'none' ? null : `The agent has a FIDO key, which needs ${FIDO_FIX}`));
      const offered = certificates.slice(0, OFFERS_MAX - methods.length);
      let left = OFFERS_MAX - methods.length - offered.length;
      methods.unshift({ type: 'agent', username, agent: agentWith(agentSocket, offered, () => left-- > 0) });
      words.unshift(offered.length === 0 ? 'the agent' : 'the agent and its certificates');
    }
    if (methods.length > 0)
      return { kind: 'usable', methods, words: words.join(', '), hint: hints.find((one) => one !== null) ?? null };
    const problem = loaded.find((one) => one.kind === 'problem' && one.reason !== 'no-key');
    return (
      problem ?? {
        kind: 'problem',
        reason: 'no-key',
        sentence: 'there is no key to log in with; set ssh.identityFile, or SSH_AUTH_SOCK to an agent',
      }
    );
  }

  return { load };
}

function asFound(certificate: Certificate): FoundCertificate {
  return { called: `"${printable(certificate.keyId)}" in the agent`, certificate, isInAgent: true };
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

const FIDO_FIX = 'this machine’s own ssh: set transport: openssh for this host';

function fidoProblem(what: string): Identity {
  return { kind: 'problem', reason: 'fido-key', sentence: `${what} ${FIDO_FIX}` };
}

/** By its public half: the file itself says what it is in the open, whatever encrypts the private one, and `.pub` does where there is no file. */
async function isFidoKey(file: string): Promise<boolean> {
  const [own, beside] = await Promise.all(
    [file, `${file}.pub`].map((one) => readFile(one, 'latin1').catch(() => null)),
  );
  if (own === null || own === undefined) return /^sk-(?:ssh|ecdsa)-/.test(beside ?? '');
  const base64 = /^-----BEGIN OPENSSH PRIVATE KEY-----\s+([\w+/=\s]{1,1000})/.exec(own)?.[1] ?? '';
  return /sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@/.test(Buffer.from(base64, 'base64').toString('latin1'));
}

/** A file that is there, and holds no key that can be used. */
function problemWith(file: string, { message }: Error): Identity {
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
