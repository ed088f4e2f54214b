import { sql } from 'kysely';
import type { Coverage, Decision } from '../domain/decision.ts';
import type { Tx } from './doors.ts';
import { insertRowsLater, queryLater } from './rows.ts';
import { BilledPeriodSchema } from './subscriptions.ts';

/** Where what a decision bills has gone: the ids of its invoice's lines and of those that wait, in their order. */
export type Billed = { lineIds: readonly string[]; pendingIds: readonly string[] };

/** Accounts for stretches of items' lives. The exclusion constraint refuses one that is accounted for already. */
export async function insertCoverage(
  tx: Tx,
  tenantId: string,
  coverage: readonly Coverage[],
  { lineIds, pendingIds }: Billed,
): Promise<void> {
  const rows = coverage.map(({ itemId, side, period, reason, line, pendingLine }) => ({
    tenantId,
    itemId,
    side,
    period,
    reason,
    lineId: line === null ? null : (lineIds[line] ?? null),
    pendingItemId: pendingLine === null ? null : (pendingIds[pendingLine] ?? null),
    voidedAt: null,
  }));
  insertRowsLater(tx, BilledPeriodSchema, rows);
}

/** Ends what is accounted for of an item at `at`, so that the time from then on may be billed anew. */
export function truncateCoverage(tx: Tx, truncations: Decision['truncations'], now: Date): void {
  for (const { itemId, at } of truncations) {
    const from = at.toISOString();
    queryLater(
      tx,
      sql`update billed_periods set voided_at = ${now.toISOString()}
        where item_id = ${itemId} and voided_at is null and lower(period) >= ${from}`,
    );
    queryLater(
      tx,
      sql`update billed_periods set period = tstzrange(lower(period), ${from})
        where item_id = ${itemId} and voided_at is null and period @> ${from}::timestamptz`,
    );
  }
}
