import { z } from 'zod';
import { type InvoiceDraft, totalOf } from '../domain/build-invoice.ts';
import type { Decision } from '../domain/decision.ts';
import { BILLING_REASONS } from '../domain/invoice.ts';
import type { Decimal } from '../domain/money.ts';
import { idOut, instantOut, moneyOut, presentInstant, presentMoney, reference } from './common.ts';
import { presentPreviewLine, previewLineOut } from './previews.ts';

export const upcomingQuery = z.strictObject({
  subscription: reference('sub', 'subscription').meta({
    description: 'Of which the next invoice is asked for.',
  }),
});

export const upcomingInvoiceOut = z
  .object({
    object: z.literal('upcoming_invoice'),
    subscription: idOut('sub'),
    customer: idOut('cus'),
    billing_reason: z.enum(BILLING_REASONS),
    made_at: instantOut.meta({ description: 'When it will be made, if nothing else happens before.' }),
    period: z.object({ start: instantOut, end: instantOut }),
    lines: z.array(previewLineOut).meta({ description: 'With everything that was used until now.' }),
    total: moneyOut,
    balance_applied: moneyOut.meta({ description: "What the customer's balance gives to it." }),
    amount_due: moneyOut.meta({ description: 'What would be left to pay.' }),
  })
  .meta({ id: 'UpcomingInvoice', description: 'The next invoice as it stands now. Nothing is stored.' });

type Upcoming = {
  at: Date;
  decision: Decision;
  invoice: InvoiceDraft;
  balance: { before: Decimal; after: Decimal };
};

export function presentUpcoming({
  at,
  decision,
  invoice,
  balance,
}: Upcoming): z.infer<typeof upcomingInvoiceOut> {
  const { id, customerId, currency } = decision.subscription;
  const money = (amount: Decimal) => presentMoney(amount, currency);
  const total = totalOf(invoice);
  const applied = balance.before.minus(balance.after);
  return {
    object: 'upcoming_invoice',
    subscription: id,
    customer: customerId,
    billing_reason: invoice.billingReason,
    made_at: presentInstant(at),
    period: { start: presentInstant(invoice.period.start), end: presentInstant(invoice.period.end) },
    lines: invoice.lines.map((line) => presentPreviewLine(line, decision)),
    total: money(total),
    balance_applied: money(applied),
    amount_due: money(total.minus(applied)),
  };
}
