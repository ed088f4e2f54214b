import type { ItemCost, ItemUsage } from '../src/contract/meter-queries.ts';
import { presentTrace } from '../src/contract/traces.ts';
import { feeLine, nameOf } from '../src/domain/build-invoice.ts';
import { explain } from '../src/domain/explain-line.ts';
import { versionAt } from '../src/domain/meter.ts';
import { Decimal, roundToMinor } from '../src/domain/money.ts';
import type { Price } from '../src/domain/plan.ts';
import { priceAmount } from '../src/domain/price-amount.ts';
import type { PricedItem, Subscription } from '../src/domain/subscription.ts';
import { isFreeInTrial } from '../src/domain/trial-periods.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { withUsage } from '../src/persistence/life-facts.ts';
import { type DatedRule, isMetered, rulesOf } from '../src/persistence/metered-usage.ts';
import { readUsage } from '../src/persistence/read-usage.ts';
import { findSubscription, type SubscriptionFacts } from '../src/persistence/subscription-facts.ts';
import { timeFor } from './write.ts';

/** What was used of the metered items of these subscriptions in their running periods, until now in their time. */
export async function usageNow(tx: Tx, subscriptions: readonly Subscription[]): Promise<ItemUsage[]> {
  const usages: ItemUsage[] = [];
  for (const { id } of subscriptions) {
    const running = await runningIn(tx, id);
    if (running) usages.push(...(await Promise.all(running.items.map((item) => usageOf(tx, running, item)))));
  }
  return usages;
}

/** The same priced as it would stand on an invoice if the periods ended with what is known. */
export async function costsNow(tx: Tx, subscriptions: readonly Subscription[]): Promise<ItemCost[]> {
  const costs: ItemCost[] = [];
  for (const { id } of subscriptions) {
    const running = await runningIn(tx, id);
    if (!running) continue;
    const { priced } = await withUsage(tx, running.facts, running.at);
    for (const item of running.items) {
      const entry = priced.find(({ item: { id: itemId } }) => itemId === item.entry.item.id);
      if (entry) costs.push(costOf(running, item, entry));
    }
  }
  return costs;
}

type RunningItem = { entry: PricedItem; rule: DatedRule; period: { start: Date; end: Date } };
type Running = { facts: SubscriptionFacts; at: Date; items: RunningItem[] };

/** The metered items of a subscription whose period has begun; null where there are none, or the subscription has ended. */
async function runningIn(tx: Tx, subscriptionId: string): Promise<Running | null> {
  const facts = await findSubscription(tx, subscriptionId);
  if (!facts || facts.subscription.endedAt) return null;
  const metered = facts.priced.filter(isMetered);
  if (metered.length === 0) return null;
  const { at } = await timeFor(tx, facts.subscription);
  const rules = await rulesOf(tx, metered);
  const items = metered.flatMap((entry): RunningItem[] => {
    const { currentPeriodStart: start, currentPeriodEnd: end } = entry.item;
    if (!start || !end || start > at) return [];
    const rule = versionAt(rules.get(entry.price.meterId ?? '') ?? [], start);
    return rule ? [{ entry, rule, period: { start, end } }] : [];
  });
  return { facts, at, items };
}

async function usageOf(
  tx: Tx,
  { facts, at }: Running,
  { entry, rule, period }: RunningItem,
): Promise<ItemUsage> {
  const { subscription } = facts;
  const { terms } = entry.price;
  const until = period.end < at ? period.end : at;
  const { points } =
    period.start < until
      ? await readUsage(tx, rule, {
          customerId: subscription.customerId,
          subscription,
          start: period.start,
          end: until,
          timeZone: subscription.timeZone,
          granularity: 'total',
          by: terms.model === 'matrix' ? terms.dimensions : [],
          addedUp: true,
        })
      : { points: [] };
  return {
    ...about(subscription, entry.price, { entry, rule, period }, until),
    quantity: points[0]?.billable ?? new Decimal(0),
    eventCount: points[0]?.eventCount ?? 0,
  };
}

function costOf({ facts, at }: Running, item: RunningItem, entry: PricedItem): ItemCost {
  const { subscription } = facts;
  const { period } = item;
  const isFree = isFreeInTrial(subscription, entry);
  const line = isFree ? freeLine(entry) : feeLine(subscription, entry, period);
  const alreadyBilled = entry.instalments ?? new Decimal(0);
  const { description, amount, proration, trace } = line;
  const sentences = explain(
    { description, amount, proration, trace, period, currency: subscription.currency },
    subscription.timeZone,
  );
  return {
    ...about(subscription, entry.price, item, period.end < at ? period.end : at),
    quantity: entry.usage?.quantity ?? new Decimal(0),
    eventCount: entry.usage?.counted?.eventCount ?? 0,
    amount: isFree ? new Decimal(0) : amount.plus(alreadyBilled),
    alreadyBilled,
    trace: presentTrace(trace),
    explanation: isFree ? [...sentences, 'What is used in this trial is free.'] : sentences,
  };
}

/** What it would come to if it were not free: of no part of a period, as a trial may be longer than one. */
function freeLine({ price, quantity, usage }: PricedItem) {
  const asked = { quantity, usage: usage ?? null, spent: null, fraction: null, alreadyBilled: null };
  const { exact, trace } = priceAmount({ ...price, minimum: null, maximum: null }, asked);
  const amount = roundToMinor(exact, price.currency);
  const ends = { exact: exact.toFixed(), rounded: amount.toFixed() };
  return { description: nameOf(price, quantity), amount, proration: false, trace: { ...trace, ...ends } };
}

function about(subscription: Subscription, price: Price, { entry, rule, period }: RunningItem, until: Date) {
  return { subscriptionId: subscription.id, key: entry.item.key, price, rule, period, until };
}
