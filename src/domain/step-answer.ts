import type { InvoiceStatus } from './invoice.ts';
import type { InvoiceStepName } from './invoice-step.ts';
import type { StepName, SubscriptionStatus } from './subscription.ts';

/** Instants travel as RFC 3339 UTC strings with milliseconds, which sort as they are. */
export type InstantString = string;

/**
 * What every database step of a subscription answers and its workflow carries from run to run: ids, instants and closed
 * outcomes, never prices or personal data. All of it can be read again from the row.
 */
export type SubscriptionState = {
  v: 1;
  tenantId: string;
  subscriptionId: string;
  customerId: string;
  planId: string;
  currency: string;
  clockId: string | null;
  /** The time of the test clock when the row was read; null in the present. */
  clockNow: InstantString | null;
  revision: number;
  status: SubscriptionStatus;
  next: { step: StepName; at: InstantString } | null;
  /** Minutes after `next.at` at which this subscription is served, to spread a stampede; amounts do not move. */
  jitterMinutes: number;
  period: { start: InstantString; end: InstantString } | null;
  pastDueSince: InstantString | null;
  dunningAttempt: number;
  openInvoiceId: string | null;
  blockedReason: string | null;
};

/**
 * `collect`: an invoice to charge now. `waits`: an invoice was made that is not charged here and waits for something.
 * `stale`: the row had moved on, nothing was done, here is what it says.
 */
export type SubscriptionAnswer = {
  state: SubscriptionState;
  collect: { invoiceId: string } | null;
  waits: boolean;
  stale: boolean;
};

/** The same for an invoice. `now` is the time of its test clock when it has one. */
export type InvoiceState = {
  v: 1;
  tenantId: string;
  invoiceId: string;
  customerId: string;
  subscriptionId: string | null;
  clockId: string | null;
  /** The time of the test clock when the row was read; null in the present. */
  clockNow: InstantString | null;
  status: InvoiceStatus;
  next: { step: InvoiceStepName; at: InstantString } | null;
  dunningAttempt: number;
};
