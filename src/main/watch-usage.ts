import { firstLine } from '../../activities/failure.ts';
import { presentFiring } from '../contract/alerts.ts';
import { presenters } from '../contract/presenters.ts';
import { firingsOver, resolveOver } from '../persistence/alert-firings.ts';
import type { Database } from '../persistence/doors.ts';
import {
  dueTouched,
  leadWatch,
  postponeTouched,
  type TouchedUsage,
  takeTouched,
  touchLater,
} from '../persistence/usage-touched.ts';
import { watchUsage } from '../persistence/watch-usage.ts';
import type { Logger } from '../platform/logger.ts';
import { repeat } from './repeat.ts';

const TOUCHED_AT_ONCE = 100;
const watching = { present: presenters, presentFiring };

export type WatchOptions = { database: Database; logger: Logger; eachMs?: number };

/**
 * Says what alerts and usage thresholds have to say of use that has changed, and that firings are over when their period
 * is. Every worker process runs one; the database decides which of them works. What a customer used is looked at in a
 * transaction of its own that also takes it off the queue: nothing is lost by a crash, nothing is said twice, and one
 * that cannot be looked at waits without keeping others waiting.
 */
export function startWatch({ database, logger, eachMs = 500 }: WatchOptions): AsyncDisposable {
  const stopping = new AbortController();
  const work = () => watch(database, logger, stopping.signal);
  const loop = repeat({ name: 'watch usage', eachMs, logger, signal: stopping.signal, work });
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await loop;
    },
  };
}

/** One round. The transaction around it holds the lead, and nothing else. Answers whether there is more to do at once. */
async function watch(database: Database, logger: Logger, signal: AbortSignal): Promise<boolean> {
  return database.asSystem('watch usage', async (tx) => {
    if (!(await leadWatch(tx))) return false;
    const due = await dueTouched(tx, TOUCHED_AT_ONCE);
    for (const touched of due) {
      if (signal.aborted) return false;
      await lookAt(database, logger, touched);
    }
    const over = await firingsOver(tx, TOUCHED_AT_ONCE);
    for (const { id, tenantId } of over)
      await database.withTenant(tenantId, (own) => resolveOver(own, id, presentFiring));
    return due.length === TOUCHED_AT_ONCE || over.length >= TOUCHED_AT_ONCE;
  });
}

async function lookAt(database: Database, logger: Logger, touched: TouchedUsage): Promise<void> {
  const { tenantId } = touched;
  try {
    await database.withTenant(tenantId, async (tx) => {
      if (!(await takeTouched(tx, touched))) return;
      if ((await watchUsage(tx, touched, watching)) === 'later') await touchLater(tx, touched);
    });
  } catch (error) {
    logger.warn({ err: error, ...touched }, 'what a customer used could not be looked at');
    const reason = firstLine(error);
    await database.withTenant(tenantId, (tx) => postponeTouched(tx, touched, reason));
  }
}
