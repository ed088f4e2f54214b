import { z } from 'zod';
import { type LineDraft, meterOf, totalOf } from '../domain/build-invoice.ts';
import type { Decision } from '../domain/decision.ts';
import { explain } from '../domain/explain-line.ts';
import { BILLING_REASONS } from '../domain/invoice.ts';
import { Decimal, formatUnitPrice } from '../domain/money.ts';
import type { Preview } from '../domain/preview-command.ts';
import type { PricedItem } from '../domain/subscription.ts';
import { idOut, instantOut, moneyOut, presentInstant, presentMoney } from './common.ts';
import { lineUsageOut, presentLineUsage } from './invoices.ts';
import { presentTrace, traceOut } from './traces.ts';

const period = z.object({ start: instantOut, end: instantOut });

export const previewLineOut = z
  .object({
    description: z.string(),
    key: z.string().nullable().meta({ description: 'Of the item; null for what is charged once.' }),
    price: z.string(),
    quantity: z.string(),
    unit_amount: z.string().nullable(),
    amount: moneyOut.meta({ description: 'Negative for a credit.' }),
    period,
    proration: z.boolean(),
    reverses: z.string().nullable().meta({ description: 'The line of which this gives a part back.' }),
    usage: lineUsageOut,
    trace: traceOut,
    explanation: z.array(z.string()).meta({ description: 'The trace in sentences.' }),
  })
  .meta({ id: 'PreviewLine' });

export const previewOut = z
  .object({
    object: z.literal('preview'),
    subscription: idOut('sub'),
    effective_at: instantOut.meta({ description: 'When it would take place.' }),
    class: z
      .enum(['upgrade', 'downgrade'])
      .nullable()
      .meta({ description: 'Of a change: what its defaults follow from.' }),
    billing_reason: z.enum(BILLING_REASONS).nullable(),
    lines: z.array(previewLineOut).meta({ description: 'Of the invoice it makes; none when it makes none.' }),
    total: moneyOut.meta({ description: 'Of that invoice; negative when it gives to the balance.' }),
    balance_applied: moneyOut.meta({ description: "What the customer's balance gives to it." }),
    amount_due: moneyOut.meta({ description: 'What is left to pay.' }),
    pending_lines: z.array(previewLineOut).meta({ description: 'Lines that wait for the next invoice.' }),
    credits: z
      .array(
        z.object({
          invoice: idOut('inv'),
          invoice_line: idOut('il'),
          description: z.string(),
          amount: moneyOut,
        }),
      )
      .meta({
        description: 'What credit notes take off invoices that are still open, and lines off drafts.',
      }),
    balance_after: moneyOut.meta({ description: 'What the customer has to his credit afterwards.' }),
    items: z
      .array(
        z.object({
          key: z.string(),
          price: z.string(),
          quantity: z.string(),
          current_period: period.nullable(),
        }),
      )
      .meta({ description: 'What the subscription consists of afterwards.' }),
    current_period: period.nullable(),
    replaces: z
      .array(idOut('chg'))
      .meta({ description: 'Scheduled changes that do not take place any more.' }),
    token: z.string().meta({
      description:
        'Send it as `preview_token` with the command within an hour: it is done as of this instant with this outcome, or refused.',
    }),
  })
  .meta({ id: 'Preview', description: 'What a command would do. Nothing is stored.' });

/** What is previewed, with what it was decided on and how the customer's balance stands before and after. */
type Shown = Preview & {
  token: string;
  balance: { before: Decimal; after: Decimal };
  facts: { priced: readonly PricedItem[] };
};

/** A preview as the world sees it. */
export function presentPreview(preview: Shown): z.infer<typeof previewOut> {
  const { at, decision, class: changeClass, replaces, balance, facts, token } = preview;
  const { subscription, invoice, pending, credits } = decision;
  const { currency } = subscription;
  const money = (amount: Decimal) => presentMoney(amount, currency);
  const line = (draft: LineDraft) => presentPreviewLine(draft, decision);
  const total = invoice ? totalOf(invoice) : new Decimal(0);
  const applied = balance.before.minus(balance.after);
  return {
    object: 'preview',
    subscription: subscription.id,
    effective_at: presentInstant(at),
    class: changeClass,
    billing_reason: invoice?.billingReason ?? null,
    lines: (invoice?.lines ?? []).map(line),
    total: money(total),
    balance_applied: money(applied),
    amount_due: money(total.minus(applied)),
    pending_lines: pending.map(line),
    credits: credits.map(({ invoiceId, lineId, description, amount }) => ({
      invoice: invoiceId,
      invoice_line: lineId,
      description,
      amount: money(amount),
    })),
    balance_after: money(balance.after),
    items: itemsAfter(decision, facts.priced),
    current_period: presentPeriod(subscription.currentPeriodStart, subscription.currentPeriodEnd),
    replaces: [...replaces],
    token,
  };
}

/** A line of a decision that is only looked at. */
export function presentPreviewLine(
  draft: LineDraft,
  { subscription, items }: Decision,
): z.infer<typeof previewLineOut> {
  const { currency, timeZone } = subscription;
  return {
    description: draft.description,
    key: items.find(({ id }) => id === draft.itemId)?.key ?? null,
    price: draft.priceId,
    quantity: draft.quantity.toFixed(),
    unit_amount: draft.unitAmount && formatUnitPrice(draft.unitAmount),
    amount: presentMoney(draft.amount, currency),
    period: { start: presentInstant(draft.period.start), end: presentInstant(draft.period.end) },
    proration: draft.proration,
    reverses: draft.reverses?.lineId ?? null,
    usage: presentLineUsage(meterOf(draft.metered)),
    trace: presentTrace(draft.trace),
    explanation: explain({ ...draft, currency }, timeZone),
  };
}

function itemsAfter(
  { items, segments }: Decision,
  priced: readonly PricedItem[],
): z.infer<typeof previewOut>['items'] {
  return items.flatMap((item) => {
    const segment = segments.findLast(({ itemId }) => itemId === item.id);
    const now = segment ? segment.to : priced.find((entry) => entry.item.id === item.id);
    if (item.endedAt || !now) return [];
    return {
      key: item.key,
      price: now.price.id,
      quantity: now.quantity.toFixed(),
      current_period: presentPeriod(item.currentPeriodStart, item.currentPeriodEnd),
    };
  });
}

function presentPeriod(start: Date | null, end: Date | null): { start: string; end: string } | null {
  return start && end ? { start: presentInstant(start), end: presentInstant(end) } : null;
}
