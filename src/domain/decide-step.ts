import { type Coverage, feeLine, type InvoiceDraft, type LineDraft, totalOf } from './build-invoice.ts';
import { boundaryAfter, contractualPeriod } from './calendar.ts';
import type { EventType } from './event.ts';
import type { BillingReason } from './invoice.ts';
import { intervalOf } from './plan.ts';
import {
  cadenceOf,
  isBilling,
  type PricedItem,
  type Subscription,
  type SubscriptionItem,
} from './subscription.ts';

/**
 * What a due step does: new facts, what is billed, what of the items' lives is accounted for, and what the world is
 * told beyond the change of status. Pure: activities make it true, previews and simulations only look at it.
 */
export type Decision = {
  subscription: Subscription;
  items: readonly SubscriptionItem[];
  invoice: InvoiceDraft | null;
  coverage: readonly Coverage[];
  events: readonly EventType[];
  /** Whether the invoice is to be charged now (only for automatic collection). */
  collect: boolean;
  /** An incomplete subscription's invoice dies with it. */
  voidOpenInvoices: boolean;
};

/** How long a first payment may take before the subscription expires (billing rule 30). */
export const INCOMPLETE_LIFETIME_MS = 23 * 3_600_000;

const NOTHING = { invoice: null, coverage: [], events: [], collect: false, voidOpenInvoices: false } as const;

/** The subscription begins at `at`: with its trial, or with its first period. */
export function decideActivate(
  subscription: Subscription,
  priced: readonly PricedItem[],
  at: Date,
): Decision {
  const begun = { ...subscription, startedAt: at };
  const items = priced.map((entry) => ({ ...entry, item: { ...entry.item, startedAt: at } }));
  const trialEndsAt = subscription.trialEndsAt;
  if (!trialEndsAt || trialEndsAt <= at) return startBilling(begun, items, at, 'subscription_create', true);
  return {
    ...NOTHING,
    subscription: { ...begun, currentPeriodStart: at, currentPeriodEnd: trialEndsAt },
    items: items.map(({ item }) => ({ ...item, currentPeriodStart: at, currentPeriodEnd: trialEndsAt })),
  };
}

/** The trial's coming end is announced, once. */
export function decideRemindTrial(subscription: Subscription, priced: readonly PricedItem[]): Decision {
  return {
    ...NOTHING,
    subscription: { ...subscription, trialReminderAt: null },
    items: priced.map(({ item }) => item),
    events: ['subscription.trial_will_end'],
  };
}

/**
 * The trial is over (billing rule 10): its time is accounted for as free, and either billing starts or, without a
 * usable payment method, the subscription does what `trialEndBehavior` says.
 */
export function decideEndTrial(
  subscription: Subscription,
  priced: readonly PricedItem[],
  at: Date,
  hasPaymentMethod: boolean,
): Decision {
  const coverage = trialCoverage(priced, at);
  const over = { ...subscription, trialEndedAt: at };
  const payable = hasPaymentMethod || subscription.collectionMethod === 'send_invoice';
  if (!payable && subscription.trialEndBehavior === 'cancel') {
    return {
      ...NOTHING,
      ...ended(over, priced, at, 'canceled', 'trial ended without a payment method'),
      coverage,
    };
  }
  if (!payable && subscription.trialEndBehavior === 'pause') {
    return {
      ...NOTHING,
      subscription: { ...over, pausedAt: at },
      items: priced.map(({ item }) => item),
      coverage,
    };
  }
  const decision = startBilling(over, priced, at, 'trial_end', payable);
  return {
    ...decision,
    subscription: keepToPeriodEnd(decision.subscription),
    coverage: [...coverage, ...decision.coverage],
  };
}

/** A boundary of one or more items: what ended is billed in arrears, what begins is billed in advance. */
export function decideClosePeriod(
  subscription: Subscription,
  priced: readonly PricedItem[],
  at: Date,
): Decision {
  const lines: LineDraft[] = [];
  const coverage: Coverage[] = [];
  const items = priced.map((entry) => {
    const { item, price } = entry;
    if (!item.currentPeriodStart || item.currentPeriodEnd?.getTime() !== at.getTime()) return item;
    const next = { start: at, end: boundaryAfter(cadenceOf(subscription), intervalOf(price), at) };
    const billed = price.timing === 'in_advance' ? next : { start: item.currentPeriodStart, end: at };
    coverage.push({ itemId: item.id, period: billed, reason: 'billed', line: lines.length });
    lines.push(feeLine(subscription, entry, billed));
    return { ...item, currentPeriodStart: next.start, currentPeriodEnd: next.end };
  });
  const moved = { ...subscription, currentPeriodStart: at, currentPeriodEnd: earliestEnd(items) };
  return {
    ...NOTHING,
    subscription: moved,
    items,
    invoice: invoiceOf(lines, 'subscription_cycle', at),
    coverage,
    events: ['billing.cycle.closed', 'subscription.renewed'],
    collect: subscription.collectionMethod === 'charge_automatically',
  };
}

/**
 * The subscription ends at `at` (billing rule 31c): nothing new is billed in advance, what runs in arrears is billed
 * up to and including the day of the cancellation (rule 12).
 */
