/** Turns the bytes of a container into those of plain lines, piece by piece; one character a byte. */
export interface Filter {
  push: (bytes: string) => string;
  end: () => string;
}
