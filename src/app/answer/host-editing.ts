import type { Refusal } from '../../change/refusal.ts';
import { describeHostEdited } from '../../notice/answer/answer-notice.ts';
import type { AnswersWorld, HostEditing } from './answers-world.ts';
import type { Answer, Handlers, HostDraft } from './handlers.ts';
import { nearest } from '../nearest.ts';
import type { Rights } from './rights.ts';

const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/;
const TAGS_MAX = 20;

// As in the configuration file. A leading dash would be an option to ssh in commands that people copy.
const FIELDS = {
  name: { fits: /^[A-Za-z0-9][\w.-]{0,63}$/, expected: 'letters, digits, dots, dashes and underscores, at most 64' },
  address: { fits: /^[A-Za-z0-9:_][\w.:%-]{0,252}$/, expected: 'a host name or an IP address' },
  user: { fits: /^[A-Za-z0-9_][\w.@+$-]{0,63}$/, expected: 'a login name' },
  tag: { fits: /^[A-Za-z0-9][\w.-]{0,49}$/, expected: 'letters, digits, dots, dashes and underscores, at most 50' },
} as const;

/** Hosts added and removed at run time, by admins only; what the person confirmed is checked again before it is kept. */
export function openHostEditing(
  { store, fleet, clock, settings, editing }: AnswersWorld,
  rights: Rights,
): Pick<Handlers, 'mayEditHosts' | 'readHostKey' | 'addHost' | 'removeHost'> {
  /** One edit after the other: two admins may add the same name. */
  let last: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  }

  async function allowed(userId: string): Promise<{ edit: HostEditing } | Refusal> {
    const refusal = await rights.refuseEditing(userId);
    if (refusal) return refusal;
    return editing === null ? { kind: 'stale', what: 'This form' } : { edit: editing };
  }

  async function mayEditHosts({ userId }: { userId: string }): Promise<Answer | null> {
    const refusal = await rights.refuseEditing(userId);
    return refusal ? { kind: 'refused', refusal } : null;
  }

  async function refuseDraft(draft: HostDraft): Promise<Refusal | null> {
    const wrong = wrongField(draft);
    if (wrong) return wrong;
    return (await isTaken(draft.name)) ? { kind: 'host-exists', host: draft.name } : null;
  }

  async function isTaken(name: string): Promise<boolean> {
    const taken = [...settings().hosts, ...fleet.hosts(), ...(await store.addedHosts())];
    return taken.some((host) => host.name.toLowerCase() === name.toLowerCase());
  }

  async function readKey(edit: HostEditing, draft: HostDraft): ReturnType<Handlers['readHostKey']> {
    const read = await edit.readHostKey(draft);
    if (read.kind === 'key') return read;
    const address = draft.port === 22 ? draft.address : `${draft.address} port ${draft.port}`;
    return { kind: 'refused', refusal: { kind: 'host-key-unread', address, reason: read.sentence } };
  }

  async function readHostKey(draft: HostDraft, { userId }: { userId: string }): ReturnType<Handlers['readHostKey']> {
    const may = await allowed(userId);
    if ('kind' in may) return { kind: 'refused', refusal: may };
    const refusal = await refuseDraft(draft);
    return refusal ? { kind: 'refused', refusal } : readKey(may.edit, draft);
  }

  async function addHost(draft: HostDraft, fingerprint: string, { userId }: { userId: string }): Promise<Answer> {
    const may = await allowed(userId);
    if ('kind' in may) return { kind: 'refused', refusal: may };
    if (!FINGERPRINT.test(fingerprint))
      return bad('fingerprint', fingerprint, 'SHA256: and 43 characters, as ssh-keygen -lf prints');
    return inTurn(async () => {
      const refusal = await refuseDraft(draft);
      if (refusal) return { kind: 'refused', refusal };
      const read = await readKey(may.edit, draft);
      if (read.kind === 'refused') return read;
      const found = read.key.fingerprint;
      if (found !== fingerprint) {
        const changed = { kind: 'host-key-changed', host: draft.name, confirmed: fingerprint, found } as const;
        return { kind: 'refused', refusal: changed };
      }
      const { name, address, port, user } = draft;
      const tags = [...new Set(draft.tags)];
      const atMs = clock.nowMs();
      await store.putHost({ name, address, port, user, tags, fingerprint, addedBy: userId, addedAtMs: atMs });
      const details = { address, port, user, tags, fingerprint };
      await store.appendAudit({ atMs, actor: userId, action: 'add-host', host: name, details });
      await may.edit.hostsChanged();
      return { kind: 'notice', notice: describeHostEdited(name, 'added', userId) };
    });
  }

  async function removeHost({ host }: { host: string }, { userId }: { userId: string }): Promise<Answer> {
    const may = await allowed(userId);
    if ('kind' in may) return { kind: 'refused', refusal: may };
    return inTurn(async () => {
      const added = (await store.addedHosts()).map((one) => one.name);
      if (!added.includes(host)) {
        const configured = settings().hosts.some((one) => one.name === host);
        if (configured) return { kind: 'refused', refusal: { kind: 'host-from-file', host } };
        return {
          kind: 'refused',
          refusal: { kind: 'unknown-host', host, nearest: nearest(host, added), known: added },
        };
      }
      await store.removeHost(host);
      await store.appendAudit({ atMs: clock.nowMs(), actor: userId, action: 'remove-host', host, details: {} });
      await may.edit.hostsChanged();
      return { kind: 'notice', notice: describeHostEdited(host, 'removed', userId) };
    });
  }

  return { mayEditHosts, readHostKey, addHost, removeHost };
}

export interface HostMistake {
  field: 'name' | 'address' | 'port' | 'user' | 'tags';
  /** What it should have been, as a sentence calls it. */
  what: string;
  given: string;
  expected: string;
}

/** What is wrong with a new host by its text alone: the same rules for a form and for what is kept. */
export function hostMistakes({ name, address, port, user, tags }: HostDraft): HostMistake[] {
  const texts: [HostMistake['field'], keyof typeof FIELDS, string][] = [
    ['name', 'name', name],
    ['address', 'address', address],
    ...(user === null ? [] : [['user', 'user', user] as ['user', 'user', string]]),
    ...tags.map((tag): ['tags', 'tag', string] => ['tags', 'tag', tag]),
  ];
  const mistakes = texts
    .filter(([, rule, given]) => !FIELDS[rule].fits.test(given))
    .map(([field, rule, given]): HostMistake => ({ field, what: rule, given, expected: FIELDS[rule].expected }));
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    mistakes.push({ field: 'port', what: 'port', given: String(port), expected: 'a number from 1 to 65535' });
  if (tags.length > TAGS_MAX)
    mistakes.push({ field: 'tags', what: 'list of tags', given: tags.join(' '), expected: `at most ${TAGS_MAX}` });
  return mistakes;
}

function wrongField(draft: HostDraft): Refusal | null {
  const [first] = hostMistakes(draft);
  return first ? { kind: 'bad-value', name: first.what, given: first.given, expected: first.expected } : null;
}

function bad(name: string, given: string, expected: string): Answer {
  return { kind: 'refused', refusal: { kind: 'bad-value', name, given, expected } };
}
