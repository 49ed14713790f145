/** Turns the bytes of a container into those of plain lines, piece by piece; one character a byte. */
export interface Filter {
  push: (bytes: string) => string;
  end: () => string;
  /** How many lines were given in turned order, once all were; null or missing: they stand as in the input. */
  turnedLines?: () => number | null;
}
