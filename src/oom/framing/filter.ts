/** Turns the bytes of a container into those of plain lines, piece by piece; one character a byte. */
export interface Filter {
  push: (bytes: string) => string;
  end: () => string;
  /** How many lines were given in turned order, once all were; null or missing: they stand as in the input. */
  turnedLines?: () => number | null;
  /** What it leaves out is no log: the input may not be read without it. */
  leavesOut?: boolean;
}

const LINE_MAX = 1_048_576;

/** A filter that is given whole lines without their ends; what is not ended yet waits, a giant line in parts. */
export function openLines(take: (line: string) => string, end: () => string = () => ''): Filter {
  let rest = '';
  return {
    push: (bytes) => {
      const lines = (rest + bytes).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LINE_MAX) {
        lines.push(rest);
        rest = '';
      }
      let out = '';
      for (const line of lines) out += take(line.endsWith('\r') ? line.slice(0, -1) : line);
      return out;
    },
    end: () => (rest === '' ? '' : take(rest)) + end(),
  };
}
