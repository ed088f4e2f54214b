import { table } from '../table.ts';

/** How commands lay out what they found for a person. */

export type Fact = readonly [label: string, value: string | null];

/** Label and value per line; what is null is left out. */
export function facts(rows: readonly Fact[]): string[] {
  const shown = rows.filter((row): row is readonly [string, string] => row[1] !== null);
  const width = Math.max(...shown.map(([label]) => label.length));
  return shown.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`);
}

/** A heading and its table, or nothing when there are no rows. */
export function section(
  title: string,
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  if (rows.length === 0) return [];
  return ['', title, ...table(heading, rows).map((line) => `  ${line}`)];
}

/** A table, or the sentence that there is nothing. */
export function listing(
  nothing: string,
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  return rows.length === 0 ? [nothing] : table(heading, rows);
}

export function adviceLines(advice: readonly string[]): string[] {
  return advice.length === 0 ? [] : ['', 'What to do', ...advice.map((line) => `  ${line}`)];
}

/** To the second, in UTC. */
export function instant(at: Date | null): string {
  return at === null ? '' : `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

const UNITS = [
  ['day', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;

/** An instant and how far it is: "2026-12-01 00:00:00 UTC, in 9 days". */
export function whenSeen(at: Date, now: Date): string {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1_000);
  const size = Math.abs(seconds);
  const [unit, length] = UNITS.find(([, unitLength]) => size >= unitLength) ?? ['s', 1];
  const count = Math.round(size / length);
  const far = `${count} ${unit === 'day' && count !== 1 ? 'days' : unit}`;
  return `${instant(at)}, ${seconds >= 0 ? `in ${far}` : `${far} ago`}`;
}

export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n.toLocaleString('en')} ${n === 1 ? noun : plural}`;
}
