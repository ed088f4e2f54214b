import type { Bill } from './bill.ts';
import { contractualPeriod } from './calendar.ts';
import { intervalOf } from './plan.ts';
import { cadenceOf, type PricedItem, type Subscription, type SubscriptionItem } from './subscription.ts';

/** Whether an item is billed while the trial runs: what is used is, where that was agreed, and fees never are (billing rule 10). */
export function isBilledInTrial({ trialUsage }: Subscription, { price }: PricedItem): boolean {
  return trialUsage === 'billed' && price.billing === 'usage';
}

/** Whether what is used of an item now is never billed, because the trial runs and nothing else was agreed. */
export function isFreeInTrial(subscription: Subscription, entry: PricedItem): boolean {
  return subscription.status === 'trialing' && !isBilledInTrial(subscription, entry);
}

/** Whether its running period goes on over the end of the trial at `at`, because nothing moves the calendar there. */
export function runsThroughTrial(subscription: Subscription, entry: PricedItem, at: Date): boolean {
  const end = entry.item.currentPeriodEnd;
  return subscription.anchorFixed && isBilledInTrial(subscription, entry) && end !== null && end > at;
}

/** The item in the trial from `at` on: usage that is billed has its own periods in it, to everything else it is one. */
export function trialItem(subscription: Subscription, entry: PricedItem, at: Date): SubscriptionItem {
  const { trialEndsAt } = subscription;
  if (!trialEndsAt) throw new RangeError(`subscription ${subscription.id} has no trial`);
  let end = trialEndsAt;
  if (isBilledInTrial(subscription, entry)) {
    const boundary = contractualPeriod(cadenceOf(subscription), intervalOf(entry.price), at).end;
    if (boundary < end || subscription.anchorFixed) end = boundary;
  }
  return { ...entry.item, currentPeriodStart: at, currentPeriodEnd: end };
}

/** Accounts for an item's running period in the trial, which ends at `at`: as free, or as used. */
export function closeInTrial(bill: Bill, subscription: Subscription, entry: PricedItem, at: Date): void {
  const { startedAt, currentPeriodStart } = entry.item;
  const start = currentPeriodStart ?? startedAt;
  if (!start || start >= at) return;
  if (isBilledInTrial(subscription, entry)) bill.charge(subscription, entry, { start, end: at });
  else bill.leaveFree(entry, { start, end: at }, 'trial');
}
