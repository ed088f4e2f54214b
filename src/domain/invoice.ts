import { Decimal } from './money.ts';
import type { CollectionMethod } from './subscription.ts';
import type { Metadata } from './tenant.ts';

export const INVOICE_STATUSES = ['draft', 'open', 'paid', 'void', 'uncollectible'] as const;
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number];
export const BILLING_REASONS = [
  'subscription_create',
  'subscription_cycle',
  'trial_end',
  'subscription_cancel',
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
export type LineTrace = {
  model: 'flat' | 'per_unit';
  unitAmount: string;
  quantity: string;
  /** Units billed over units of the whole contractual period; absent when the period is whole. */
  fraction?: { numerator: number; denominator: number; unit: 'day' | 'second' };
  exact: string;
  rounded: string;
};

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
};

/** What is still owed on an invoice. */
export function amountDue(invoice: Pick<Invoice, 'status' | 'total' | 'amountPaid'>): Decimal {
  return invoice.status === 'open' || invoice.status === 'uncollectible' || invoice.status === 'draft'
    ? invoice.total.minus(invoice.amountPaid)
    : new Decimal(0);
}
