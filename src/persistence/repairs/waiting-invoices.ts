import { sql } from 'kysely';
import { type NextInvoiceStep, nextInvoiceStep } from '../../domain/invoice-step.ts';
import type { Tx } from '../doors.ts';
import { InvoiceSchema } from '../invoices.ts';
import { CollectionSchema, PaymentAttemptSchema } from '../payments.ts';
import { findRows, query } from '../rows.ts';

/** An invoice in the present that waits for something, and for what. `nudged`: its workflow is about to be told. */
export type WaitingInvoice = { id: string; tenantId: string; next: NextInvoiceStep; nudged: boolean };

type Candidate = { id: string; tenantId: string; customerId: string; nudged: boolean };

/** Where a page ended: everything up to this row was looked at. */
export type InvoiceCursor = { tenantId: string; customerId: string; id: string };

const COLUMNS = sql`invoice.id, invoice.tenant_id as "tenantId", invoice.customer_id as "customerId",
  exists (select from nudges nudge where nudge.entity_id = invoice.id) as nudged`;
/** Under a test clock the clock starts what it needs, so those invoices need no workflow that waits. */
const IN_PRESENT = sql`join customers customer on customer.id = invoice.customer_id and customer.test_clock_id is null`;

/**
 * A page of the invoices that wait for something, in the order of the index `invoices_waiting`. `last` is null after
 * the last page. Which of the candidates waits is said by `nextInvoiceStep` alone.
 */
export async function waitingInvoicesAfter(
  tx: Tx,
  after: InvoiceCursor,
  limit: number,
): Promise<{ invoices: WaitingInvoice[]; last: InvoiceCursor | null }> {
  const candidates = await query<Candidate>(
    tx,
    sql`select ${COLUMNS} from invoices invoice ${IN_PRESENT}
      where invoice.status in ('draft', 'open')
        and (invoice.tenant_id, invoice.customer_id, invoice.id) > (${after.tenantId}, ${after.customerId}, ${after.id})
      order by invoice.tenant_id, invoice.customer_id, invoice.id limit ${limit}`,
  );
  const end = candidates.length === limit ? candidates.at(-1) : undefined;
  return {
    invoices: await judge(tx, candidates),
    last: end ? { tenantId: end.tenantId, customerId: end.customerId, id: end.id } : null,
  };
}

/** Invoices that are over but still have a charge under way: money may be on its way whatever became of them. */
export async function endedButCharging(tx: Tx, afterId: string, limit: number): Promise<WaitingInvoice[]> {
  const candidates = await query<Candidate>(
    tx,
    sql`select ${COLUMNS} from payment_attempts attempt join invoices invoice on invoice.id = attempt.invoice_id ${IN_PRESENT}
      where attempt.status in ('in_flight', 'unknown', 'pending', 'requires_action') and invoice.status not in ('draft', 'open')
        and invoice.id > ${afterId}
      order by invoice.id limit ${limit}`,
  );
  return judge(tx, candidates);
}

export async function waitingInvoice(tx: Tx, id: string): Promise<WaitingInvoice | null> {
  const candidates = await query<Candidate>(
    tx,
    sql`select ${COLUMNS} from invoices invoice ${IN_PRESENT} where invoice.id = ${id}`,
  );
  return (await judge(tx, candidates))[0] ?? null;
}

async function judge(tx: Tx, candidates: readonly Candidate[]): Promise<WaitingInvoice[]> {
  if (candidates.length === 0) return [];
  const ids = candidates.map(({ id }) => id);
  const invoices = new Map(
    (await findRows(tx, InvoiceSchema, { id: { $in: ids } })).map((row) => [row.id, row]),
  );
  const attempts = await findRows(tx, PaymentAttemptSchema, { invoiceId: { $in: ids }, finishedAt: null });
  const underWay = new Map(attempts.map((attempt) => [attempt.invoiceId, attempt]));
  const collections = await findRows(tx, CollectionSchema, { invoiceId: { $in: ids } });
  const dunning = new Map(collections.map((collection) => [collection.invoiceId, collection]));
  return candidates.flatMap(({ id, tenantId, nudged }) => {
    const invoice = invoices.get(id);
    const next = invoice && nextInvoiceStep(invoice, underWay.get(id) ?? null, dunning.get(id) ?? null);
    return next ? [{ id, tenantId, next, nudged }] : [];
  });
}
