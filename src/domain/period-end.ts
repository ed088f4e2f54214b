import type { Change, PlannedAction } from './change.ts';
import { affectedBy } from './change-moves.ts';
import type { PricedItem, Subscription, SubscriptionItem } from './subscription.ts';

/**
 * The end of the period that an action waits for: of a trial its end, of what has not begun its start, and otherwise the
 * latest end of what was paid ahead for the items that a change is about, so that nothing has to be given back. A change
 * that moves the calendar is about all of them. Null while no period runs.
 */
export function periodEndFor(
  subscription: Subscription,
  priced: readonly PricedItem[],
  action: PlannedAction | null,
): Date | null {
  if (!subscription.startedAt) return subscription.startsAt;
  if (subscription.trialEndsAt && !subscription.trialEndedAt) return subscription.trialEndsAt;
  const about = action?.kind === 'change' ? itemsOf(subscription, priced, action.change) : [];
  const ends = about.flatMap(({ item, price }) =>
    price.timing === 'in_advance' && item.currentPeriodEnd ? [item.currentPeriodEnd.getTime()] : [],
  );
  return ends.length > 0 ? new Date(Math.max(...ends)) : subscription.currentPeriodEnd;
}

/**
 * Whether `at` is still the end of a period that an action may wait for. As long as it is, the action does not move: a
 * shorter period beside it rolls on and reaches beyond it, and would carry it along for ever.
 */
export function isPeriodEndFor(
  subscription: Subscription,
  priced: readonly PricedItem[],
  action: PlannedAction,
  at: Date,
): boolean {
  if (!subscription.startedAt || (subscription.trialEndsAt && !subscription.trialEndedAt)) return false;
  const about = action.kind === 'change' ? itemsOf(subscription, priced, action.change) : [];
  const paidAhead = about.filter(({ item, price }) => price.timing === 'in_advance' && item.currentPeriodEnd);
  const waitedFor = paidAhead.length > 0 ? paidAhead : priced;
  return waitedFor.some(({ item }) => item.currentPeriodEnd?.getTime() === at.getTime());
}

/** Whether something that ran beyond `at` does not go on: it ended, rests, or begins another period. */
export function isCutShort(
  before: readonly PricedItem[],
  after: readonly SubscriptionItem[],
  at: Date,
): boolean {
  return before.some(({ item: { id, currentPeriodStart: start, currentPeriodEnd: end } }) => {
    if (!start || !end || end <= at) return false;
    const item = after.find((one) => one.id === id);
    return !item || item.endedAt !== null || item.currentPeriodStart?.getTime() !== start.getTime();
  });
}

function itemsOf(
  subscription: Subscription,
  priced: readonly PricedItem[],
  change: Change,
): readonly PricedItem[] {
  const movesCalendar = change.anchor === 'reset' || change.billingAnchor !== null;
  return movesCalendar ? priced : affectedBy(subscription, priced, change);
}
