import { sql } from 'kysely';
import { isId } from '../domain/ids.ts';
import type { Payment, PaymentAttempt } from '../domain/payment.ts';
import type { Tx } from './doors.ts';
import type { Page } from './list-rows.ts';
import { PaymentAllocationSchema, PaymentAttemptSchema, PaymentSchema } from './payments.ts';
import { findRow, findRows, query } from './rows.ts';

/** A try to charge, or money that came outside any gateway with the invoice it paid. */
export type Collected =
  | { kind: 'attempt'; attempt: PaymentAttempt }
  | { kind: 'manual'; payment: Payment; invoiceId: string | null };

export type PaymentFilters = { customerId?: string; invoiceId?: string; subscriptionId?: string };

/** By the id of a try, of a manual payment, or of the money a try brought in, which answers the try. */
export async function findCollected(tx: Tx, id: string): Promise<Collected | null> {
  if (isId('att', id)) return attemptById(tx, id);
  if (!isId('pay', id)) return null;
  const payment = await findRow(tx, PaymentSchema, { id });
  if (!payment) return null;
  if (payment.attemptId) return attemptById(tx, payment.attemptId);
  return { kind: 'manual', payment, invoiceId: await invoiceOf(tx, payment.id) };
}

/**
 * One page of both kinds, newest first. The two tables have prefixes of their own, so they are merged by what follows
 * the prefix, which is in time order across both; each side is read from its index.
 */
export async function listCollected(
  tx: Tx,
  tenantId: string,
  filters: PaymentFilters,
  page: Page,
): Promise<{ rows: Collected[]; lastId: string | null; hasMore: boolean }> {
  const suffix = page.beforeId?.slice(page.beforeId.indexOf('_') + 1) ?? null;
  const size = page.limit + 1;
  const places = await query<{ id: string }>(
    tx,
    sql`select id from (
      (select a.id from payment_attempts a where a.tenant_id = ${tenantId} ${below('a', 'att', suffix)} ${created('a', page)}
        ${filters.customerId ? sql`and a.customer_id = ${filters.customerId}` : sql``}
        ${filters.invoiceId ? sql`and a.invoice_id = ${filters.invoiceId}` : sql``}
        ${filters.subscriptionId ? sql`and exists (select from invoices i where i.id = a.invoice_id and i.subscription_id = ${filters.subscriptionId})` : sql``}
        order by a.id desc limit ${size})
      union all
      (select p.id from payments p where p.tenant_id = ${tenantId} and p.attempt_id is null ${below('p', 'pay', suffix)} ${created('p', page)}
        ${filters.customerId ? sql`and p.customer_id = ${filters.customerId}` : sql``}
        ${filters.invoiceId ? sql`and exists (select from payment_allocations l where l.payment_id = p.id and l.invoice_id = ${filters.invoiceId})` : sql``}
        ${
          filters.subscriptionId
            ? sql`and exists (select from payment_allocations l join invoices i on i.id = l.invoice_id
          where l.payment_id = p.id and i.subscription_id = ${filters.subscriptionId})`
            : sql``
        }
        order by p.id desc limit ${size})
    ) merged order by split_part(id, '_', 2) collate "C" desc limit ${size}`,
  );
  const ids = places.slice(0, page.limit).map((place) => place.id);
  const rows = await collectedByIds(tx, ids);
  return { rows, lastId: ids.at(-1) ?? null, hasMore: places.length > page.limit };
}

async function collectedByIds(tx: Tx, ids: readonly string[]): Promise<Collected[]> {
  const attempts = await findRows(tx, PaymentAttemptSchema, {
    id: { $in: ids.filter((id) => id.startsWith('att_')) },
  });
  const payments = await findRows(tx, PaymentSchema, {
    id: { $in: ids.filter((id) => id.startsWith('pay_')) },
  });
  const allocations = await findRows(tx, PaymentAllocationSchema, {
    paymentId: { $in: payments.map((payment) => payment.id) },
  });
  const found = new Map<string, Collected>();
  for (const attempt of attempts) found.set(attempt.id, { kind: 'attempt', attempt });
  for (const payment of payments) {
    const invoiceId =
      allocations.find((allocation) => allocation.paymentId === payment.id)?.invoiceId ?? null;
    found.set(payment.id, { kind: 'manual', payment, invoiceId });
  }
  return ids.flatMap((id) => found.get(id) ?? []);
}

async function attemptById(tx: Tx, id: string): Promise<Collected | null> {
  const attempt = await findRow(tx, PaymentAttemptSchema, { id });
  return attempt && { kind: 'attempt', attempt };
}

async function invoiceOf(tx: Tx, paymentId: string): Promise<string | null> {
  return (await findRow(tx, PaymentAllocationSchema, { paymentId }))?.invoiceId ?? null;
}

const below = (table: string, prefix: string, suffix: string | null) =>
  suffix === null ? sql`` : sql`and ${sql.ref(`${table}.id`)} < ${`${prefix}_${suffix}`}`;

function created(table: string, { createdAt }: Page) {
  const column = sql.ref(`${table}.created_at`);
  return sql`${createdAt.gte ? sql`and ${column} >= ${createdAt.gte.toISOString()}` : sql``} ${createdAt.gt ? sql`and ${column} > ${createdAt.gt.toISOString()}` : sql``}
    ${createdAt.lte ? sql`and ${column} <= ${createdAt.lte.toISOString()}` : sql``} ${createdAt.lt ? sql`and ${column} < ${createdAt.lt.toISOString()}` : sql``}`;
}
