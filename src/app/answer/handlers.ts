import type { Refusal } from '../../change/refusal.ts';
import type { Notice } from '../../notice/notice.ts';
import type { When } from './when-words.ts';
import type { Wanted } from '../change/propose-change.ts';

/** Who asks, and from where. `channelId` is null where there is no channel (App Home). */
export interface Requester {
  userId: string;
  channelId: string | null;
}

/** `file`: the text that a notice shows is better as a file, where a chat may send one. */
export type Answer = { kind: 'notice'; notice: Notice; file?: TextFile | null } | { kind: 'refused'; refusal: Refusal };

export interface TextFile {
  name: string;
  text: string;
  /** Messages that it belongs to. */
  threads: readonly { channel: string; ts: string }[];
}

export interface HostDraft {
  name: string;
  address: string;
  port: number;
  user: string | null;
  tags: string[];
}

/** A host's key as it was read over the network just now, for a person to compare. Nothing is stored yet. */
export interface HostKeySeen {
  keyType: string;
  /** `SHA256:…` as `ssh-keygen -lf` prints it. */
  fingerprint: string;
}

/** A protection that somebody asks for. `adj` null: the smallest value that changes the outcome; `keep`: as a standing rule. */
export interface ProtectAsk extends Wanted {
  host: string;
  incidentId: string | null;
}

/** The form for a protection, and what it is filled with. */
export interface ProtectForm {
  kind: 'form';
  form: 'protect';
  filled: { host: string; what: string; incidentId: string };
}

/**
 * What a chat can ask of the bot. Each answers with a notice or a refusal; a throw is a fault, and the chat then says so to whoever
 * asked. Rights are decided here, not in the chat.
 */
export interface Handlers {
  /** The newest incident of a host as a card, with a share button. */
  answerLast: (ask: { host: string }, requester: Requester) => Promise<Answer>;
  /** Kills over time of a host, a tag or (null) the fleet. */
  answerHistory: (ask: { target: string | null; forMs: number | null }, requester: Requester) => Promise<Answer>;
  /** The weekly digest now: of a host, a tag, a service or (null) the fleet. */
  answerReport: (ask: { target: string | null; forMs: number | null }, requester: Requester) => Promise<Answer>;
  /** Who dies next, live. */
  answerScores: (ask: { host: string; limit: number | null }, requester: Requester) => Promise<Answer>;
  /** Whether something was killed for memory, with the proof, or what is missing for one. */
  answerWhy: (ask: { host: string; what: string; when: When | null }, requester: Requester) => Promise<Answer>;
  /** Memory of a host over the last hours, with its kills. */
  answerMemory: (ask: { host: string; forMs: number | null }, requester: Requester) => Promise<Answer>;
  /** What of the settings of a host's programs fits there; `what` null: of all that hold much. */
  answerSize: (ask: { host: string; what: string | null }, requester: Requester) => Promise<Answer>;
  answerHosts: (requester: Requester) => Promise<Answer>;
  /** What is off on a host, or (null) on the fleet. */
  checkHosts: (ask: { host: string | null }, requester: Requester) => Promise<Answer>;
  /** Who did what, newest first, on a host or (null) anywhere. */
  answerAudit: (ask: { host: string | null }, requester: Requester) => Promise<Answer>;
  /** The host, tag or service that a word was probably meant to be; the word itself where nothing is near. */
  meantTarget: (word: string) => Promise<string>;
  answerHelp: (requester: Requester) => Promise<Answer>;
  mute: (ask: { target: string; forMs: number | null; why?: string | null }, requester: Requester) => Promise<Answer>;
  unmute: (ask: { target: string }, requester: Requester) => Promise<Answer>;
  /** Explains pasted text. */
  explain: (ask: { text: string }, requester: Requester) => Promise<Answer>;
  /** The card of an incident, for everybody in the channel. */
  share: (ask: { incidentId: string }, requester: Requester) => Promise<Answer>;
  /** Everything known about a kill of an incident (1: the newest), a page at a time: its task table, then the lines of its report. */
  fullReport: (ask: { incidentId: string; kill?: number; page?: number }, requester: Requester) => Promise<Answer>;
  /** An incident by its id or the beginning of it, with its kills, a page at a time (1, 2 …). */
  showIncident: (ask: { incident: string; page: number }, requester: Requester) => Promise<Answer>;
  /** Says in the incident's message who takes care of it. */
  ackIncident: (ask: { incident: string }, requester: Requester) => Promise<Answer>;
  /** Sends a marked example to a channel or webhook, or (null) to all, and says what became of it. */
  sendTest: (ask: { destination: string | null }, requester: Requester) => Promise<Answer>;
  /** Has the kernel kill a harmless process on a host, to try the way to its channel. Approvers and admins only. */
  drill: (ask: { host: string }, requester: Requester) => Promise<Answer>;
  /** The mute button of an incident: its service on its host, for one hour. */
  muteIncident: (ask: { incidentId: string }, requester: Requester) => Promise<Answer>;
  /** May this person add or remove hosts at all? Asked before a form is shown. */
  mayEditHosts: (requester: Requester) => Promise<Answer | null>;
  readHostKey: (
    draft: HostDraft,
    requester: Requester,
  ) => Promise<{ kind: 'key'; key: HostKeySeen } | { kind: 'refused'; refusal: Refusal }>;
  addHost: (draft: HostDraft, fingerprint: string, requester: Requester) => Promise<Answer>;
  removeHost: (ask: { host: string }, requester: Requester) => Promise<Answer>;
  /** Proposes a change with its proof; several matches are shown to choose from. */
  protect: (ask: ProtectAsk, requester: Requester) => Promise<Answer>;
  /** Proposes the way back. */
  unprotect: (ask: { host: string; what: string; why: string | null }, requester: Requester) => Promise<Answer>;
  /** What the form for an incident's victim is filled with. */
  protectForm: (
    ask: { incidentId: string },
    requester: Requester,
  ) => Promise<ProtectForm | { kind: 'refused'; refusal: Refusal }>;
  approve: (ask: { changeId: string }, requester: Requester) => Promise<Answer>;
  /** By an approver; by the proposer it is taken back. */
  decline: (ask: { changeId: string }, requester: Requester) => Promise<Answer>;
  undo: (ask: { changeId: string }, requester: Requester) => Promise<Answer>;
  answerPending: (requester: Requester) => Promise<Answer>;
  /** Standing protections of a host or (null) of all. */
  answerRules: (ask: { host: string | null }, requester: Requester) => Promise<Answer>;
  editRule: (ask: { rule: string; to: 'active' | 'paused' | 'ended' }, requester: Requester) => Promise<Answer>;
  /** App Home: the fleet, last kills. */
  answerHome: (requester: Requester) => Promise<Notice>;
}
