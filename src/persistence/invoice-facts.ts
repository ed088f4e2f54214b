import { sql } from 'kysely';
import type { Collection } from '../domain/dunning.ts';
import type { Invoice, InvoiceLine } from '../domain/invoice.ts';
import type { Payment, PaymentAttempt } from '../domain/payment.ts';
import type { Tx } from './doors.ts';
import { InvoiceLineSchema, InvoiceSchema } from './invoices.ts';
import {
  CollectionSchema,
  PaymentAllocationSchema,
  PaymentAttemptSchema,
  PaymentSchema,
} from './payments.ts';
import { findRow, findRows, insertRowsLater, lockRow, query, queryLater, updateRowsLater } from './rows.ts';

export type InvoiceFacts = {
  invoice: Invoice;
  attempt: PaymentAttempt | null;
  collection: Collection | null;
};

/** An invoice with its latest charge and its dunning, locked until the transaction ends. Lock its subscription first. */
export async function lockInvoice(tx: Tx, id: string): Promise<InvoiceFacts | null> {
  const [invoice, charging] = await Promise.all([lockRow(tx, InvoiceSchema, { id }), chargingOf(tx, id)]);
  return invoice && { invoice, ...charging };
}

/** The same without a lock, for a glance. */
export async function findInvoiceFacts(tx: Tx, id: string): Promise<InvoiceFacts | null> {
  const [invoice, charging] = await Promise.all([findRow(tx, InvoiceSchema, { id }), chargingOf(tx, id)]);
  return invoice && { invoice, ...charging };
}

async function chargingOf(tx: Tx, invoiceId: string): Promise<Pick<InvoiceFacts, 'attempt' | 'collection'>> {
  const [[attempt], collection] = await Promise.all([
    findRows(tx, PaymentAttemptSchema, { invoiceId }, { orderBy: { n: 'desc' }, limit: 1 }),
    findRow(tx, CollectionSchema, { invoiceId }),
  ]);
  return { attempt: attempt ?? null, collection };
}

export async function linesOf(tx: Tx, invoiceId: string): Promise<InvoiceLine[]> {
  return findRows(tx, InvoiceLineSchema, { invoiceId }, { orderBy: { n: 'asc' } });
}

export async function insertInvoice(tx: Tx, invoice: Invoice, lines: readonly InvoiceLine[]): Promise<void> {
  insertRowsLater(tx, InvoiceSchema, [invoice]);
  insertRowsLater(tx, InvoiceLineSchema, lines);
}

/** Writes an invoice that its caller has locked, and counts its revision up. */
export async function saveInvoice(tx: Tx, invoice: Invoice): Promise<Invoice> {
  const saved = raised(invoice);
  const { id, tenantId: _tenant, ...rest } = saved;
  updateRowsLater(tx, InvoiceSchema, { id }, rest);
  return saved;
}

/** An invoice as `saveInvoice` leaves it. */
export function raised(invoice: Invoice): Invoice {
  return { ...invoice, revision: invoice.revision + 1 };
}

/** The next number of the tenant's gap-free sequence. Take it late: it locks the counter until the commit. */
export function takeInvoiceNumber(tx: Tx, tenantId: string): Promise<string> {
  return takeNumber(tx, tenantId, 'invoice');
}

const NUMBERED = { invoice: 'INV', credit_note: 'CN' } as const;

/** The same for what has a sequence of its own. Whoever needs both takes that of the credit note first. */
export async function takeNumber(tx: Tx, tenantId: string, of: keyof typeof NUMBERED): Promise<string> {
  const [row] = await query<{ value: string }>(
    tx,
    sql`insert into counters (tenant_id, name, value) values (${tenantId}, ${of}, 1)
      on conflict (tenant_id, name) do update set value = counters.value + 1 returning value`,
  );
  return `${NUMBERED[of]}-${String(row?.value ?? '').padStart(6, '0')}`;
}

export async function openInvoicesOf(
  tx: Tx,
  where: { subscriptionId: string } | { customerId: string },
): Promise<Invoice[]> {
  return findRows(
    tx,
    InvoiceSchema,
    { ...where, status: { $in: ['draft', 'open'] } },
    { orderBy: { id: 'asc' } },
  );
}

/**
 * Says of what the lines of a voided invoice billed that nobody pays for it: whoever voids the invoice of a subscription
 * that goes on gives up what it billed, and no later decision bills it again.
 */
export async function waivePeriods(tx: Tx, invoiceId: string, voidedAt: Date): Promise<void> {
  await query(
    tx,
    sql`insert into billed_periods (tenant_id, item_id, side, period, reason)
      select tenant_id, item_id, side, period, 'waived' from billed_periods
      where voided_at = ${voidedAt.toISOString()} and line_id in (select id from invoice_lines where invoice_id = ${invoiceId})`,
  );
}

/** Frees the periods that the lines of a voided invoice billed: they may be billed again. */
export async function freePeriods(tx: Tx, invoiceId: string, at: Date): Promise<void> {
  await query(
    tx,
    sql`update billed_periods set voided_at = ${at.toISOString()}
      where voided_at is null and line_id in (select id from invoice_lines where invoice_id = ${invoiceId})`,
  );
}

export async function insertAttempt(tx: Tx, attempt: PaymentAttempt): Promise<void> {
  insertRowsLater(tx, PaymentAttemptSchema, [attempt]);
}

export async function saveAttempt(tx: Tx, attempt: PaymentAttempt): Promise<void> {
  const { id, tenantId: _tenant, invoiceId: _invoice, ...rest } = attempt;
  updateRowsLater(tx, PaymentAttemptSchema, { id }, rest);
}

export async function insertPayment(tx: Tx, payment: Payment, invoiceId: string): Promise<void> {
  const { id, tenantId, amount, createdAt } = payment;
  const allocation = { paymentId: id, invoiceId, tenantId, amount, createdAt };
  insertRowsLater(tx, PaymentSchema, [payment]);
  insertRowsLater(tx, PaymentAllocationSchema, [allocation]);
}

export async function saveCollection(tx: Tx, collection: Collection): Promise<void> {
  queryLater(
    tx,
    sql`insert into collections (invoice_id, tenant_id, customer_id, currency, policy, first_failed_at, attempt, hard_declined,
        next_attempt_at, outcome, ended_at, created_at, updated_at)
      values (${collection.invoiceId}, ${collection.tenantId}, ${collection.customerId}, ${collection.currency},
        ${JSON.stringify(collection.policy)}::jsonb, ${collection.firstFailedAt.toISOString()}, ${collection.attempt},
        ${collection.hardDeclined}, ${collection.nextAttemptAt?.toISOString() ?? null}, ${collection.outcome},
        ${collection.endedAt?.toISOString() ?? null}, ${collection.createdAt.toISOString()}, ${collection.updatedAt.toISOString()})
      on conflict (invoice_id) do update set policy = excluded.policy, first_failed_at = excluded.first_failed_at, attempt = excluded.attempt,
        hard_declined = excluded.hard_declined, next_attempt_at = excluded.next_attempt_at, outcome = excluded.outcome,
        ended_at = excluded.ended_at, updated_at = excluded.updated_at`,
  );
}

/** The running collections of a customer in one currency, oldest invoice first. */
export async function runningCollections(
  tx: Tx,
  { customerId, currency }: Pick<Invoice, 'customerId' | 'currency'>,
): Promise<Collection[]> {
  return findRows(
    tx,
    CollectionSchema,
    { customerId, currency, outcome: null },
    { orderBy: { invoiceId: 'asc' } },
  );
}
