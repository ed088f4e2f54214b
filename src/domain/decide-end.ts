import { Bill } from './bill.ts';
import { endOfBilledDay } from './calendar.ts';
import { conclude } from './conclude.ts';
import type { Decision } from './decision.ts';
import type { BillingReason } from './invoice.ts';
import { lateLines } from './late-usage.ts';
import type { Life } from './life.ts';
import { isBilling, type PricedItem, type Subscription } from './subscription.ts';
import { closeInTrial } from './trial-periods.ts';

/**
 * The subscription ends at `at` (billing rule 31c): nothing new is billed in advance, what runs in arrears is billed up
 * to and including the day of the cancellation (rule 12), and what waited for an invoice is on this one. With `credit:
 * prorate` what was paid ahead is given back from the day after the cancellation on (rule 18).
 *
 * Who cancels `now` is billed for the day, also at its first instant; an end that was planned for local midnight is the
 * end of the day before.
 */
export function decideCancel(
  life: Life,
  at: Date,
  credit: 'none' | 'prorate' = 'none',
  asked: 'now' | 'ahead' = 'ahead',
): Decision {
  const { subscription, priced } = life;
  const end = ended(subscription, priced, at, 'canceled', subscription.cancellationReason);
  if (subscription.status === 'incomplete') return conclude(life, { ...end, at, voidOpenInvoices: true });
  // What has not begun owes nothing, not even what waited to be charged once with its first invoice.
  if (subscription.status === 'scheduled') return conclude(life, { ...end, at });
  const lastDayOf = asked === 'now' && subscription.prorationBasis === 'day' ? instantAfter(at) : at;
  return finalDecision(life, end, at, { credit, lastDayOf });
}

/**
 * Its first payment did not arrive in time, or what was charged once at the beginning of its trial did not where all or
 * nothing was wanted, and its invoice is voided (billing rules 30, 31); or its cycles are over.
 */
export function decideExpire(life: Life, at: Date): Decision {
  const { subscription, priced } = life;
  const { endsAt, incompleteSince, status } = subscription;
  const isOver = incompleteSince === null && status !== 'incomplete' && endsAt !== null && endsAt <= at;
  if (isOver)
    return finalDecision(life, ended(subscription, priced, at, 'expired', 'its cycles are over'), at, {
      credit: 'none',
      lastDayOf: at,
    });
  const bill = new Bill();
  if (status === 'trialing') for (const entry of priced) leaveTrialFree(bill, entry, at);
  const end = ended(subscription, priced, at, 'expired', 'first payment not received');
  return conclude(life, { ...end, at, bill, voidOpenInvoices: true });
}

function leaveTrialFree(bill: Bill, entry: PricedItem, at: Date): void {
  const start = entry.item.currentPeriodStart ?? entry.item.startedAt;
  if (start) bill.leaveFree(entry, { start, end: at }, 'trial');
}

/**
 * Ended by nobody's doing (its test clock was deleted): nothing is billed any more, what ran in arrears is waived, and
 * what is open is voided.
 */
export function decideAbandon(life: Life, at: Date, reason: string): Decision {
  const { subscription, priced } = life;
  const bill = new Bill();
  for (const entry of priced) {
    const { startedAt, currentPeriodStart: start } = entry.item;
    const from = start ?? startedAt;
    if (subscription.status === 'trialing') leaveTrialFree(bill, entry, at);
    else if (from && isBilling(subscription) && entry.price.timing === 'in_arrears')
      bill.leaveFree(entry, { start: from, end: at }, 'waived');
  }
  const end = ended(subscription, priced, at, 'canceled', reason);
  return conclude(life, { ...end, at, bill, voidOpenInvoices: true });
}

/** `lastDayOf`: an instant of the last civil day that is billed. */
type Last = { credit: 'none' | 'prorate'; lastDayOf: Date };

function instantAfter(at: Date): Date {
  return new Date(at.getTime() + 1);
}

function finalDecision(life: Life, end: ReturnType<typeof ended>, at: Date, last: Last): Decision {
  const { subscription, priced } = life;
  const bill = new Bill(lateLines(life));
  const isCommitment = ({ price }: PricedItem) => price.terms.model === 'minimum_commitment';
  for (const entry of [...priced.filter((one) => !isCommitment(one)), ...priced.filter(isCommitment)]) {
    if (subscription.status === 'trialing') closeInTrial(bill, subscription, entry, at);
    else if (isBilling(subscription)) closeForGood(bill, subscription, entry, at, last);
  }
  const reason: BillingReason = 'subscription_cancel';
  const collect = subscription.collectionMethod === 'charge_automatically';
  return conclude(life, { ...end, at, bill, reason, alone: true, collect });
}

function closeForGood(
  bill: Bill,
  subscription: Subscription,
  entry: PricedItem,
  at: Date,
  { credit, lastDayOf }: Last,
): void {
  const { currentPeriodStart: start, currentPeriodEnd: end } = entry.item;
  if (!start || !end) return;
  const { prorationBasis, timeZone } = subscription;
  if (entry.price.timing === 'in_arrears') {
    const early = at < end ? { throughDayOf: lastDayOf } : {};
    if (start < at) bill.charge(subscription, entry, { start, end: at }, early);
  } else if (credit === 'prorate' && at < end) {
    bill.giveBack(subscription, entry, at, endOfBilledDay(lastDayOf, prorationBasis, timeZone));
  }
}

/** The facts of an end. */
export function ended(
  subscription: Subscription,
  priced: readonly PricedItem[],
  at: Date,
  endReason: 'canceled' | 'expired',
  cancellationReason: string | null,
): Pick<Decision, 'subscription' | 'items'> {
  return {
    subscription: {
      ...subscription,
      endedAt: at,
      endReason,
      canceledAt: endReason === 'canceled' ? (subscription.canceledAt ?? at) : null,
      cancellationReason,
      cancelAt: null,
      cancelMode: null,
      cancelCredit: 'none',
      incompleteSince: null,
      expiresAt: null,
      blockedReason: null,
      changeAt: null,
      thresholdAt: null,
    },
    items: priced.map(({ item }) => ({ ...item, endedAt: at })),
  };
}
