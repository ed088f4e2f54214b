import { DomainError } from '../src/domain/errors.ts';
import { type IncomingUsage, USAGE_REFUSALS } from '../src/domain/usage-event.ts';
import {
  correctableSince,
  insertRevision,
  judgeUsage,
  lockCorrections,
  type UsageRevision,
  usageRevisions,
  voidRevision,
} from '../src/persistence/correct-usage.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { found } from '../src/persistence/find-by-reference.ts';
import { databaseNow } from '../src/persistence/find-commands.ts';
import { isSameUsage } from '../src/persistence/ingest-usage.ts';
import { invalid } from './validate.ts';

/** What is said, and which API key says it. */
export type Saying = { tenantId: string; note: string | null; by: string | null };

/**
 * Puts another revision in the place of the event that counts; said again, nothing more happens. An event that does not
 * count any more counts again with it.
 *
 * @returns all revisions, the latest first.
 * @throws DomainError `not_found`, `usage_event_closed`, `validation_failed`.
 */
export async function amendUsage(tx: Tx, event: IncomingUsage, saying: Saying): Promise<UsageRevision[]> {
  const { tenantId } = saying;
  const { revisions, counting, now } = await openEvent(tx, event.key, tenantId);
  if (counting && isSameUsage(counting, event)) return revisions;
  const [judged] = await judgeUsage(tx, tenantId, [event], now);
  const refusal = judged?.refusal ?? null;
  if (refusal !== null) {
    const { path, message } = USAGE_REFUSALS[refusal];
    throw invalid([{ path, code: refusal, message }]);
  }
  if (counting)
    voidRevision(tx, tenantId, counting, { reason: 'amended', note: saying.note, by: saying.by, at: now });
  // What a backfill brought goes away with it, also in another shape.
  const backfillId = counting?.backfillId ?? null;
  const revision = (revisions[0]?.revision ?? 0) + 1;
  insertRevision(tx, tenantId, { ...event, revision, owner: judged?.owner ?? null, backfillId }, now);
  return usageRevisions(tx, tenantId, event.key);
}

/**
 * Stops an event from counting; said again, nothing more happens.
 *
 * @throws DomainError `not_found`, `usage_event_closed`.
 */
export async function deprecateUsage(tx: Tx, key: string, saying: Saying): Promise<UsageRevision[]> {
  const { tenantId, note, by } = saying;
  const { revisions, counting, now } = await openEvent(tx, key, tenantId);
  if (!counting) return revisions;
  voidRevision(tx, tenantId, counting, { reason: 'deprecated', note, by, at: now });
  return usageRevisions(tx, tenantId, key);
}

/** The event, and nobody else corrects it until the transaction ends. */
async function openEvent(
  tx: Tx,
  key: string,
  tenantId: string,
): Promise<{ revisions: UsageRevision[]; counting: UsageRevision | null; now: Date }> {
  await lockCorrections(tx, tenantId);
  const revisions = await usageRevisions(tx, tenantId, key);
  const counting = revisions.find((revision) => revision.void === null) ?? null;
  const { at, customerId } = found(counting ?? revisions[0] ?? null, 'event');
  const now = await databaseNow(tx);
  if (at < (await correctableSince(tx, tenantId, customerId, now))) {
    throw new DomainError(
      'usage_event_closed',
      "The event is longer ago than the tenant's late_window_days; what was billed of that time stays.",
      { timestamp: at.toISOString() },
    );
  }
  return { revisions, counting, now };
}
