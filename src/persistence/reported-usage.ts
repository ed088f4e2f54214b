import { EntitySchema } from '@mikro-orm/core';
import { sql } from 'kysely';
import type { Usage } from '../domain/price-terms.ts';
import type { PricedItem } from '../domain/subscription.ts';
import { type UsageRecord, usageOf } from '../domain/usage-record.ts';
import { id, instant, json, rate, text } from './columns.ts';
import type { Tx } from './doors.ts';
import { findRow, insertRow, query, selectRows } from './rows.ts';

export const UsageRecordSchema = new EntitySchema<UsageRecord>({
  name: 'UsageRecord',
  tableName: 'usage_records',
  properties: {
    id,
    tenantId: text,
    subscriptionId: text,
    key: text,
    at: instant,
    quantity: rate,
    properties: json,
    idempotencyKey: text,
    createdAt: instant,
  },
});

/**
 * What was used of each usage item from the start of its running period until `at`, by item: records in the order of
 * their instants. Items without a running period have used nothing.
 */
export async function usageUntil(
  tx: Tx,
  subscriptionId: string,
  priced: readonly PricedItem[],
  at: Date,
): Promise<ReadonlyMap<string, Usage>> {
  const metered = priced.filter(({ price }) => price.billing === 'usage' && price.meterId === null);
  const starts = metered.flatMap(({ item }) => item.currentPeriodStart?.getTime() ?? []);
  const records =
    starts.length === 0
      ? []
      : await selectRows(
          tx,
          UsageRecordSchema,
          sql`subscription_id = ${subscriptionId} and key = any(${metered.map(({ item }) => item.key)}::text[])
            and at >= ${new Date(Math.min(...starts)).toISOString()} and at < ${at.toISOString()} order by at, id`,
        );
  return new Map(metered.map(({ item }) => [item.id, usageOf(records, item)]));
}

/**
 * Takes a record unless its key was used before; then that record is answered. The caller has looked at the subscription
 * through `lockForUsage`, so no period is closed meanwhile.
 */
export async function recordUsage(
  tx: Tx,
  record: UsageRecord,
): Promise<{ record: UsageRecord; isNew: boolean }> {
  const { subscriptionId, idempotencyKey } = record;
  // One at a time per key, so that of two at the same moment one is the record and the other a repetition.
  const name = `${subscriptionId} ${idempotencyKey}`;
  await query(tx, sql`select pg_advisory_xact_lock(hashtextextended(${name}, 5))`);
  const known = await findRow(tx, UsageRecordSchema, { subscriptionId, idempotencyKey });
  if (known) return { record: known, isNew: false };
  return { record: await insertRow(tx, UsageRecordSchema, record), isNew: true };
}

/** The record that was taken under a key; null when there is none. */
export function findUsage(
  tx: Tx,
  subscriptionId: string,
  idempotencyKey: string,
): Promise<UsageRecord | null> {
  return findRow(tx, UsageRecordSchema, { subscriptionId, idempotencyKey });
}

/**
 * Keeps the subscription as it is until the transaction ends. Others may report as well meanwhile, unless what is reported
 * may come to a threshold and so change the subscription: two that share a lock could not both go on to that.
 */
export async function lockForUsage(
  tx: Tx,
  subscriptionId: string,
  { watched }: { watched: boolean },
): Promise<void> {
  const strength = watched ? sql`for update` : sql`for share`;
  await query(tx, sql`select id from subscriptions where id = ${subscriptionId} ${strength}`);
}
