export interface Line {
  /** Rise in y for one of x. */
  slope: number;
  /** y at x = 0. */
  intercept: number;
  /** Share of the spread of y that the line explains, 0 to 1. */
  r2: number;
}

/** The straight line nearest to the points, by least squares. null below two points, or where x or y is the same in all. */
export function fitLine(points: readonly { x: number; y: number }[]): Line | null {
  const count = points.length;
  if (count < 2) return null;
  const meanX = points.reduce((sum, point) => sum + point.x, 0) / count;
  const meanY = points.reduce((sum, point) => sum + point.y, 0) / count;
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (const { x, y } of points) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
    yy += (y - meanY) ** 2;
  }
  if (!(xx > 0) || !(yy > 0)) return null;
  const slope = xy / xx;
  return { slope, intercept: meanY - slope * meanX, r2: Math.min(1, (xy * xy) / (xx * yy)) };
}

/** The middle value; the mean of the two middle ones where their number is even. 0 for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
