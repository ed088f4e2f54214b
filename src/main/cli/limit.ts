import { Unusable } from './command.ts';

const DEFAULT = 100;
const MAX = 10_000;

export const LIMIT = ['<n>', `at most so many; ${DEFAULT}, when absent`] as const;

export function limitOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX) return limit;
  throw new Unusable(`--limit: write a whole number from 1 to ${MAX}.`);
}
