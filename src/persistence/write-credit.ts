import type { CreditNote, CreditNoteLine } from '../domain/credit-note.ts';
import type { CreditDraft } from '../domain/decision.ts';
import { DomainError } from '../domain/errors.ts';
import type { Invoice } from '../domain/invoice.ts';
import { sum } from '../domain/money.ts';
import { creditedInvoice } from '../domain/open-invoice.ts';
import type { Subscription } from '../domain/subscription.ts';
import { newId } from '../platform/ids.ts';
import { advanceLine } from './advance-line.ts';
import { CreditNoteLineSchema, CreditNoteSchema } from './credit-notes.ts';
import { type InvoiceFacts, lockInvoice, saveInvoice, takeNumber } from './invoice-facts.ts';
import { postLedger } from './ledger.ts';
import { isUnderWay } from './lock-owed.ts';
import { nudgeInvoice } from './nudge-workflows.ts';
import { insertRowsLater } from './rows.ts';
import { tell, type Write } from './write.ts';
import { endCollection, reduceDraft, tellOfInvoice } from './write-invoice.ts';

/**
 * Takes what was decided off drafts and off open invoices, by one credit note for each of these (billing rule 13). One on which nothing is left
 * to pay is paid, and its dunning is over. The caller holds the customer's lock.
 */
export async function creditInvoices(
  write: Write,
  { timeZone }: Subscription,
  credits: readonly CreditDraft[],
): Promise<void> {
  const byInvoice = [...Map.groupBy(credits, ({ invoiceId }) => invoiceId)].sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const credited: [InvoiceFacts, CreditDraft[]][] = [];
  for (const [invoiceId, drafts] of byInvoice)
    credited.push([await lockCreditable(write, invoiceId), drafts]);
  // All of them are locked before the first number is taken: counters come last.
  for (const [facts, drafts] of credited) {
    if (facts.invoice.status === 'draft') await reduceDraft(write, facts.invoice, drafts);
    else await credit(write, facts, drafts, timeZone);
  }
}

async function lockCreditable(write: Write, invoiceId: string): Promise<InvoiceFacts> {
  const facts = await lockInvoice(write.tx, invoiceId);
  if (facts?.invoice.status !== 'open' && facts?.invoice.status !== 'draft')
    throw new Error(`invoice ${invoiceId} is neither open nor a draft and takes no credit`);
  if (isUnderWay(facts)) throw chargeUnderWay();
  return facts;
}

export function chargeUnderWay(): DomainError {
  return new DomainError(
    'payment_in_flight',
    'A charge of the invoice that this gives back a part of is under way. Wait for its outcome, then try again.',
  );
}

async function credit(
  write: Write,
  { invoice, collection }: InvoiceFacts,
  drafts: readonly CreditDraft[],
  timeZone: string,
): Promise<void> {
  const note = await writeNote(write, invoice, drafts);
  const left = await saveInvoice(write.tx, creditedInvoice(invoice, note.amount, write.at));
  await bookCredit(write, note);
  if (left.status !== 'paid') return;
  await tellOfInvoice(write, 'invoice.paid', left);
  if (collection && !collection.outcome) {
    await endCollection(write, collection, 'superseded');
    await advanceLine(write, invoice, timeZone, false);
  }
  await nudgeInvoice(write, invoice);
}

async function writeNote(
  { tx, tenantId, at, ...write }: Write,
  invoice: Invoice,
  drafts: readonly CreditDraft[],
): Promise<CreditNote> {
  const id = newId('cn');
  const lines = drafts.map(
    ({ lineId, description, amount }, index): CreditNoteLine => ({
      creditNoteId: id,
      n: index + 1,
      tenantId,
      invoiceLineId: lineId,
      description,
      amount,
    }),
  );
  const note: CreditNote = {
    id,
    tenantId,
    customerId: invoice.customerId,
    subscriptionId: invoice.subscriptionId,
    invoiceId: invoice.id,
    number: await takeNumber(tx, tenantId, 'credit_note'),
    currency: invoice.currency,
    amount: sum(drafts.map(({ amount }) => amount)),
    createdAt: at,
  };
  insertRowsLater(tx, CreditNoteSchema, [note]);
  insertRowsLater(tx, CreditNoteLineSchema, lines);
  await tell({ tx, tenantId, at, ...write }, 'credit_note.created', {
    objectType: 'credit_note',
    objectId: id,
    customerId: note.customerId,
    subscriptionId: note.subscriptionId,
    invoiceId: note.invoiceId,
    object: write.present.creditNote(note, lines),
  });
  return note;
}

function bookCredit(
  { tx, tenantId, at }: Write,
  { id, customerId, invoiceId, currency, amount }: CreditNote,
) {
  const movement = {
    kind: 'invoice_credited',
    source: id,
    debit: 'revenue',
    credit: 'receivable',
    amount,
  } as const;
  return postLedger(tx, [movement], { tenantId, customerId, invoiceId, currency, at });
}
