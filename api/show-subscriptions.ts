import type { z } from 'zod';
import { type customerOut, presentCustomer } from '../src/contract/customers.ts';
import { presentSubscription } from '../src/contract/present-subscription.ts';
import type { subscriptionOut } from '../src/contract/subscriptions.ts';
import type { Subscription } from '../src/domain/subscription.ts';
import { CustomerSchema } from '../src/persistence/customers.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { findSubscriptionByReference, found } from '../src/persistence/find-by-reference.ts';
import { pricedItemsOf } from '../src/persistence/list-subscriptions.ts';
import { findRows } from '../src/persistence/rows.ts';

export type Expand = readonly 'customer'[] | undefined;
type Shown = z.infer<typeof subscriptionOut>;

/** A subscription read anew, as the world sees it. */
export async function showSubscription(tx: Tx, reference: string, expand?: Expand): Promise<Shown> {
  const subscription = found(await findSubscriptionByReference(tx, reference), 'subscription');
  const [shown] = await showSubscriptions(tx, [subscription], expand);
  return found(shown ?? null, 'subscription');
}

/** Several, in their order, with a fixed number of queries. */
export async function showSubscriptions(
  tx: Tx,
  subscriptions: readonly Subscription[],
  expand?: Expand,
): Promise<Shown[]> {
  const items = await pricedItemsOf(
    tx,
    subscriptions.map((subscription) => subscription.id),
  );
  const shown = subscriptions.map((subscription) =>
    presentSubscription(subscription, items.get(subscription.id) ?? []),
  );
  return expandCustomers(tx, shown, expand);
}

/** Puts the whole customer where its id stands, when that was asked for. */
export async function expandCustomers<T extends { customer: string | z.infer<typeof customerOut> }>(
  tx: Tx,
  shown: T[],
  expand: Expand,
): Promise<T[]> {
  if (!expand?.includes('customer')) return shown;
  const ids = [...new Set(shown.flatMap(({ customer }) => (typeof customer === 'string' ? customer : [])))];
  const customers = new Map(
    (await findRows(tx, CustomerSchema, { id: { $in: ids } })).map((row) => [row.id, presentCustomer(row)]),
  );
  return shown.map((one) => ({
    ...one,
    customer: (typeof one.customer === 'string' && customers.get(one.customer)) || one.customer,
  }));
}
