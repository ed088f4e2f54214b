import type { Sold } from '../domain/compose-change.ts';
import type { Life } from '../domain/life.ts';
import type { PlanMigration } from '../domain/plan-migration.ts';
import type { Tx } from './doors.ts';
import { pricedItemsOf } from './list-subscriptions.ts';
import { PriceSchema } from './plans.ts';
import { findRows } from './rows.ts';
import { ScheduledChangeSchema, withPrices } from './scheduled-changes.ts';
import { SubscriptionSchema } from './subscriptions.ts';
import { TestClockSchema } from './test-clocks.ts';

/** A subscriber as far as it takes to say what a migration means for him, and what time it is for him. */
export type Subscriber = { life: Life; from: Sold; at: Date };

/**
 * Several subscribers at once, in the order of `ids`. Their lives have what they consist of and what is scheduled for
 * them; amounts cannot be computed from them.
 */
export async function subscribersOf(
  tx: Tx,
  ids: readonly string[],
  versions: ReadonlyMap<number, Sold>,
  now: Date,
): Promise<Subscriber[]> {
  const [subscriptions, rows] = await Promise.all([
    findRows(tx, SubscriptionSchema, { id: { $in: [...ids] } }),
    findRows(
      tx,
      ScheduledChangeSchema,
      { subscriptionId: { $in: [...ids] }, status: 'pending' },
      { orderBy: { effectiveAt: 'asc', id: 'asc' } },
    ),
  ]);
  const items = await pricedItemsOf(tx, ids);
  const changes = await withPrices(tx, rows);
  const clockIds = subscriptions.flatMap(({ testClockId }) => testClockId ?? []);
  const clocks =
    clockIds.length === 0 ? [] : await findRows(tx, TestClockSchema, { id: { $in: [...new Set(clockIds)] } });
  const byId = new Map(subscriptions.map((subscription) => [subscription.id, subscription]));
  return ids.flatMap((id) => {
    const subscription = byId.get(id);
    if (!subscription) return [];
    const own = new Set(rows.filter(({ subscriptionId }) => subscriptionId === id).map((row) => row.id));
    const life: Life = {
      subscription,
      priced: items.get(id) ?? [],
      changes: changes.filter((change) => own.has(change.id)),
      pending: [],
    };
    const clock = clocks.find((candidate) => candidate.id === subscription.testClockId);
    const from = versions.get(subscription.planVersion);
    // On another plan by now; then it does not matter what this one's version sells.
    const sold = from ?? { planId: subscription.planId, version: subscription.planVersion, prices: [] };
    return [{ life, from: sold, at: clock?.nowAt ?? now }];
  });
}

/** What every version of the migration's plan is sold for, by version. */
export async function versionsOf(
  tx: Tx,
  { planId }: Pick<PlanMigration, 'planId'>,
): Promise<ReadonlyMap<number, Sold>> {
  const prices = await findRows(
    tx,
    PriceSchema,
    { planId, subscriptionId: null },
    { orderBy: { id: 'asc' } },
  );
  const byVersion = Map.groupBy(prices, ({ planVersion }) => planVersion);
  return new Map([...byVersion].map(([version, sold]) => [version, { planId, version, prices: sold }]));
}
