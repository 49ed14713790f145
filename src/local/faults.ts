/** What a test may make the next calls of one method suffer. */
export interface Fault {
  /** A Web API method, `response_url`, or `*`: any method. */
  method: string;
  /** How many calls; default 1. */
  times?: number;
  /** Answer with this status instead. 429 carries Retry-After. */
  status?: number;
  retryAfterSeconds?: number;
  /** `after`: the workspace did what was asked, and only the answer is bad. Default `before`. */
  when?: 'before' | 'after';
  /** Wait so long before the call is read. */
  delayMs?: number;
  /** Cut the connection instead of answering. */
  cut?: boolean;
}

export interface Faults {
  add: (fault: Fault) => void;
  /** true: the Web API and the sockets cut every connection, as if Slack were down. */
  refuseAll: (isDown: boolean) => void;
  isDown: () => boolean;
  /** Takes the fault that this call is to suffer. */
  take: (method: string) => Fault | null;
  clear: () => void;
}

/** `cutSockets` is called when the workspace goes down. */
export function openFaults(cutSockets: () => void): Faults {
  const queue: (Fault & { left: number })[] = [];
  let down = false;
  return {
    add(fault) {
      queue.push({ ...fault, left: fault.times ?? 1 });
    },
    refuseAll(isDown) {
      down = isDown;
      if (isDown) cutSockets();
    },
    isDown: () => down,
    take(method) {
      const fault = queue.find((one) => one.left > 0 && (one.method === method || one.method === '*'));
      if (fault === undefined) return null;
      fault.left -= 1;
      if (fault.left === 0) queue.splice(queue.indexOf(fault), 1);
      return fault;
    },
    clear() {
      queue.length = 0;
      down = false;
    },
  };
}
