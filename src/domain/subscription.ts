import type { BilledFee } from './billed-fee.ts';
import type { Cadence, Period } from './calendar.ts';
import { DomainError } from './errors.ts';
import type { Decimal } from './money.ts';
import type { Price } from './plan.ts';
import type { Usage } from './price-terms.ts';
import type { Metadata } from './tenant.ts';

/** The words of Stripe. Derived from facts by `deriveStatus`, never set by hand. */
export const SUBSCRIPTION_STATUSES = [
  'scheduled',
  'trialing',
  'incomplete',
  'active',
  'past_due',
  'unpaid',
  'paused',
  'canceled',
  'expired',
] as const;
export type SubscriptionStatus = (typeof SUBSCRIPTION_STATUSES)[number];

export type BillingCycle = Cadence['billingCycle'];
export type ProrationBasis = Cadence['prorationBasis'];
export const COLLECTION_METHODS = ['charge_automatically', 'send_invoice'] as const;
export type CollectionMethod = (typeof COLLECTION_METHODS)[number];
export const PAYMENT_BEHAVIORS = [
  'allow_incomplete',
  'default_active',
  'error_if_incomplete',
  'default_incomplete',
] as const;
export type PaymentBehavior = (typeof PAYMENT_BEHAVIORS)[number];
export const TRIAL_END_BEHAVIORS = ['activate', 'pause', 'cancel'] as const;
export type TrialEndBehavior = (typeof TRIAL_END_BEHAVIORS)[number];
/** Billing rule 29b. */
export const USAGE_SCOPES = ['customer', 'subscription'] as const;
export const STEP_NAMES = [
  'activate',
  'bill_threshold',
  'remind_trial',
  'apply_change',
  'end_trial',
  'cancel',
  'expire',
  'close_period',
] as const;
export type StepName = (typeof STEP_NAMES)[number];

export type Subscription = {
  id: string;
  tenantId: string;
  externalId: string | null;
  customerId: string;
  planId: string;
  planVersion: number;
  testClockId: string | null;
  // Frozen at creation.
  currency: string;
  timeZone: string;
  prorationBasis: ProrationBasis;
  billingCycle: BillingCycle;
  collectionMethod: CollectionMethod;
  netDays: number | null;
  paymentBehavior: PaymentBehavior;
  trialEndBehavior: TrialEndBehavior;
  /** Whether what is used during the trial is billed (billing rule 10). */
  trialUsage: 'free' | 'billed';
  /** Whose events its metered items count: all of its customer's, or those that name the subscription (billing rule 29b). */
  usageScope: (typeof USAGE_SCOPES)[number];
  /** How many cycles it runs for, counted from where billing begins; null: for ever. */
  cycles: number | null;
  startsAt: Date;
  // Facts.
  anchorAt: Date;
  /** True for calendar billing and an explicit anchor: a trial's end does not move it (billing rule 10). */
  anchorFixed: boolean;
  startedAt: Date | null;
  trialEndsAt: Date | null;
  trialEndedAt: Date | null;
  /** When the coming end of the trial is announced; null when it was, or never is. */
  trialReminderAt: Date | null;
  /** Set while the first payment is owed; the subscription expires at `expiresAt` unless it arrives. */
  incompleteSince: Date | null;
  expiresAt: Date | null;
  pausedAt: Date | null;
  /** The earliest instant at which a pending scheduled change is due. */
  changeAt: Date | null;
  /** When the running period's usage was seen to come to a threshold that is not billed yet (billing rule 29c). */
  thresholdAt: Date | null;
  /** When a threshold invoice was made last. */
  thresholdBilledAt: Date | null;
  /** The highest threshold that comes once in its life and is behind it, in the major unit. */
  thresholdPassed: Decimal | null;
  /** When its cycles are over. */
  endsAt: Date | null;
  unpaidSince: Date | null;
  /** How many of its invoices are open and overdue. */
  overdueCount: number;
  pastDueSince: Date | null;
  cancelAt: Date | null;
  cancelMode: 'period_end' | 'at' | null;
  /** Whether what was paid ahead is given back when it ends at `cancelAt`. */
  cancelCredit: 'none' | 'prorate';
  canceledAt: Date | null;
  endedAt: Date | null;
  endReason: 'canceled' | 'expired' | null;
  cancellationReason: string | null;
  /** From the last boundary of any item to the next one. */
  currentPeriodStart: Date | null;
  currentPeriodEnd: Date | null;
  latestInvoiceId: string | null;
  // Derived.
  status: SubscriptionStatus;
  nextStep: StepName | null;
  nextStepAt: Date | null;
  revision: number;
  blockedReason: string | null;
  failureCount: number;
  metadata: Metadata;
  createdAt: Date;
  updatedAt: Date;
};

export type SubscriptionItem = {
  id: string;
  tenantId: string;
  subscriptionId: string;
  key: string;
  startedAt: Date | null;
  endedAt: Date | null;
  /** The running period of this item's own cadence. */
  currentPeriodStart: Date | null;
  currentPeriodEnd: Date | null;
  createdAt: Date;
};

