import { begin } from './advance.ts';
import type { Bill } from './bill.ts';
import { type InvoiceDraft, type LineDraft, totalOf } from './build-invoice.ts';
import { addCivilDays, boundaryAfter } from './calendar.ts';
import { type Conclusion, periodOf } from './conclude.ts';
import type { BillingReason } from './invoice.ts';
import { intervalOf } from './plan.ts';
import { cadenceOf, type PricedItem, type Subscription } from './subscription.ts';
import { runsThroughTrial } from './trial-periods.ts';

/** How long after it is due a first payment may take before the subscription expires (billing rule 30). */
const INCOMPLETE_LIFETIME_MS = 23 * 3_600_000;

/** `collects`: whether the first invoice is to be charged at all. `waiting`: the lines that it takes beside its own. */
export type Start = {
  at: Date;
  reason: BillingReason;
  collects: boolean;
  waiting?: readonly LineDraft[];
};

/**
 * Billing begins at `at`, with the first period or when the trial is over. Unless the anchor is fixed it is here, and a
 * fixed number of cycles counts from here (billing rules 8, 10, 18).
 */
export function startBilling(
  bill: Bill,
  subscription: Subscription,
  priced: readonly PricedItem[],
  { at, reason, collects, waiting = [] }: Start,
): Omit<Conclusion, 'bill'> {
  const anchored = withEnd(
    { ...subscription, anchorAt: subscription.anchorFixed ? subscription.anchorAt : at },
    priced,
    at,
  );
  const items = priced.map((entry) =>
    runsThroughTrial(anchored, entry, at)
      ? entry.item
      : begin(bill, entry, { after: anchored, at, prorates: true }),
  );
  const begun = { ...anchored, ...periodOf(items) };
  const automatic = subscription.collectionMethod === 'charge_automatically';
  const owes = collects && owesFirstPayment(subscription, { lines: [...bill.lines, ...waiting] });
  return {
    subscription: {
      ...begun,
      incompleteSince: owes ? at : null,
      expiresAt: owes ? firstPaymentDeadline(subscription, at) : null,
    },
    items,
    at,
    reason,
    // `default_incomplete` leaves the first payment to the customer; a trial's end is charged like any renewal.
    collect:
      collects &&
      automatic &&
      (reason === 'trial_end' || subscription.paymentBehavior !== 'default_incomplete'),
  };
}

/**
 * Whether the first invoice has to be paid before the subscription counts as begun (billing rule 31). Whoever is sent
 * invoices is trusted to pay them, unless `default_incomplete` says that the first one comes before anything else.
 */
export function owesFirstPayment(
  { collectionMethod, paymentBehavior }: Subscription,
  bill: Pick<InvoiceDraft, 'lines'>,
): boolean {
  const waits =
    collectionMethod === 'send_invoice'
      ? paymentBehavior === 'default_incomplete'
      : paymentBehavior !== 'default_active';
  return waits && totalOf(bill).gt(0);
}

/** When a subscription expires whose first invoice was made at `at`: 23 hours after that was due, which a sent one is in its net days. */
export function firstPaymentDeadline({ collectionMethod, netDays, timeZone }: Subscription, at: Date): Date {
  const dueAt = collectionMethod === 'send_invoice' ? addCivilDays(at, netDays ?? 0, timeZone) : at;
  return new Date(dueAt.getTime() + INCOMPLETE_LIFETIME_MS);
}

/** The last boundary of a fixed number of cycles: those of the first price, counted from where billing begins. */
function withEnd(subscription: Subscription, priced: readonly PricedItem[], at: Date): Subscription {
  const [first] = priced;
  if (subscription.cycles === null || !first) return subscription;
  let end = at;
  for (let n = 0; n < subscription.cycles; n += 1)
    end = boundaryAfter(cadenceOf(subscription), intervalOf(first.price), end);
  return { ...subscription, endsAt: end };
}
