export const KIB_PER_MIB = 1_024;
export const MIB_PER_GIB = 1_024;
export const BYTES_PER_MIB = 1_048_576;

/** KiB as people read it: `512 KiB`, `143 MiB`, `5.9 GiB`. Three significant digits at most. */
export function sayKiB(kiB: number): string {
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = Math.abs(kiB);
  let at = 0;
  // 999.5 would be printed as 1000 (or 1,000): the next unit reads better.
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1_024;
    at += 1;
  }
  const digits = value >= 9.95 || Number.isInteger(value) ? 0 : 1;
  return `${kiB < 0 ? '-' : ''}${value.toFixed(digits).replace(/\.0$/, '')} ${units[at]}`;
}
