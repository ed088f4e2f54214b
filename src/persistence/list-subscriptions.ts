import { sql } from 'kysely';
import type { Event } from '../domain/event.ts';
import type { PricedItem } from '../domain/subscription.ts';
import type { Tx } from './doors.ts';
import { EventSchema } from './events.ts';
import { PriceSchema } from './plans.ts';
import { findRow, findRows, query, selectRows } from './rows.ts';
import { isLatest, livesWithOwner, pricedItem } from './subscription-facts.ts';
import { ItemSegmentSchema, SubscriptionItemSchema, SubscriptionSchema } from './subscriptions.ts';

/** The items in force of several subscriptions at once, by subscription, in the order they were made. */
export async function pricedItemsOf(
  tx: Tx,
  subscriptionIds: readonly string[],
): Promise<Map<string, PricedItem[]>> {
  const items = await selectRows(
    tx,
    SubscriptionItemSchema,
    sql`subscription_id = any(${[...subscriptionIds]}::text[]) and ${livesWithOwner} order by id`,
  );
  const segments = await selectRows(
    tx,
    ItemSegmentSchema,
    sql`item_id = any(${items.map((item) => item.id)}::text[]) and ${isLatest}`,
  );
  const prices = await findRows(tx, PriceSchema, {
    id: { $in: [...new Set(segments.map((segment) => segment.priceId))] },
  });
  const priceById = new Map(prices.map((price) => [price.id, price]));
  const bySubscription = new Map<string, PricedItem[]>(subscriptionIds.map((id) => [id, []]));
  for (const item of items) {
    bySubscription.get(item.subscriptionId)?.push(pricedItem(item, segments, priceById));
  }
  return bySubscription;
}

export async function isExternalIdTaken(tx: Tx, externalId: string): Promise<boolean> {
  return (await findRow(tx, SubscriptionSchema, { externalId })) !== null;
}

/** What happened to a subscription, its invoices and their payments, in the order it was recorded. */
export async function timelineOf(
  tx: Tx,
  subscriptionId: string,
  page: { afterId: string | null; limit: number },
): Promise<{ rows: Event[]; hasMore: boolean }> {
  const places = await query<{ id: string }>(
    tx,
    sql`select id from events where subscription_id = ${subscriptionId}
        and recorded > coalesce((select recorded from events where id = ${page.afterId}), 0)
      order by recorded limit ${page.limit + 1}`,
  );
  const ids = places.slice(0, page.limit).map((place) => place.id);
  const events = new Map(
    (await findRows(tx, EventSchema, { id: { $in: ids } })).map((event) => [event.id, event]),
  );
  return { rows: ids.flatMap((id) => events.get(id) ?? []), hasMore: places.length > page.limit };
}
