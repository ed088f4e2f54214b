import { type LineDraft, onceLine } from './build-invoice.ts';
import { addCivilDays } from './calendar.ts';
import type { ItemTarget } from './change.ts';
import { DomainError } from './errors.ts';
import {
  type BillingCycle,
  type CollectionMethod,
  FOREVER,
  type ItemSegment,
  type PaymentBehavior,
  type PricedItem,
  type ProrationBasis,
  type Subscription,
  type SubscriptionItem,
  type TrialEndBehavior,
} from './subscription.ts';
import type { Metadata } from './tenant.ts';

/** Everything a creation was asked for, with references resolved and defaults applied. */
export type SubscriptionTerms = {
  externalId: string | null;
  customerId: string;
  planId: string;
  planVersion: number;
  testClockId: string | null;
  currency: string;
  timeZone: string;
  prorationBasis: ProrationBasis;
  billingCycle: BillingCycle;
  /** An explicit anchor keeps its calendar place even after a trial. */
  billingAnchor: Date | null;
  collectionMethod: CollectionMethod;
  netDays: number | null;
  paymentBehavior: PaymentBehavior;
  trialEndBehavior: TrialEndBehavior;
  /** `free` when absent. */
  trialUsage?: 'free' | 'billed';
  usageScope?: Subscription['usageScope'];
  /** How many cycles it runs for; for ever when absent or null. */
  cycles?: number | null;
  /** Null: at once. */
  startAt: Date | null;
  /** How many days before the request it may start (billing rule 18); absent: not at all, it starts at the request. */
  backdateDaysMax?: number;
  trialDays: number | null;
  trialEnd: Date | null;
  trialReminderDays: number | null;
  cancelAt: Date | null;
  items: readonly ItemTarget[];
  /** What is charged once, when it begins; nothing when absent. */
  once?: readonly ItemTarget[];
  metadata: Metadata;
};

/** `once`: lines that wait for the first invoice. */
export type NewSubscription = {
  subscription: Subscription;
  priced: PricedItem[];
  segments: ItemSegment[];
  once: LineDraft[];
};

/**
 * A subscription as it is asked for, before it begins: `decideActivate` begins it at `startsAt`.
 * `at` is the instant of the request. Ids come from the caller. Throws `trial_too_long` (more than two years) and
 * `cancel_at_in_past`.
 */
export function createSubscription(
  terms: SubscriptionTerms,
  ids: { tenantId: string; subscriptionId: string; newId: (prefix: 'si' | 'seg') => string },
  at: Date,
): NewSubscription {
  const startsAt = startOf(terms, at);
  const trialEndsAt = trialEnd(terms, startsAt);
  if (terms.cancelAt && terms.cancelAt <= startsAt) {
    throw new DomainError(
      'cancel_at_in_past',
      'cancel_at must be later than the start of the subscription.',
      {
        errors: [
          {
            path: 'cancel_at',
            code: 'cancel_at_in_past',
            message: 'Use an instant after the start, or leave it out.',
          },
        ],
      },
    );
  }
  const subscription: Subscription = {
    id: ids.subscriptionId,
    tenantId: ids.tenantId,
    externalId: terms.externalId,
    customerId: terms.customerId,
    planId: terms.planId,
    planVersion: terms.planVersion,
    testClockId: terms.testClockId,
    currency: terms.currency,
    timeZone: terms.timeZone,
    prorationBasis: terms.prorationBasis,
    billingCycle: terms.billingCycle,
    collectionMethod: terms.collectionMethod,
    netDays: terms.netDays,
    paymentBehavior: terms.paymentBehavior,
    trialEndBehavior: terms.trialEndBehavior,
    trialUsage: terms.trialUsage ?? 'free',
    usageScope: terms.usageScope ?? 'customer',
    cycles: terms.cycles ?? null,
    startsAt,
    anchorAt: terms.billingAnchor ?? startsAt,
    anchorFixed: terms.billingAnchor !== null || terms.billingCycle === 'calendar',
    startedAt: null,
    trialEndsAt,
    trialEndedAt: null,
    trialReminderAt: trialReminder(trialEndsAt, terms.trialReminderDays, terms.timeZone, startsAt),
    incompleteSince: null,
    expiresAt: null,
    pausedAt: null,
    changeAt: null,
    thresholdAt: null,
    thresholdBilledAt: null,
    thresholdPassed: null,
    endsAt: null,
    unpaidSince: null,
    overdueCount: 0,
    pastDueSince: null,
    cancelAt: terms.cancelAt,
    cancelMode: terms.cancelAt ? 'at' : null,
    cancelCredit: 'none',
    canceledAt: null,
    endedAt: null,
    endReason: null,
    cancellationReason: null,
    currentPeriodStart: null,
    currentPeriodEnd: null,
    latestInvoiceId: null,
    status: 'scheduled',
    nextStep: 'activate',
    nextStepAt: startsAt,
    revision: 1,
    blockedReason: null,
    failureCount: 0,
    metadata: terms.metadata,
    createdAt: at,
    updatedAt: at,
  };
  const priced = terms.items.map(({ key, price, quantity }) => ({
    item: newItem(ids.newId('si'), subscription, key),
    price,
    quantity,
  }));
  const segments = priced.map(({ item, price, quantity }) => ({
    id: ids.newId('seg'),
    tenantId: ids.tenantId,
    itemId: item.id,
    priceId: price.id,
    quantity,
    valid: { start: startsAt, end: FOREVER },
    createdAt: at,
  }));
  const once = (terms.once ?? []).map((target) => onceLine(subscription, target, startsAt));
  return { subscription, priced, segments, once };
}

