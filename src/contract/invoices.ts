import { z } from 'zod';
import {
  amountDue,
  BILLING_REASONS,
  INVOICE_STATUSES,
  type Invoice,
  type InvoiceLine,
} from '../domain/invoice.ts';
import { formatUnitPrice } from '../domain/money.ts';
import { COLLECTION_METHODS } from '../domain/subscription.ts';
import {
  idIn,
  idOut,
  instantOut,
  metadataOut,
  moneyOut,
  presentInstant,
  presentMoney,
  presentOptionalInstant,
} from './common.ts';
import { customerOut } from './customers.ts';
import { presentTrace, traceOut } from './traces.ts';

export const invoicePay = z
  .strictObject({
    payment_method: idIn('pm', 'payment method')
      .optional()
      .meta({ description: "The customer's default when absent." }),
    paid_out_of_band: z
      .literal(true)
      .optional()
      .meta({ description: 'The money arrived outside any gateway: nothing is charged.' }),
    reference: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .meta({ description: 'Out of band only: how the money is found again, such as a bank reference.' }),
  })
  .superRefine((body, ctx) => {
    const refuse = (field: string, message: string) =>
      ctx.addIssue({ code: 'custom', path: [field], message, params: { code: 'conflicting_fields' } });
    if (body.paid_out_of_band && body.payment_method)
      refuse('payment_method', 'Nothing is charged when paid_out_of_band is true; leave it out.');
    if (!body.paid_out_of_band && body.reference)
      refuse('reference', 'Only with paid_out_of_band true; leave it out.');
  })
  .meta({
    id: 'InvoicePay',
    examples: [{}, { paid_out_of_band: true, reference: 'bank transfer 2027-01-14' }],
  });

export const lineUsageOut = z
  .object({
    meter: z.string(),
    meter_version: z.int(),
    events: z.int().meta({ description: 'How many events the meter counted in the period.' }),
  })
  .nullable()
  .meta({ description: 'What counted the quantity; null where no meter did.' });

export const invoiceLineOut = z
  .object({
    object: z.literal('invoice_line'),
    id: idOut('il'),
    description: z.string(),
    item: z.string().nullable(),
    price: z.string().nullable(),
    quantity: z.string(),
    unit_amount: z.string().nullable(),
    amount: moneyOut,
    period: z.object({ start: instantOut, end: instantOut }),
    proration: z.boolean(),
    reverses: z.string().nullable().meta({ description: 'The line of which this gives a part back.' }),
    usage: lineUsageOut,
    trace: traceOut,
  })
  .meta({ id: 'InvoiceLine' });

export const explanationOut = z
  .object({
    object: z.literal('explanation'),
    invoice: idOut('inv'),
    line: idOut('il'),
    sentences: z.array(z.string()),
    text: z.string().meta({ description: 'The sentences, one after the other.' }),
  })
  .meta({ id: 'Explanation' });

export const invoiceOut = z
  .object({
    object: z.literal('invoice'),
    id: idOut('inv'),
    number: z.string().nullable().meta({ description: 'Without gaps per tenant; null while a draft.' }),
    status: z.enum(INVOICE_STATUSES),
    billing_reason: z.enum(BILLING_REASONS),
    customer: z
      .union([idOut('cus'), customerOut])
      .meta({ description: 'The id; the whole customer with `expand[]=customer`.' }),
    subscription: z.string().nullable(),
    subtotal: moneyOut,
    total: moneyOut,
    balance_applied: moneyOut.meta({
      description: "What the customer's balance gave to it; negative: what it gave to the balance.",
    }),
    amount_credited: moneyOut.meta({ description: 'What credit notes took off it.' }),
    amount_paid: moneyOut,
    amount_due: moneyOut,
    collection_method: z.enum(COLLECTION_METHODS),
    period: z.object({ start: instantOut, end: instantOut }),
    lines: z.array(invoiceLineOut).optional().meta({ description: 'Left out of lists.' }),
    due_at: instantOut.nullable(),
    finalize_at: instantOut.nullable(),
    finalized_at: instantOut.nullable(),
    overdue_since: instantOut.nullable(),
    paid_at: instantOut.nullable(),
    paid_out_of_band: z.boolean(),
    voided_at: instantOut.nullable(),
    marked_uncollectible_at: instantOut.nullable(),
    revision: z.int(),
    metadata: metadataOut,
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Invoice' });

/** An invoice as the world sees it; with its lines in order, or without them in lists. */
export function presentInvoice(invoice: Invoice, lines?: readonly InvoiceLine[]): z.infer<typeof invoiceOut> {
  const money = (amount: Invoice['total']) => presentMoney(amount, invoice.currency);
  return {
    object: 'invoice',
    id: invoice.id,
    number: invoice.number,
    status: invoice.status,
    billing_reason: invoice.billingReason,
    customer: invoice.customerId,
    subscription: invoice.subscriptionId,
    subtotal: money(invoice.subtotal),
    total: money(invoice.total),
    balance_applied: money(invoice.balanceApplied),
    amount_credited: money(invoice.amountCredited),
    amount_paid: money(invoice.amountPaid),
    amount_due: money(amountDue(invoice)),
    collection_method: invoice.collectionMethod,
    period: { start: presentInstant(invoice.periodStart), end: presentInstant(invoice.periodEnd) },
    ...(lines ? { lines: lines.map((line) => presentInvoiceLine(line, invoice.currency)) } : {}),
    due_at: presentOptionalInstant(invoice.dueAt),
    finalize_at: presentOptionalInstant(invoice.finalizeAt),
    finalized_at: presentOptionalInstant(invoice.finalizedAt),
    overdue_since: presentOptionalInstant(invoice.overdueSince),
    paid_at: presentOptionalInstant(invoice.paidAt),
    paid_out_of_band: invoice.paidOutOfBand,
    voided_at: presentOptionalInstant(invoice.voidedAt),
    marked_uncollectible_at: presentOptionalInstant(invoice.markedUncollectibleAt),
    revision: invoice.revision,
    metadata: invoice.metadata,
    created_at: presentInstant(invoice.createdAt),
    updated_at: presentInstant(invoice.updatedAt),
  };
}

/** A line as the world sees it; `currency` is its invoice's. */
export function presentInvoiceLine(line: InvoiceLine, currency: string): z.infer<typeof invoiceLineOut> {
  return {
    object: 'invoice_line',
    id: line.id,
    description: line.description,
    item: line.itemId,
    price: line.priceId,
    quantity: line.quantity.toFixed(),
    unit_amount: line.unitAmount && formatUnitPrice(line.unitAmount),
    amount: presentMoney(line.amount, currency),
    period: { start: presentInstant(line.periodStart), end: presentInstant(line.periodEnd) },
    proration: line.proration,
    reverses: line.reversesLineId,
    usage: presentLineUsage(line),
    trace: presentTrace(line.trace),
  };
}

/** What counted a line's quantity, as the world sees it. */
export function presentLineUsage({
  meterId,
  meterVersion,
  eventCount,
}: Pick<InvoiceLine, 'meterId' | 'meterVersion' | 'eventCount'>): z.infer<typeof lineUsageOut> {
  if (meterId === null || meterVersion === null || eventCount === null) return null;
  return { meter: meterId, meter_version: meterVersion, events: eventCount };
}
