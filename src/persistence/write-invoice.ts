import { type InvoiceDraft, type LineDraft, meterOf } from '../domain/build-invoice.ts';
import type { CreditDraft } from '../domain/decision.ts';
import type { EventType } from '../domain/event.ts';
import { endedCollection } from '../domain/follow-payment.ts';
import { amountDue, type Invoice, type InvoiceLine } from '../domain/invoice.ts';
import type { LedgerAccount, LedgerKind } from '../domain/ledger.ts';
import type { PendingLine } from '../domain/life.ts';
import { type Decimal, sum } from '../domain/money.ts';
import {
  draftInvoice,
  finalizedInvoice,
  type Opening,
  reducedDraft,
  voidedInvoice,
  writtenOffInvoice,
} from '../domain/open-invoice.ts';
import type { Subscription } from '../domain/subscription.ts';
import { newId } from '../platform/ids.ts';
import { lockBalance, moveBalance } from './balances.ts';
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
import { InvoiceLineSchema } from './invoices.ts';
import { postLedger } from './ledger.ts';
import { rateAgain } from './rate-again.ts';
import { insertRowsLater } from './rows.ts';
import { tellAll, type Write } from './write.ts';

/** What became of a built invoice: its row, the ids of its lines in order, and where waiting lines went on it. */
export type Created = {
  invoice: Invoice;
  lineIds: string[];
  taken: { pendingId: string; lineId: string }[];
};

/**
 * Stores a built invoice and, unless it stays a draft, finalizes it. `waiting`: the lines that waited for it and stand
 * last on it, in this order.
 */
export async function createInvoice(
  write: Write,
  subscription: Subscription,
  built: InvoiceDraft,
  opening: Opening,
  waiting: readonly PendingLine[],
): Promise<Created> {
  const draft = named(write, draftInvoice(subscription, built, opening, newId('inv'), write.at));
  const lineIds = built.lines.map(() => newId('il'));
  const first = lineIds.length - waiting.length;
  const taken = waiting.map(({ id: pendingId }, index) => ({
    pendingId,
    lineId: lineIds[first + index] ?? '',
  }));
  const lines = built.lines.map((line, index) => lineRow(draft, lineIds, index, line, taken));
  const [, , opened] = await Promise.all([
    insertInvoice(write.tx, draft, lines),
    tellOfInvoice(write, 'invoice.created', draft, lines),
    opening.draft ? null : takeForOpening(write, draft),
  ]);
  const { timeZone } = subscription;
  const invoice = opened === null ? draft : await open(write, draft, { ...opened, timeZone, lines });
  return { invoice, lineIds, taken };
}

/** There may be several changes at one instant, each with an invoice of its own: what caused it names it. */
function named({ cause }: Write, draft: Invoice): Invoice {
  const isChange = draft.billingReason === 'subscription_update';
  return isChange ? { ...draft, originKey: `${draft.originKey}/${cause.causationId}` } : draft;
}

/** Draft to open: the number is given, the amounts freeze, the debt is booked; nothing to pay is paid at once (billing rule 28). */
export async function finalizeInvoice(write: Write, stored: Invoice, timeZone: string): Promise<Invoice> {
  const { invoice: draft, lines } = await rateAgain(write, stored);
  const opened = await takeForOpening(write, draft);
  return open(write, draft, { ...opened, timeZone, lines });
}

/** What the customer has to his credit, locked, and then the number, because its counter is what everybody waits for. */
async function takeForOpening(
  { tx, tenantId }: Write,
  draft: Invoice,
): Promise<{ balance: Decimal; number: string }> {
  const [balance, number] = await Promise.all([lockBalance(tx, draft), takeInvoiceNumber(tx, tenantId)]);
  return { balance, number };
}

type Opened = { balance: Decimal; number: string; timeZone: string; lines: readonly InvoiceLine[] };

async function open(
  write: Write,
  draft: Invoice,
  { balance, number, timeZone, lines }: Opened,
): Promise<Invoice> {
  const opened = finalizedInvoice(draft, { number, timeZone, balance, at: write.at });
  const invoice = raised(opened);
  const events: EventType[] =
    opened.status === 'paid' ? ['invoice.finalized', 'invoice.paid'] : ['invoice.finalized'];
  await Promise.all([
    saveInvoice(write.tx, opened),
    post(write, invoice, 'invoice_finalized', 'receivable', 'revenue', invoice.total),
    settle(write, invoice),
    tellOfInvoice(write, events, invoice, lines),
  ]);
  return invoice;
}

/** What an invoice takes from the customer's balance, or gives to it, is booked like a payment (billing rules 23, 28). */
async function settle(write: Write, invoice: Invoice): Promise<void> {
  const { balanceApplied: applied } = invoice;
  if (applied.isZero()) return;
  moveBalance(write.tx, invoice, applied.gt(0) ? 'applied' : 'granted', applied.neg(), write.at);
  if (applied.gt(0)) await post(write, invoice, 'balance_applied', 'customer_balance', 'receivable', applied);
  else await post(write, invoice, 'balance_granted', 'receivable', 'customer_balance', applied.neg());
}

/** What a voided invoice took from the customer's balance is there again. */
async function giveBack(write: Write, invoice: Invoice): Promise<void> {
  const { balanceApplied: applied } = invoice;
  if (!applied.gt(0)) return;
  moveBalance(write.tx, invoice, 'returned', applied, write.at);
  await post(write, invoice, 'balance_returned', 'revenue', 'customer_balance', applied);
}

/** Open to void: the debt is reversed and the periods of its lines are free again. */
export async function writeVoid(write: Write, { invoice, collection }: InvoiceFacts): Promise<Invoice> {
  const owed = amountDue(invoice);
  const voided = await saveInvoice(write.tx, voidedInvoice(invoice, write.at));
  await freePeriods(write.tx, invoice.id, write.at);
  await post(write, invoice, 'invoice_voided', 'revenue', 'receivable', owed);
  await giveBack(write, invoice);
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
  kind: LedgerKind,
  debit: LedgerAccount,
  credit: LedgerAccount,
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

/** A draft with lines more that take off it what is given back; as nothing of it is final, it needs no credit note. */
export async function reduceDraft(
  write: Write,
  draft: Invoice,
  credits: readonly CreditDraft[],
): Promise<void> {
  const before = await linesOf(write.tx, draft.id);
  const ids = [...before.map(({ id }) => id), ...credits.map(() => newId('il'))];
  const lines = credits.map(({ line }, n) => lineRow(draft, ids, before.length + n, line, []));
  insertRowsLater(write.tx, InvoiceLineSchema, lines);
  await saveInvoice(write.tx, reducedDraft(draft, sum(credits.map(({ amount }) => amount)), write.at));
}

function lineRow(
  { id: invoiceId, tenantId }: Invoice,
  lineIds: readonly string[],
  index: number,
  { period, reverses, metered, ...line }: LineDraft,
  taken: Created['taken'],
): InvoiceLine {
  // What it gives back a part of may have waited for the same invoice.
  const waited = taken.find(({ pendingId }) => pendingId === reverses?.pendingId);
  return {
    ...line,
    id: lineIds[index] ?? '',
    tenantId,
    invoiceId,
    n: index + 1,
    periodStart: period.start,
    periodEnd: period.end,
    reversesLineId: reverses?.lineId ?? waited?.lineId ?? null,
    ...meterOf(metered),
  };
}
