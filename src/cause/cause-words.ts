import { sayKiB } from '../oom/units.ts';

/** A name of a process, group or package inside a sentence: set in quotation marks when it could be mistaken for our words. */
export function sayName(name: string): string {
  return /^[A-Za-z0-9_.:/@+-]{1,200}$/.test(name) ? name : `“${name.slice(0, 200)}”`;
}

/** `5.9 GiB, 50 %`. */
export function sayPart(kiB: number, ofKiB: number): string {
  return `${sayKiB(kiB)}, ${sayPercent(kiB / ofKiB)}`;
}

/** `50 %`, `3.2 %`. */
export function sayPercent(share: number): string {
  const percent = share * 100;
  return `${percent > 0 && percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

/** `mysqld`, or `15 × php-fpm`. */
export function sayTasks(name: string, count: number): string {
  return count === 1 ? sayName(name) : `${count} × ${sayName(name)}`;
}

/** `40 s`, `12 min`, `1 h 50 min`. */
export function saySpan(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