/** The end of a segment that has none yet: PostgreSQL's ranges and JavaScript's dates both hold it. */
export const FOREVER = new Date('9999-12-31T00:00:00.000Z');

/** A price and a quantity over a stretch of an item's life; segments of one item never overlap. */
export type ItemSegment = {
  id: string;
  tenantId: string;
  itemId: string;
  priceId: string;
  quantity: Decimal;
  valid: Period;
  createdAt: Date;
};

/** One row per stretch of an item's life that was billed, or deliberately not. */
export type BilledPeriod = {
  tenantId: string;
  itemId: string;
  side: 'fee' | 'usage';
  period: Period;
  reason: 'billed' | 'trial' | 'paused' | 'waived';
  lineId: string | null;
};

/**
 * An item with the price and quantity in force: what billing a boundary needs to know. What is optional is loaded where a
 * decision needs it; a decision that finds it missing throws, because nothing is not the same as not known.
 */
export type PricedItem = {
  item: SubscriptionItem;
  price: Price;
  quantity: Decimal;
  /** From when on it has this price and quantity. */
  since?: Date;
  /** What was billed ahead and reaches beyond the instant of the decision: what a credit is taken from. */
  fees?: readonly BilledFee[];
  /** Of a usage price: what was used from the start of the item's period to the instant of the decision. */
  usage?: Usage;
  /** Of a usage price: what threshold invoices that are not void billed of the item's running period. */
  instalments?: Decimal;
  /**
   * Of a minimum commitment: what the subscription's other lines come to, pending ones too and net of credits, whose
   * period begins in its running period and before the instant of the decision, and ends no later than that period.
   */
  spent?: Decimal;
};

/** The calendar every price of the subscription follows (billing rules 5, 6, 8). */
export function cadenceOf(subscription: Subscription): Cadence {
  return {
    billingCycle: subscription.billingCycle,
    prorationBasis: subscription.prorationBasis,
    timeZone: subscription.timeZone,
    anchor: subscription.anchorAt,
  };
}

/** Whether a threshold invoice may have billed something of the item's running period. */
export function mayHaveInstalments(
  { thresholdBilledAt }: Pick<Subscription, 'thresholdBilledAt'>,
  { currentPeriodStart: start }: Pick<SubscriptionItem, 'currentPeriodStart'>,
): boolean {
  return thresholdBilledAt !== null && start !== null && thresholdBilledAt >= start;
}

/** The one transition table (billing rule 30). Ended is final. */
export const TRANSITIONS: Record<SubscriptionStatus, readonly SubscriptionStatus[]> = {
  scheduled: ['trialing', 'active', 'incomplete', 'canceled'],
  incomplete: ['active', 'expired', 'canceled'],
  // What was used in a trial may be owed when it ends, and what was charged once at its beginning may have been all or nothing.
  trialing: ['active', 'incomplete', 'past_due', 'unpaid', 'paused', 'canceled', 'expired'],
  active: ['past_due', 'paused', 'canceled', 'expired'],
  past_due: ['active', 'unpaid', 'paused', 'canceled', 'expired'],
  unpaid: ['active', 'canceled', 'expired'],
  paused: ['trialing', 'active', 'past_due', 'unpaid', 'canceled', 'expired'],
  canceled: [],
  expired: [],
};

type StatusFacts = Pick<
  Subscription,
  | 'endReason'
  | 'startedAt'
  | 'trialEndsAt'
  | 'trialEndedAt'
  | 'incompleteSince'
  | 'pausedAt'
  | 'unpaidSince'
  | 'overdueCount'
>;

/** The status that follows from the facts, the first that applies (billing rule 30). */
export function deriveStatus(facts: StatusFacts): SubscriptionStatus {
  if (facts.endReason) return facts.endReason;
  if (!facts.startedAt) return 'scheduled';
  if (facts.pausedAt) return 'paused';
  if (facts.trialEndsAt && !facts.trialEndedAt) return 'trialing';
  if (facts.incompleteSince) return 'incomplete';
  if (facts.unpaidSince) return 'unpaid';
  if (facts.overdueCount > 0) return 'past_due';
  return 'active';
}

export function isEnded(status: SubscriptionStatus): boolean {
  return status === 'canceled' || status === 'expired';
}

/** Whether periods go by and are billed. While incomplete nothing is: the first payment decides. */
export function isBilling({ status }: Pick<Subscription, 'status'>): boolean {
  return status === 'active' || status === 'past_due' || status === 'unpaid';
}

/** Throws `transition_not_allowed` unless the table of billing rule 30 allows going from `from` to `to`. */
export function assertTransition(from: SubscriptionStatus, to: SubscriptionStatus): void {
  if (from === to || TRANSITIONS[from].includes(to)) return;
  throw new DomainError('transition_not_allowed', `A subscription that is ${from} cannot become ${to}.`, {
    from,
    to,
  });
}
