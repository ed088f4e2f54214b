import { advance } from './advance.ts';
import { Bill } from './bill.ts';
import { conclude, periodOf } from './conclude.ts';
import { ended } from './decide-end.ts';
import type { Decision } from './decision.ts';
import { lateLines } from './late-usage.ts';
import type { Life } from './life.ts';
import { startBilling } from './start-billing.ts';
import type { PricedItem, Subscription, SubscriptionItem } from './subscription.ts';
import { closeInTrial, runsThroughTrial, trialItem } from './trial-periods.ts';

/** The subscription begins at `at`: with its trial, or with its first period. */
export function decideActivate(life: Life, at: Date): Decision {
  const subscription = { ...life.subscription, startedAt: at };
  const priced = life.priced.map((entry) => ({ ...entry, item: { ...entry.item, startedAt: at } }));
  const { trialEndsAt } = subscription;
  if (!trialEndsAt || trialEndsAt <= at) {
    const bill = new Bill();
    const start = startBilling(bill, subscription, priced, {
      at,
      reason: 'subscription_create',
      collects: true,
      waiting: life.pending.map(({ line }) => line),
    });
    return conclude(life, { ...start, bill, alone: true });
  }
  const items = priced.map((entry) => trialItem(subscription, entry, at));
  return conclude(life, {
    subscription: { ...subscription, ...periodOf(items) },
    items,
    at,
    // What is charged once is no fee: a trial does not put it off.
    reason: 'subscription_create',
    alone: true,
    collect: isAutomatic(subscription) && subscription.paymentBehavior !== 'default_incomplete',
  });
}

/** The trial's coming end is announced, once. */
export function decideRemindTrial(life: Life, at: Date): Decision {
  const subscription = { ...life.subscription, trialReminderAt: null };
  return conclude(life, { subscription, at, events: ['subscription.trial_will_end'] });
}

/**
 * The trial is over (billing rule 10): its time is accounted for as free, what was used in it is billed where that was
 * agreed, and either billing starts or, without a usable payment method, the subscription does what `trialEndBehavior`
 * says.
 */
export function decideEndTrial(life: Life, at: Date, hasPaymentMethod: boolean): Decision {
  const bill = new Bill(lateLines(life));
  const over = { ...life.subscription, trialEndedAt: at };
  const payable = hasPaymentMethod || over.collectionMethod === 'send_invoice';
  const goesOn = payable || over.trialEndBehavior === 'activate';
  for (const entry of life.priced)
    if (!goesOn || !runsThroughTrial(over, entry, at)) closeInTrial(bill, life.subscription, entry, at);
  if (!payable && over.trialEndBehavior === 'cancel') {
    const end = ended(over, life.priced, at, 'canceled', 'trial ended without a payment method');
    return conclude(life, { ...end, at, bill, reason: 'subscription_cancel', alone: true });
  }
  if (!payable && over.trialEndBehavior === 'pause')
    return conclude(life, {
      subscription: { ...over, pausedAt: at },
      items: life.priced.map((entry) => withoutRunning(entry, at)),
      at,
      bill,
      reason: 'trial_end',
    });
  const start = startBilling(bill, over, life.priced, { at, reason: 'trial_end', collects: payable });
  return conclude(life, {
    ...start,
    subscription: keepToPeriodEnd(start.subscription, start.items ?? []),
    bill,
  });
}

/** Without a period that would run on over `at`: that of a trial which ends early, or of usage that goes through its end. */
function withoutRunning({ item }: PricedItem, at: Date): SubscriptionItem {
  const runs = item.currentPeriodEnd !== null && item.currentPeriodEnd > at;
  return runs ? { ...item, currentPeriodStart: null, currentPeriodEnd: null } : item;
}

/** A boundary of one or more items: what ended is billed in arrears, what begins is billed in advance. */
export function decideClosePeriod(life: Life, at: Date): Decision {
  const { subscription, priced } = life;
  const bill = new Bill(lateLines(life));
  const inTrial = subscription.trialEndsAt !== null && subscription.trialEndedAt === null;
  const items = inTrial
    ? priced.map((entry) => {
        if (entry.item.currentPeriodEnd?.getTime() !== at.getTime()) return entry.item;
        closeInTrial(bill, subscription, entry, at);
        return trialItem(subscription, entry, at);
      })
    : advance(bill, priced, {
        before: subscription,
        after: subscription,
        at,
        moves: new Map(),
        begin: [],
        recut: false,
        prorates: true,
      }).items;
  return conclude(life, {
    subscription: { ...subscription, ...periodOf(items) },
    items,
    at,
    bill,
    reason: 'subscription_cycle',
    events: inTrial ? ['billing.cycle.closed'] : ['billing.cycle.closed', 'subscription.renewed'],
    collect: isAutomatic(subscription),
  });
}

export function isAutomatic({ collectionMethod }: Subscription): boolean {
  return collectionMethod === 'charge_automatically';
}

/**
 * Canceled for the end of a period that has moved meanwhile: it ends with the period that runs now. As long as a period
 * of any item still ends there it stays; an add-on for a month does not bring the end of a paid year nearer.
 */
export function keepToPeriodEnd(
  subscription: Subscription,
  items: readonly SubscriptionItem[],
): Subscription {
  const { cancelMode, cancelAt, currentPeriodEnd } = subscription;
  if (cancelMode !== 'period_end' || !cancelAt || !currentPeriodEnd) return subscription;
  const stands = items.some(
    ({ endedAt, currentPeriodEnd: end }) => !endedAt && end?.getTime() === cancelAt.getTime(),
  );
  return stands ? subscription : { ...subscription, cancelAt: currentPeriodEnd };
}
