import { EntitySchema } from '@mikro-orm/core';
import type { CreditNote, CreditNoteLine } from '../domain/credit-note.ts';
import { amount, currency, id, instant, optionalText, text } from './columns.ts';
import type { Tx } from './doors.ts';
import { findRows } from './rows.ts';

export const CreditNoteSchema = new EntitySchema<CreditNote>({
  name: 'CreditNote',
  tableName: 'credit_notes',
  properties: {
    id,
    tenantId: text,
    customerId: text,
    subscriptionId: optionalText,
    invoiceId: text,
    number: text,
    currency,
    amount,
    createdAt: instant,
  },
});

export const CreditNoteLineSchema = new EntitySchema<CreditNoteLine>({
  name: 'CreditNoteLine',
  tableName: 'credit_note_lines',
  properties: {
    creditNoteId: { type: 'text', primary: true },
    n: { type: 'integer', primary: true },
    tenantId: text,
    invoiceLineId: text,
    description: text,
    amount,
  },
});

/** The lines of some credit notes, in their order within each. */
export function creditNoteLinesOf(tx: Tx, creditNoteIds: readonly string[]): Promise<CreditNoteLine[]> {
  return findRows(
    tx,
    CreditNoteLineSchema,
    { creditNoteId: { $in: [...creditNoteIds] } },
    { orderBy: { creditNoteId: 'asc', n: 'asc' } },
  );
}
