import {
  type Collection,
  DEFAULT_DUNNING_POLICY,
  type DunningEndAction,
  type DunningPolicy,
  isRunning,
} from './dunning.ts';
import type { Invoice } from './invoice.ts';
import { overdueInvoice } from './open-invoice.ts';
import { isEnded, type Subscription } from './subscription.ts';

/** What a payment that was received, or was not, does to a subscription and to the other debts of its customer. */

/** The invoices of a subscription that are open and overdue, and since when the oldest of them is. */
export type Overdue = { count: number; since: Date | null };

/**
 * A subscription brought up to date with its invoices: how many are overdue and whether its first payment arrived. Null
 * when nothing changes. `recovered`: it was unpaid and is not any more, so its drafts go out (billing rule 34b).
 */
export function followInvoices(
  before: Subscription,
  overdue: Overdue,
  firstPayment: 'received' | 'unchanged',
): { subscription: Subscription; recovered: boolean } | null {
  if (before.endedAt) return null;
  const recovered = before.unpaidSince !== null && overdue.count === 0;
  const received = firstPayment === 'received' && before.incompleteSince !== null;
  if (overdue.count === before.overdueCount && !recovered && !received) return null;
  const subscription = {
    ...before,
    overdueCount: overdue.count,
    pastDueSince: overdue.since,
    unpaidSince: recovered ? null : before.unpaidSince,
    incompleteSince: received ? null : before.incompleteSince,
    expiresAt: received ? null : before.expiresAt,
  };
  return { subscription, recovered };
}

/** Whether this is the first payment of a subscription that waits for it. */
export function isFirstPayment(invoice: Pick<Invoice, 'id'>, owner: Subscription | null): boolean {
  return owner !== null && owner.incompleteSince !== null && owner.latestInvoiceId === invoice.id;
}

/** What is known of a charge that failed, or that could not even be tried. */
export type FailedCharge = {
  invoice: Invoice;
  owner: Subscription | null;
  collection: Collection | null;
  /** Whether a person asked for it. */
  asked: boolean;
};

/**
 * What follows from a failed charge (billing rules 31, 33): `none` when the invoice is not open any more,
 * `stays_incomplete` or, for whoever wanted all or nothing, `expire` for a first payment and for what is charged once where a
 * trial begins, `void` where the subscription
 * ended before anything was received, `tell` for a try that is not one of the policy's, and `dun` for a renewal.
 */
export function afterFailedCharge({
  invoice,
  owner,
  collection,
  asked,
}: FailedCharge): 'none' | 'stays_incomplete' | 'expire' | 'void' | 'tell' | 'dun' {
  if (invoice.status !== 'open') return 'none';
  const begins = isBeginning(invoice);
  if (owner && isFirstPayment(invoice, owner)) {
    const allOrNothing = owner.paymentBehavior === 'error_if_incomplete';
    return allOrNothing && invoice.billingReason === 'subscription_create' ? 'expire' : 'stays_incomplete';
  }
  if (
    owner &&
    !collection &&
    beginsWithTrial(invoice, owner) &&
    owner.paymentBehavior === 'error_if_incomplete'
  )
    return 'expire';
  // The subscription ended while its first payment was under way: nothing was ever received, so nothing is owed.
  if (owner && begins && !collection && isEnded(owner.status) && owner.latestInvoiceId === invoice.id)
    return 'void';
  // A person's own try is not one of the policy's, and an invoice that was sent is never dunned by charging it.
  return asked || invoice.collectionMethod === 'send_invoice' ? 'tell' : 'dun';
}

/** Whether it is what is charged once at the beginning of a trial that still runs: no fee, so nothing waits for it. */
function beginsWithTrial({ id, billingReason }: Invoice, owner: Subscription): boolean {
  return (
    billingReason === 'subscription_create' && owner.latestInvoiceId === id && owner.status === 'trialing'
  );
}

function isBeginning({ billingReason }: Invoice): boolean {
  return billingReason === 'subscription_create' || billingReason === 'trial_end';
}

/**
 * Whether a first invoice that was not paid at once is not held against its subscription yet: with `default_active` that
 * stays active until a retry fails as well, or there is none (billing rule 31).
 */
