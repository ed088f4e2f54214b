import { sql } from 'kysely';
import type { Life } from '../domain/life.ts';
import type { Price } from '../domain/plan.ts';
import type { ItemSegment, PricedItem, Subscription, SubscriptionItem } from '../domain/subscription.ts';
import type { Tx } from './doors.ts';
import { pendingLine, waitingRows } from './pending-items.ts';
import { PriceSchema } from './plans.ts';
import { pricesOf } from './prices.ts';
import { findRow, insertRowsLater, lockRow, query, selectRows, updateRows, updateRowsLater } from './rows.ts';
import { pendingRows, withPrices } from './scheduled-changes.ts';
import { ItemSegmentSchema, SubscriptionItemSchema, SubscriptionSchema } from './subscriptions.ts';

/** Everything that is always loaded of a subscription; what only some decisions need is added by `life-facts.ts`. */
export type SubscriptionFacts = Life;

/**
 * A subscription with its items, prices and quantities, what is scheduled for it and what waits for its next invoice,
 * locked until the transaction ends; null when there is no such row. All of it is asked for in one message.
 */
export async function lockSubscription(tx: Tx, id: string): Promise<SubscriptionFacts | null> {
  const [subscription, rest] = await Promise.all([
    lockRow(tx, SubscriptionSchema, { id }),
    surroundings(tx, id),
  ]);
  return subscription && { subscription, ...rest };
}

/** The same without a lock, for a look at what would be. */
export async function findSubscription(tx: Tx, id: string): Promise<SubscriptionFacts | null> {
  const [subscription, rest] = await Promise.all([
    findRow(tx, SubscriptionSchema, { id }),
    surroundings(tx, id),
  ]);
  return subscription && { subscription, ...rest };
}

async function surroundings(tx: Tx, id: string): Promise<Omit<SubscriptionFacts, 'subscription'>> {
  const [priced, changes, waiting] = await Promise.all([
    pricedItems(tx, id),
    pendingRows(tx, id),
    waitingRows(tx, id),
  ]);
  return { priced, changes: await withPrices(tx, changes), pending: waiting.map(pendingLine) };
}

/** The row of the subscription that an invoice belongs to, locked until the transaction ends; null when it has none. */
export async function lockOwner(tx: Tx, invoiceId: string): Promise<Subscription | null> {
  const [owner] = await selectRows(
    tx,
    SubscriptionSchema,
    sql`id = (select subscription_id from invoices where id = ${invoiceId}) for update`,
  );
  return owner ?? null;
}

/**
 * The items of a subscription with the segment in force, in the order they were made: those that have not ended, and of
 * an ended subscription those that ended with it.
 */
export async function pricedItems(tx: Tx, subscriptionId: string): Promise<PricedItem[]> {
  const [items, segments] = await Promise.all([
    selectRows(
      tx,
      SubscriptionItemSchema,
      sql`subscription_id = ${subscriptionId} and ${livesWithOwner} order by id`,
    ),
    selectRows(
      tx,
      ItemSegmentSchema,
      sql`item_id in (select id from subscription_items where subscription_id = ${subscriptionId} and ${livesWithOwner}) and ${isLatest}`,
    ),
  ]);
  const prices = await pricesOf(
    tx,
    segments.map((segment) => segment.priceId),
  );
  return items.map((item) => pricedItem(item, segments, prices));
}

/** Of `subscription_items`: whether it is part of what its subscription is, or was at its end. */
export const livesWithOwner = sql`(ended_at is null or ended_at = (select owner.ended_at from subscriptions owner where owner.id = subscription_id))`;

/** Of `item_segments`: whether none of its item comes after it. */
export const isLatest = sql`not exists (select from item_segments later
  where later.item_id = item_segments.item_id and lower(later.valid) > lower(item_segments.valid))`;

/** An item with its one segment among `segments`. Throws when it, or its price, is not there. */
export function pricedItem(
  item: SubscriptionItem,
  segments: readonly ItemSegment[],
  prices: ReadonlyMap<string, Price>,
): PricedItem {
  const segment = segments.find((candidate) => candidate.itemId === item.id);
  const price = segment && prices.get(segment.priceId);
  if (!segment || !price) throw new Error(`item ${item.id} has no price in force`);
  return { item, price, quantity: segment.quantity, since: segment.valid.start };
}

/** Writes a subscription that is new. `own` are the prices agreed with it alone, which its segments may name. */
export async function insertSubscription(
  tx: Tx,
  created: { subscription: Subscription; priced: readonly PricedItem[]; segments: readonly ItemSegment[] },
  own: readonly Price[] = [],
): Promise<void> {
  const items = created.priced.map(({ item }) => item);
  insertRowsLater(tx, SubscriptionSchema, [created.subscription]);
  insertRowsLater(tx, PriceSchema, own);
  insertRowsLater(tx, SubscriptionItemSchema, items);
  insertRowsLater(tx, ItemSegmentSchema, created.segments);
}

/** Writes what changed; the revision in the condition is a second guard behind the row's lock. */
export async function saveSubscription(tx: Tx, before: Subscription, after: Subscription): Promise<void> {
  const { id, tenantId: _tenant, ...rest } = after;
  const saved = await updateRows(
    tx,
    SubscriptionSchema,
    { id, revision: before.revision },
    changedOnly(before, rest),
  );
  if (saved !== 1) throw new Error(`subscription ${id} moved on from revision ${before.revision}`);
}

/** Writes what changed of items that were there before. */
export async function saveItems(
  tx: Tx,
  before: readonly SubscriptionItem[],
  after: readonly SubscriptionItem[],
): Promise<void> {
  for (const item of after) {
    const old = before.find((candidate) => candidate.id === item.id);
    if (!old) continue;
    const changes = changedOnly(old, item);
    if (Object.keys(changes).length > 0)
      updateRowsLater(tx, SubscriptionItemSchema, { id: item.id }, changes);
  }
}

/** How many of the subscription's invoices are open and overdue, and since when the oldest is. */
export async function overdueOf(
  tx: Tx,
  subscriptionId: string,
): Promise<{ count: number; since: Date | null }> {
  const [row] = await query<{ count: number; since: string | null }>(
    tx,
    sql`select count(*)::int as count, min(overdue_since) as since from invoices
      where subscription_id = ${subscriptionId} and status = 'open' and overdue_since is not null`,
  );
  return { count: row?.count ?? 0, since: row?.since ? new Date(row.since) : null };
}

function changedOnly<T extends object>(before: T, after: Partial<T>): Partial<T> {
  const entries = Object.entries(after).filter(([key, value]) => !same(before[key as keyof T], value));
  return Object.fromEntries(entries) as Partial<T>;
}

function same(a: unknown, b: unknown): boolean {
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  return a === b;
}