/** How far ahead a subscription may start. */
export const START_YEARS_MAX = 10;
const YEAR_MS = 366 * 86_400_000;

/** Throws `validation_failed` for a start that lies too far ahead, or further back than the tenant allows. */
function startOf({ startAt, backdateDaysMax, timeZone }: SubscriptionTerms, at: Date): Date {
  if (startAt && isTooFarAhead(startAt, at)) {
    const message = `A subscription can start at most ${START_YEARS_MAX} years from now.`;
    throw new DomainError('validation_failed', message, {
      errors: [{ path: 'start_at', code: 'too_far', message }],
    });
  }
  if (!startAt || startAt >= at || backdateDaysMax === undefined)
    return startAt && startAt > at ? startAt : at;
  const earliest = addCivilDays(at, -backdateDaysMax, timeZone);
  if (startAt >= earliest) return startAt;
  const message = `Use an instant that is not before ${earliest.toISOString()}.`;
  throw new DomainError(
    'validation_failed',
    `A subscription starts at most ${backdateDaysMax} days before it is created.`,
    { errors: [{ path: 'start_at', code: 'too_early', message }] },
  );
}

/** Whether a start lies further ahead than `START_YEARS_MAX`. */
export function isTooFarAhead(startAt: Date, now: Date): boolean {
  return startAt.getTime() - now.getTime() > START_YEARS_MAX * YEAR_MS;
}

function newItem(id: string, subscription: Subscription, key: string): SubscriptionItem {
  return {
    id,
    tenantId: subscription.tenantId,
    subscriptionId: subscription.id,
    key,
    startedAt: null,
    endedAt: null,
    currentPeriodStart: null,
    currentPeriodEnd: null,
    createdAt: subscription.createdAt,
  };
}

/**
 * When the end of a trial is announced: `days` civil days before it, or at `from` when that has passed. Null: never,
 * because there is no trial or nobody wants to hear of it.
 */
export function trialReminder(
  trialEndsAt: Date | null,
  days: number | null,
  timeZone: string,
  from: Date,
): Date | null {
  if (!trialEndsAt || days === null) return null;
  const planned = addCivilDays(trialEndsAt, -days, timeZone);
  return planned > from ? planned : from;
}

const TRIAL_DAYS_MAX = 730;

function trialEnd(terms: SubscriptionTerms, startsAt: Date): Date | null {
  const end =
    terms.trialEnd ?? (terms.trialDays ? addCivilDays(startsAt, terms.trialDays, terms.timeZone) : null);
  if (end === null) return null;
  assertTrialLength(startsAt, end, terms.timeZone, terms.trialEnd ? 'trial_end' : 'trial_days');
  return end;
}

/** A trial ends after `from` and within two years of it. Throws `trial_too_long` naming `path`. */
export function assertTrialLength(from: Date, end: Date, timeZone: string, path: string): void {
  const latest = addCivilDays(from, TRIAL_DAYS_MAX, timeZone);
  if (end > from && end <= latest) return;
  throw new DomainError('trial_too_long', 'A trial ends after it starts and lasts at most 730 days.', {
    errors: [
      {
        path,
        code: 'trial_too_long',
        message: `Use an instant after ${from.toISOString()} and not later than ${latest.toISOString()}.`,
      },
    ],
  });
}
