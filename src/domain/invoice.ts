import { Decimal } from './money.ts';
import type { PricedTrace } from './rating/trace.ts';
import type { CollectionMethod } from './subscription.ts';
import type { Metadata } from './tenant.ts';

export const INVOICE_STATUSES = ['draft', 'open', 'paid', 'void', 'uncollectible'] as const;
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number];
export const BILLING_REASONS = [
  'subscription_create',
  'subscription_cycle',
  'subscription_update',
  'trial_end',
  'subscription_cancel',
  'threshold',
  'late_usage',
] as const;
export type BillingReason = (typeof BILLING_REASONS)[number];

export type Invoice = {
  id: string;
  tenantId: string;
  customerId: string;
  subscriptionId: string | null;
  /** `<subscription>:<due instant>`: the same boundary never makes two invoices. */
  originKey: string;
  number: string | null;
  status: InvoiceStatus;
  billingReason: BillingReason;
  currency: string;
  subtotal: Decimal;
  total: Decimal;
  amountPaid: Decimal;
  /** What the customer's balance gave when it was finalized; negative: what it gave to the balance (billing rule 28). */
  balanceApplied: Decimal;
  /** What credit notes took off it. */
  amountCredited: Decimal;
  collectionMethod: CollectionMethod;
  netDays: number | null;
  dueAt: Date | null;
  finalizeAt: Date | null;
  finalizedAt: Date | null;
  /** When the first charge is due; null when nothing is to be charged automatically. */
  collectAt: Date | null;
  overdueSince: Date | null;
  paidAt: Date | null;
  paidOutOfBand: boolean;
  voidedAt: Date | null;
  markedUncollectibleAt: Date | null;
  periodStart: Date;
  periodEnd: Date;
  revision: number;
  metadata: Metadata;
  createdAt: Date;
  updatedAt: Date;
};

/** How a line's amount came about: enough to explain it without running anything (billing rule 22). */
export type LineTrace = PricedTrace;

export type InvoiceLine = {
  id: string;
  tenantId: string;
  invoiceId: string;
  n: number;
  itemId: string | null;
  priceId: string | null;
  description: string;
  quantity: Decimal;
  unitAmount: Decimal | null;
  amount: Decimal;
  periodStart: Date;
  periodEnd: Date;
  proration: boolean;
  trace: LineTrace;
  reversesLineId: string | null;
  /** What counted its quantity, which version of it, and how many events that saw; null for what no meter counts. */
  meterId: string | null;
  meterVersion: number | null;
  eventCount: number | null;
};

/** What is still owed on an invoice. */
export function amountDue(
  invoice: Pick<Invoice, 'status' | 'total' | 'amountPaid' | 'balanceApplied' | 'amountCredited'>,
): Decimal {
  const { status, total, amountPaid, balanceApplied, amountCredited } = invoice;
  return status === 'open' || status === 'uncollectible' || status === 'draft'
    ? total.minus(balanceApplied).minus(amountCredited).minus(amountPaid)
    : new Decimal(0);
}