export function decideCancel(subscription: Subscription, priced: readonly PricedItem[], at: Date): Decision {
  const end = ended(subscription, priced, at, 'canceled', subscription.cancellationReason);
  if (subscription.status === 'trialing') return { ...NOTHING, ...end, coverage: trialCoverage(priced, at) };
  if (subscription.status === 'incomplete') return { ...NOTHING, ...end, voidOpenInvoices: true };
  if (!isBilling(subscription)) return { ...NOTHING, ...end };
  const lines: LineDraft[] = [];
  const coverage: Coverage[] = [];
  for (const entry of priced) {
    const { currentPeriodStart: start, currentPeriodEnd } = entry.item;
    if (entry.price.timing !== 'in_arrears' || !start || start >= at) continue;
    const period = { start, end: at };
    const early = currentPeriodEnd !== null && at < currentPeriodEnd;
    coverage.push({ itemId: entry.item.id, period, reason: 'billed', line: lines.length });
    lines.push(feeLine(subscription, entry, period, early ? { throughDayOf: at } : {}));
  }
  return {
    ...NOTHING,
    ...end,
    invoice: invoiceOf(lines, 'subscription_cancel', at),
    coverage,
    collect: subscription.collectionMethod === 'charge_automatically',
  };
}

/** The first payment did not arrive in time: the subscription expires and its invoice is voided (billing rule 30). */
export function decideExpire(subscription: Subscription, priced: readonly PricedItem[], at: Date): Decision {
  return {
    ...NOTHING,
    ...ended(subscription, priced, at, 'expired', 'first payment not received'),
    voidOpenInvoices: true,
  };
}

/**
 * Ended by nobody's doing (its test clock was deleted): nothing is billed any more, what ran in arrears is waived, and
 * what is open is voided.
 */
export function decideAbandon(
  subscription: Subscription,
  priced: readonly PricedItem[],
  at: Date,
  reason: string,
): Decision {
  const end = { ...NOTHING, ...ended(subscription, priced, at, 'canceled', reason), voidOpenInvoices: true };
  if (subscription.status === 'trialing') return { ...end, coverage: trialCoverage(priced, at) };
  if (!isBilling(subscription)) return end;
  const coverage = priced.flatMap(({ item, price }) => {
    const start = item.currentPeriodStart;
    if (price.timing !== 'in_arrears' || !start || start >= at) return [];
    return [{ itemId: item.id, period: { start, end: at }, reason: 'waived' as const, line: null }];
  });
  return { ...end, coverage };
}

/** Canceled for the end of its period and then released from its trial early: it ends with the period that begins now. */
function keepToPeriodEnd(subscription: Subscription): Subscription {
  return subscription.cancelMode === 'period_end'
    ? { ...subscription, cancelAt: subscription.currentPeriodEnd }
    : subscription;
}

function startBilling(
  subscription: Subscription,
  priced: readonly PricedItem[],
  at: Date,
  reason: BillingReason,
  collect: boolean,
): Decision {
  const anchored = { ...subscription, anchorAt: subscription.anchorFixed ? subscription.anchorAt : at };
  const lines: LineDraft[] = [];
  const coverage: Coverage[] = [];
  const items = priced.map((entry) => {
    const period = {
      start: at,
      end: contractualPeriod(cadenceOf(anchored), intervalOf(entry.price), at).end,
    };
    if (entry.price.timing === 'in_advance') {
      coverage.push({ itemId: entry.item.id, period, reason: 'billed', line: lines.length });
      lines.push(feeLine(anchored, entry, period));
    }
    return { ...entry.item, currentPeriodStart: period.start, currentPeriodEnd: period.end };
  });
  const invoice = invoiceOf(lines, reason, at);
  const automatic = subscription.collectionMethod === 'charge_automatically';
  const owesFirstPayment =
    collect &&
    automatic &&
    subscription.paymentBehavior !== 'default_active' &&
    invoice !== null &&
    totalOf(invoice).gt(0);
  return {
    ...NOTHING,
    subscription: {
      ...anchored,
      currentPeriodStart: at,
      currentPeriodEnd: earliestEnd(items),
      incompleteSince: owesFirstPayment ? at : null,
      expiresAt: owesFirstPayment ? new Date(at.getTime() + INCOMPLETE_LIFETIME_MS) : null,
    },
    items,
    invoice,
    coverage,
    // `default_incomplete` leaves the first payment to the customer; a trial's end is charged like any renewal.
    collect:
      collect &&
      automatic &&
      (reason === 'trial_end' || subscription.paymentBehavior !== 'default_incomplete'),
  };
}

function invoiceOf(lines: readonly LineDraft[], billingReason: BillingReason, at: Date): InvoiceDraft | null {
  const starts = lines.map((line) => line.period.start.getTime());
  const ends = lines.map((line) => line.period.end.getTime());
  if (lines.length === 0) return null;
  return {
    billingReason,
    at,
    lines,
    period: { start: new Date(Math.min(...starts)), end: new Date(Math.max(...ends)) },
  };
}

function trialCoverage(priced: readonly PricedItem[], at: Date): Coverage[] {
  return priced.flatMap(({ item }) =>
    item.startedAt && item.startedAt < at
      ? [
          {
            itemId: item.id,
            period: { start: item.startedAt, end: at },
            reason: 'trial' as const,
            line: null,
          },
        ]
      : [],
  );
}

function ended(
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
      incompleteSince: null,
      expiresAt: null,
      blockedReason: null,
    },
    items: priced.map(({ item }) => ({ ...item, endedAt: at })),
  };
}

function earliestEnd(items: readonly SubscriptionItem[]): Date | null {
  const ends = items.flatMap((item) => (item.currentPeriodEnd ? [item.currentPeriodEnd.getTime()] : []));
  return ends.length > 0 ? new Date(Math.min(...ends)) : null;
}
