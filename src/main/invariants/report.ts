import type { BrokenRow } from '../../persistence/invariants/promised.ts';
import { everyPromise, type Invariants } from './ask.ts';

/** The result as a person reads it: one line per promise, and below them the rows of those that are broken. */
export function report({ checked, broken, skipped }: Invariants): string {
  const counts = new Map(broken.map(({ promise, count }) => [promise, count]));
  const promises = everyPromise();
  const width = Math.max(...promises.map(({ promise }) => promise.length));
  const verdict = (promise: string) => {
    const count = counts.get(promise);
    if (count !== undefined) return `BROKEN ${count}`;
    return skipped.includes(promise) ? 'skipped' : 'kept';
  };
  const table = promises.map(
    ({ promise, sentence }) => `${verdict(promise).padEnd(10)}  ${promise.padEnd(width)}  ${sentence}`,
  );
  const details = broken.flatMap(({ promise, count, rows }) => [
    '',
    `${promise}: ${count === rows.length ? `${count} row${count === 1 ? '' : 's'}` : `the first ${rows.length} of ${count} rows`}`,
    ...rows.map((row) => `  ${facts(row)}`),
  ]);
  const end =
    broken.length === 0 ? `${checked} promises kept.` : `${broken.length} of ${checked} promises broken.`;
  return [...table, ...details, '', end].join('\n');
}

function facts(row: BrokenRow): string {
  return Object.entries(row)
    .map(([name, value]) => `${name}=${plain(value)}`)
    .join('  ');
}

function plain(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string' ? value : JSON.stringify(value);
}
