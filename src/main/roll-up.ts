import type { Database } from '../persistence/doors.ts';
import { leadRollUp, rollUp } from '../persistence/roll-up.ts';
import { noteTouched } from '../persistence/usage-touched.ts';
import type { Logger } from '../platform/logger.ts';
import { repeat } from './repeat.ts';

/** About how many events one transaction takes in: a fraction of a second, and short enough to be repeated. */
const EVENTS_AT_ONCE = 20_000;

export type RollUpOptions = { database: Database; logger: Logger; eachMs?: number };

/**
 * Keeps the hourly sub-totals of usage close behind the events. Every worker process runs one; the database decides which
 * of them works. Answers do not wait for it: what it has not seen yet is counted from the events, at more cost.
 */
export function startRollUp({ database, logger, eachMs = 1_000 }: RollUpOptions): AsyncDisposable {
  const stopping = new AbortController();
  const work = () =>
    database.asSystem('roll up', async (tx) => {
      if (!(await leadRollUp(tx))) return false;
      const { more, touched } = await rollUp(tx, EVENTS_AT_ONCE);
      await noteTouched(tx, touched);
      return more;
    });
  const loop = repeat({ name: 'roll up', eachMs, logger, signal: stopping.signal, work });
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await loop;
    },
  };
}
