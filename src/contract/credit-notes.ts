import { z } from 'zod';
import type { CreditNote, CreditNoteLine } from '../domain/credit-note.ts';
import { idOut, instantOut, moneyOut, presentInstant, presentMoney } from './common.ts';

export const creditNoteOut = z
  .object({
    object: z.literal('credit_note'),
    id: idOut('cn'),
    number: z.string().meta({ description: 'Without gaps per tenant.' }),
    invoice: idOut('inv'),
    customer: idOut('cus'),
    subscription: z.string().nullable(),
    amount: moneyOut.meta({ description: 'What it takes off the invoice.' }),
    lines: z.array(z.object({ invoice_line: idOut('il'), description: z.string(), amount: moneyOut })),
    created_at: instantOut,
  })
  .meta({ id: 'CreditNote', description: 'Reduces an open invoice; it never gives money back. Immutable.' });

/** A credit note as the world sees it, with its lines in order. */
export function presentCreditNote(
  note: CreditNote,
  lines: readonly CreditNoteLine[],
): z.infer<typeof creditNoteOut> {
  const money = (amount: CreditNote['amount']) => presentMoney(amount, note.currency);
  return {
    object: 'credit_note',
    id: note.id,
    number: note.number,
    invoice: note.invoiceId,
    customer: note.customerId,
    subscription: note.subscriptionId,
    amount: money(note.amount),
    lines: lines.map(({ invoiceLineId, description, amount }) => ({
      invoice_line: invoiceLineId,
      description,
      amount: money(amount),
    })),
    created_at: presentInstant(note.createdAt),
  };
}
