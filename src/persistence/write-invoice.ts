import type { InvoiceDraft, LineDraft } from '../domain/build-invoice.ts';
import type { EventType } from '../domain/event.ts';
import { endedCollection } from '../domain/follow-payment.ts';
import { amountDue, type Invoice, type InvoiceLine } from '../domain/invoice.ts';
import { Decimal } from '../domain/money.ts';
import {
  draftInvoice,
  finalizedInvoice,
  type Opening,
  voidedInvoice,
  writtenOffInvoice,
} from '../domain/open-invoice.ts';
import type { Subscription } from '../domain/subscription.ts';
import { newId } from '../platform/ids.ts';
import {
  freePeriods,
  type InvoiceFacts,
  insertInvoice,
  linesOf,
  raised,
  saveCollection,
  saveInvoice,
  takeInvoiceNumber,
} from './invoice-facts.ts';
import { postLedger } from './ledger.ts';
import { tellAll, type Write } from './write.ts';

/** Stores a built invoice and, unless it stays a draft, finalizes it. Answers the ids of its lines in order. */
export async function createInvoice(
  write: Write,
  subscription: Subscription,
  built: InvoiceDraft,
  opening: Opening,
): Promise<{ invoice: Invoice; lineIds: string[] }> {
  const draft = draftInvoice(subscription, built, opening, newId('inv'), write.at);
  const lines = built.lines.map((line, index) => lineRow(write.tenantId, draft.id, index + 1, line));
  const [, , number] = await Promise.all([
    insertInvoice(write.tx, draft, lines),
    tellOfInvoice(write, 'invoice.created', draft, lines),
    opening.draft ? null : takeInvoiceNumber(write.tx, write.tenantId),
  ]);
  const { timeZone } = subscription;
  const invoice = number === null ? draft : await open(write, draft, { number, timeZone, lines });
  return { invoice, lineIds: lines.map((line) => line.id) };
}

/** Draft to open: the number is given, the amounts freeze, the debt is booked; nothing to pay is paid at once (billing rule 28). */
export async function finalizeInvoice(write: Write, draft: Invoice, timeZone: string): Promise<Invoice> {
  const [lines, number] = await Promise.all([
    linesOf(write.tx, draft.id),
    takeInvoiceNumber(write.tx, write.tenantId),
  ]);
  return open(write, draft, { number, timeZone, lines });
}

async function open(
  write: Write,
  draft: Invoice,
  { number, timeZone, lines }: { number: string; timeZone: string; lines: readonly InvoiceLine[] },
): Promise<Invoice> {
  const opened = finalizedInvoice(draft, {
    number,
    timeZone,
    // Nobody has a balance yet.
    balance: new Decimal(0),
    at: write.at,
  });
  const invoice = raised(opened);
  const events: EventType[] =
    opened.status === 'paid' ? ['invoice.finalized', 'invoice.paid'] : ['invoice.finalized'];
  await Promise.all([
    saveInvoice(write.tx, opened),
    post(write, invoice, 'invoice_finalized', 'receivable', 'revenue', invoice.total),
    tellOfInvoice(write, events, invoice, lines),
  ]);
  return invoice;
}

/** Open to void: the debt is reversed and the periods of its lines are free again. */
export async function writeVoid(write: Write, { invoice, collection }: InvoiceFacts): Promise<Invoice> {
  const owed = amountDue(invoice);
  const voided = await saveInvoice(write.tx, voidedInvoice(invoice, write.at));
  await freePeriods(write.tx, invoice.id, write.at);
  await post(write, invoice, 'invoice_voided', 'revenue', 'receivable', owed);
  if (collection && !collection.outcome) await endCollection(write, collection, 'voided');
  await tellOfInvoice(write, 'invoice.voided', voided);
  return voided;
}

/** Open to uncollectible: the debt becomes a loss; a later payment is still welcome. */
export async function writeOff(
  write: Write,
  { invoice, collection }: InvoiceFacts,
  outcome: 'uncollectible' | 'exhausted' | 'superseded' = 'uncollectible',
): Promise<Invoice> {
  const lost = await saveInvoice(write.tx, writtenOffInvoice(invoice, write.at));
  await post(write, invoice, 'invoice_written_off', 'bad_debt', 'receivable', amountDue(invoice));
  if (collection && !collection.outcome) await endCollection(write, collection, outcome);
  await tellOfInvoice(write, 'invoice.marked_uncollectible', lost);
  return lost;
}

export async function endCollection(
  write: Write,
  collection: NonNullable<InvoiceFacts['collection']>,
  outcome: NonNullable<NonNullable<InvoiceFacts['collection']>['outcome']>,
): Promise<void> {
  await saveCollection(write.tx, endedCollection(collection, outcome, write.at));
}

export async function tellOfInvoice(
  write: Write,
  types: EventType | readonly EventType[],
  invoice: Invoice,
  known?: readonly InvoiceLine[],
): Promise<void> {
  const lines = known ?? (await linesOf(write.tx, invoice.id));
  await tellAll(write, [types].flat(), {
    objectType: 'invoice',
    objectId: invoice.id,
    customerId: invoice.customerId,
    subscriptionId: invoice.subscriptionId,
    invoiceId: invoice.id,
    object: write.present.invoice(invoice, lines),
  });
}

async function post(
  write: Write,
  invoice: Invoice,
  kind: 'invoice_finalized' | 'invoice_voided' | 'invoice_written_off',
  debit: 'receivable' | 'revenue' | 'bad_debt',
  credit: 'receivable' | 'revenue',
  amount: Decimal,
): Promise<void> {
  const { customerId, id: invoiceId, currency } = invoice;
  // Each of these happens to an invoice at most once, so the invoice is the source that makes it so.
  const movement = { kind, source: invoiceId, debit, credit, amount };
  await postLedger(write.tx, [movement], {
    tenantId: write.tenantId,
    customerId,
    invoiceId,
    currency,
    at: write.at,
  });
}

function lineRow(tenantId: string, invoiceId: string, n: number, line: LineDraft): InvoiceLine {
  const { period, ...rest } = line;
  return {
    ...rest,
    id: newId('il'),
    tenantId,
    invoiceId,
    n,
    periodStart: period.start,
    periodEnd: period.end,
    reversesLineId: null,
  };
}
