import type { AgentAuthMethod, Client, ParsedKey, PublicKeyAuthMethod } from 'ssh2';

/** What of ssh2 (1.17.0) the choice of a signature needs, beside what it exports. */
interface Protocol {
  authPK: (user: string, key: ParsedKey, algorithm: string | undefined, sign?: unknown) => void;
  _handlers: { USERAUTH_FAILURE: (protocol: Protocol, methods: string[], isPartly: boolean) => void };
}
type Method = PublicKeyAuthMethod | AgentAuthMethod;

const SHA1 = 'ssh-rsa';
// sshd ends a connection after 6 refused keys (MaxAuthTries), some after fewer: these come when all others were refused.
const OFFERS_MAX = 5;
/** RSA keys as they are asked about once more, by their SHA-1 name. */
const twins = new WeakSet<object>();

/**
 * Adds to what is offered its RSA keys once more, by their SHA-1 name, after all others and as far as there is room: an sshd that takes no
 * other signature says of itself that it does (OpenSSH 9.2 with `PubkeyAcceptedAlgorithms ssh-rsa`), and refuses the key without a reason.
 */
export function askForSha1(methods: readonly Method[]): Method[] {
  let offers = 0;
  const again: Method[] = [];
  for (const method of methods) {
    if (method.type === 'publickey') {
      offers += 1;
      if (isRsa(method.key)) again.push({ ...method, key: twinOf(method.key) });
      continue;
    }
    const { agent } = method;
    if (typeof agent === 'string') continue;
    const identities = agent.getIdentities.bind(agent);
    let rsa: ParsedKey[] = [];
    agent.getIdentities = (done): void =>
      identities((error, keys) => {
        offers += keys?.length ?? 0;
        rsa = keys?.filter(isRsa) ?? [];
        done(error, keys);
      });
    const later = Object.create(agent) as typeof agent;
    later.getIdentities = (done): void => {
      const left = Math.max(0, OFFERS_MAX - offers);
      offers += Math.min(left, rsa.length);
      done(null, rsa.slice(0, left).map(twinOf));
    };
    again.push({ ...method, agent: later });
  }
  const files = again.filter(({ type }) => type === 'publickey');
  const room = Math.max(0, OFFERS_MAX - offers);
  offers += Math.min(room, files.length);
  return [...methods, ...files.slice(0, room), ...again.filter(({ type }) => type !== 'publickey')];
}

/** Has nothing signed with SHA-1 unless that is allowed. `onRefused`: it would have let the bot in. Call it after `connect`, which makes the protocol. */
export function judgeSha1(
  client: Client,
  { isAllowed, onRefused }: { isAllowed: boolean; onRefused: () => void },
): void {
  const protocol = (client as unknown as { _protocol?: Protocol })._protocol;
  if (protocol === undefined) return;
  const plainly = protocol.authPK.bind(protocol);
  const asked = new Set<string>();
  protocol.authPK = (user, key, algorithm, sign): void => {
    const isTwin = twins.has(key);
    if (!isTwin && algorithm !== SHA1) return plainly(user, key, algorithm, sign);
    const blob = key.getPublicSSH().toString('latin1');
    const isAnswered = sign !== undefined;
    if (isAnswered && !isAllowed) onRefused();
    // An old server, which names no signatures (RFC 8308), was asked about the key itself by this name.
    else if (isAnswered || !isTwin || !asked.has(blob)) {
      asked.add(blob);
      return plainly(user, key, SHA1, sign);
    }
    // As if the server had refused it: ssh2 goes on with what comes next.
    protocol._handlers.USERAUTH_FAILURE(protocol, ['publickey'], false);
  };
}

function isRsa(key: unknown): key is ParsedKey {
  return typeof key === 'object' && key !== null && 'type' in key && key.type === SHA1;
}

function twinOf(key: ParsedKey): ParsedKey {
  const twin = Object.create(key, {
    // Of this one ssh2 knows no better signature.
    type: { value: `${SHA1} by SHA-1` },
    sign: { value: (data: Buffer) => key.sign(data, 'sha1') },
  }) as ParsedKey;
  twins.add(twin);
  return twin;
}
