/** A block as it is shown: every block has its id, every interactive element its action_id. */
export type Block = { type: string; block_id: string } & Record<string, unknown>;

export interface Content {
  text: string;
  blocks: Block[];
}

export interface Message extends Content {
  channel: string;
  /** Slack's time stamp: seconds with six decimals, the name of a message in its channel. */
  ts: string;
  user: string;
  threadTs: string | null;
  /** A reply that is also shown in the channel. */
  isBroadcast: boolean;
  metadata: { event_type: string; event_payload: Record<string, unknown> } | null;
  editedTs: string | null;
  /** Only this person sees it; it is in no history. */
  onlyFor: string | null;
  replies: { count: number; users: string[]; latestTs: string | null };
}
