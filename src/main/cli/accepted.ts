import type { z } from 'zod';
import { Unusable } from './command.ts';

/** What the flags say, read with the schema of the API's body. Throws `Unusable` that names each flag and the remedy. */
export function accepted<T extends z.ZodType>(schema: T, flags: Record<string, unknown>): z.output<T> {
  const parsed = schema.safeParse(flags);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path, message }) => {
    const flag = String(path[0] ?? '').replaceAll('_', '-');
    return flags[String(path[0])] === undefined ? `--${flag} is missing.` : `--${flag}: ${message}`;
  });
  throw new Unusable([...new Set(lines)].join('\n'));
}
