import { sql } from 'kysely';
import type { Coverage } from '../domain/build-invoice.ts';
import type { ItemSegment, PricedItem, Subscription, SubscriptionItem } from '../domain/subscription.ts';
import type { Tx } from './doors.ts';
import { pricesOf } from './prices.ts';
import {
  findRows,
  insertRowsLater,
  lockRow,
  query,
  selectRows,
  updateRows,
  updateRowsLater,
} from './rows.ts';
import {
  BilledPeriodSchema,
  ItemSegmentSchema,
  SubscriptionItemSchema,
  SubscriptionSchema,
} from './subscriptions.ts';

export type SubscriptionFacts = { subscription: Subscription; priced: PricedItem[] };

/** A subscription with its items, prices and quantities, locked until the transaction ends; null when there is no such row. */
export async function lockSubscription(tx: Tx, id: string): Promise<SubscriptionFacts | null> {
  const [subscription, priced] = await Promise.all([
    lockRow(tx, SubscriptionSchema, { id }),
    pricedItems(tx, id),
  ]);
  return subscription && { subscription, priced };
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

/** The items with the segment that is in force; there is one segment per item until plans can change. */
export async function pricedItems(tx: Tx, subscriptionId: string): Promise<PricedItem[]> {
  const [items, segments] = await Promise.all([
    findRows(tx, SubscriptionItemSchema, { subscriptionId }, { orderBy: { id: 'asc' } }),
    selectRows(
      tx,
      ItemSegmentSchema,
      sql`item_id in (select id from subscription_items where subscription_id = ${subscriptionId})`,
    ),
  ]);
  const prices = await pricesOf(
    tx,
    segments.map((segment) => segment.priceId),
  );
  return items.map((item) => {
    const segment = segments.find((candidate) => candidate.itemId === item.id);
    const price = segment && prices.get(segment.priceId);
    if (!segment || !price) throw new Error(`item ${item.id} has no price in force`);
    return { item, price, quantity: segment.quantity };
  });
}

export async function insertSubscription(
  tx: Tx,
  created: { subscription: Subscription; priced: readonly PricedItem[]; segments: readonly ItemSegment[] },
): Promise<void> {
  const items = created.priced.map(({ item }) => item);
  insertRowsLater(tx, SubscriptionSchema, [created.subscription]);
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

export async function saveItems(
  tx: Tx,
  before: readonly SubscriptionItem[],
  after: readonly SubscriptionItem[],
): Promise<void> {
  for (const item of after) {
    const old = before.find((candidate) => candidate.id === item.id);
    const changes = old ? changedOnly(old, item) : item;
    if (Object.keys(changes).length > 0)
      updateRowsLater(tx, SubscriptionItemSchema, { id: item.id }, changes);
  }
}

/** Accounts for stretches of items' lives. The exclusion constraint refuses one that is accounted for already. */
export async function insertCoverage(
  tx: Tx,
  tenantId: string,
  coverage: readonly Coverage[],
  lineIds: readonly string[],
): Promise<void> {
  const rows = coverage.map(({ itemId, period, reason, line }) => ({
    tenantId,
    itemId,
    side: 'fee' as const,
    period,
    reason,
    lineId: line === null ? null : (lineIds[line] ?? null),
    voidedAt: null,
  }));
  insertRowsLater(tx, BilledPeriodSchema, rows);
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
