import { sql } from 'kysely';
import type { Promised } from './promised.ts';

const HOUR_MS = 3_600_000;

/** Who wants to be told of use is told: promise 5 of `docs/promises.md`. */
export const ALERT_PROMISES: readonly Promised[] = [
  {
    // What could not be looked at is tried again every few minutes; after a day somebody has to mend its cause.
    promise: 'touched_usage_is_looked_at',
    sentence:
      'No change of use that somebody watches waits for an hour without anybody looking at it, or for a day because nobody can.',
    query: (at) => sql`
      select id, tenant_id, customer_id, meter_id, not_before, tries, last_error from usage_touched
      where tries = 0 and not_before < ${new Date(at.getTime() - HOUR_MS).toISOString()}
        or tries > 0 and created_at < ${new Date(at.getTime() - 24 * HOUR_MS).toISOString()}`,
  },
];
