import { sql } from 'kysely';
import type { Decision, SegmentChange } from '../domain/decision.ts';
import { FOREVER, type SubscriptionItem } from '../domain/subscription.ts';
import { newId } from '../platform/ids.ts';
import { insertRowsLater, queryLater } from './rows.ts';
import { SubscriptionItemSchema } from './subscriptions.ts';
import type { Write } from './write.ts';

/**
 * Writes the items that begin and what each costs from when on, before anything that is billed speaks of them. Items
 * that end do so first: one that begins may take their key.
 */
export function writeItems(
  write: Write,
  known: readonly SubscriptionItem[],
  { items, segments }: Pick<Decision, 'items' | 'segments'>,
): void {
  const ids = new Set(known.map(({ id }) => id));
  const begun = items.filter(({ id }) => !ids.has(id));
  if (begun.length > 0) endItems(write, items);
  insertRowsLater(write.tx, SubscriptionItemSchema, begun);
  for (const segment of segments) writeSegment(write, segment);
}

function endItems({ tx }: Write, items: readonly SubscriptionItem[]): void {
  for (const { id, endedAt } of items) {
    if (endedAt)
      queryLater(
        tx,
        sql`update subscription_items set ended_at = ${endedAt.toISOString()} where id = ${id} and ended_at is null`,
      );
  }
}

/**
 * The segment in force ends at `from`, and another begins. One that begins at the same instant, or would have begun
 * later, never was in force: it becomes the new one, so that an item's segments stay a line without an overlap.
 */
function writeSegment({ tx, tenantId, at }: Write, { itemId, from, to }: SegmentChange): void {
  const start = from.toISOString();
  queryLater(
    tx,
    sql`update item_segments set valid = tstzrange(lower(valid), ${start})
      where item_id = ${itemId} and lower(valid) < ${start} and upper(valid) > ${start}`,
  );
  if (!to) return;
  const { price, quantity } = to;
  const valid = sql`tstzrange(${start}, ${FOREVER.toISOString()})`;
  queryLater(
    tx,
    sql`with replaced as (
        update item_segments set price_id = ${price.id}, quantity = ${quantity.toFixed()}, valid = ${valid}
        where item_id = ${itemId} and lower(valid) >= ${start} returning id)
      insert into item_segments (id, tenant_id, item_id, price_id, quantity, valid, created_at)
      select ${newId('seg')}, ${tenantId}, ${itemId}, ${price.id}, ${quantity.toFixed()}::numeric, ${valid}, ${at.toISOString()}::timestamptz
      where not exists (select from replaced)`,
  );
}