export function isTrusted({ invoice, owner, collection }: Omit<FailedCharge, 'asked'>): boolean {
  return isBeginning(invoice) && !collection && owner?.paymentBehavior === 'default_active';
}

/** An invoice after a failure that its dunning goes on from, or ends with; `after` is what the failure made of that. */
export function afterDunnedFailure(
  failed: Omit<FailedCharge, 'asked'>,
  after: Collection,
  at: Date,
): Invoice {
  if (isRunning(after) && isTrusted(failed)) return { ...failed.invoice, collectAt: null, updatedAt: at };
  return overdueInvoice(failed.invoice, at);
}

/**
 * What becomes of the invoices in dunning when the first of these collections is exhausted (billing rule 34b): the others
 * end as superseded; debts are given up only together with their subscriptions.
 */
export function endOfDunning(
  collections: readonly [Collection, ...Collection[]],
): { collection: Collection; outcome: 'exhausted' | 'superseded'; writesOff: boolean }[] {
  const [{ policy }] = collections;
  const writesOff = policy.invoice === 'uncollectible' && policy.endAction === 'cancel';
  return collections.map((collection, index) => ({
    collection,
    outcome: index === 0 ? 'exhausted' : 'superseded',
    writesOff,
  }));
}

/** A subscription that is canceled for want of payment, before the cancellation is decided. */
export function unpaidCancellation(subscription: Subscription, overdue: Overdue): Subscription {
  return { ...withOverdue(subscription, overdue), cancellationReason: 'payment failed' };
}

/** A subscription that counts its overdue invoices as they are. */
export function withOverdue(subscription: Subscription, overdue: Overdue): Subscription {
  return { ...subscription, overdueCount: overdue.count, pastDueSince: overdue.since };
}

/** Whether the policy's end makes the subscription unpaid. Its invoices have been followed before this is asked. */
export function becomesUnpaid(subscription: Subscription, action: DunningEndAction): boolean {
  return action === 'unpaid' && !subscription.unpaidSince;
}

/** A collection that is over. */
export function endedCollection(
  collection: Collection,
  outcome: NonNullable<Collection['outcome']>,
  at: Date,
): Collection {
  return { ...collection, outcome, nextAttemptAt: null, endedAt: at, updatedAt: at };
}

/** A new method, or one that works again: hard declines of the past say nothing any more. Answers what changed. */
export function withoutHardDeclines(running: readonly Collection[], at: Date): Collection[] {
  return running
    .filter((collection) => isRunning(collection) && collection.hardDeclined)
    .map((collection) => ({ ...collection, hardDeclined: false, updatedAt: at }));
}

/** The policy that a first failure begins with: the one under which the customer is dunned already, else the tenant's. */
export function policyFor(running: readonly Collection[], ofTenant: DunningPolicy | null): DunningPolicy {
  return running[0]?.policy ?? ofTenant ?? DEFAULT_DUNNING_POLICY;
}

/**
 * What another default payment method does to an invoice (billing rules 33, 34b): a decline is forgotten and its retries
 * begin again, and what was never tried for want of a method is due at once. What is to be charged on a later day anyway
 * keeps its day, and nothing of an ended subscription is taken up again. Null when it does not concern the invoice.
 */
export function withNewMethod(
  { invoice, owner, collection, underWay }: Omit<FailedCharge, 'asked'> & { underWay: boolean },
  at: Date,
): { collection: Collection | null; invoice: Invoice | null } | null {
  if (!isChargedAutomatically(invoice, owner, collection)) return null;
  if (collection) {
    const again = { ...collection, hardDeclined: false, outcome: null, endedAt: null, updatedAt: at };
    return { collection: again, invoice: null };
  }
  const waits = !invoice.collectAt && !underWay;
  return { collection: null, invoice: waits ? { ...invoice, collectAt: at, updatedAt: at } : null };
}

function isChargedAutomatically(
  invoice: Invoice,
  owner: Subscription | null,
  collection: Collection | null,
): boolean {
  if (invoice.status !== 'open' || invoice.collectionMethod !== 'charge_automatically') return false;
  if (!owner) return true;
  if (isEnded(owner.status)) return collection !== null && collection.outcome === null;
  // Its first payment is left to the customer (billing rule 31).
  return owner.status !== 'incomplete' || owner.paymentBehavior !== 'default_incomplete';
}
