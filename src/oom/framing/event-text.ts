// Kubernetes' node-problem-detector repeats a kernel line as an event, which people paste instead of the log:
//   Message:(combined from similar events): Memory cgroup out of memory: Killed process …        a console's detail view
//   message: 'Memory cgroup out of memory: Killed process …'                                     kubectl -o yaml
//   Warning  OOMKilling  28s (x3 over 2m)  kernel-monitor  Memory cgroup out of memory: …        kubectl describe, get events
const FIELD = /^\s*(?:- )?[Mm]essage:\s*['"]?(?:\(combined from similar events\): ?)?/;
const REASON = /OOMKilling\W/;
const KERNEL_TEXT = /(?:Memory cgroup o|O)ut of memory: (?:OOM )?[Kk]ill/;

/** The kernel's text in a line of such an event, or null. */
export function readEventText(raw: string): string | null {
  const field = raw.includes('essage:') ? FIELD.exec(raw) : null;
  if (field !== null) return raw.slice(field[0].length).replace(/['"]\s*$/, '');
  const reason = raw.includes('OOMKilling') ? raw.search(REASON) : -1;
  const start = reason < 0 ? -1 : raw.search(KERNEL_TEXT);
  return start > reason ? raw.slice(start) : null;
}
