import { sql } from 'kysely';
import type { TestClock } from '../domain/test-clock.ts';
import type { Tx } from './doors.ts';
import { findRow, query, updateRows } from './rows.ts';
import { TestClockSchema } from './test-clocks.ts';

/** Something attached to a clock and the instant at which it is due. */
export type Due = { customerId: string; kind: 'invoice' | 'subscription'; entityId: string; at: Date };

export function findClock(tx: Tx, id: string): Promise<TestClock | null> {
  return findRow(tx, TestClockSchema, { id });
}

export async function saveClock(tx: Tx, id: string, changes: Partial<TestClock>): Promise<void> {
  await updateRows(tx, TestClockSchema, { id }, changes);
}

/**
 * Everything attached to the clock that is due at or before `target`, each entity once, in the order in which it
 * happens: by instant, and an invoice before a subscription. The instants of invoices are those of `nextInvoiceStep`.
 */
export async function dueOnClock(tx: Tx, clockId: string, target: Date): Promise<Due[]> {
  const rows = await query<{ customer_id: string; kind: Due['kind']; entity_id: string; at: string }>(
    tx,
    sql`with attached as (select id from customers where test_clock_id = ${clockId}),
      due as (
        select customer_id, 'subscription' as kind, id as entity_id, next_step_at as at from subscriptions
        where test_clock_id = ${clockId} and ended_at is null and blocked_reason is null
        union all
        select invoice.customer_id, 'invoice', invoice.id,
          case
            when invoice.status = 'draft' then invoice.finalize_at
            when attempt.id is not null then attempt.next_check_at
            when invoice.status <> 'open' then null
            when collection.invoice_id is not null and collection.outcome is null then collection.next_attempt_at
            when collection.invoice_id is null and invoice.collect_at is not null then invoice.collect_at
            when invoice.overdue_since is null then invoice.due_at
          end
        from invoices invoice
        left join payment_attempts attempt on attempt.invoice_id = invoice.id and attempt.finished_at is null
        left join collections collection on collection.invoice_id = invoice.id
        where invoice.customer_id in (select id from attached)
          and (invoice.status in ('draft', 'open') or attempt.id is not null))
      select * from due where at <= ${target.toISOString()} order by at, kind, entity_id`,
  );
  return rows.map((row) => ({
    customerId: row.customer_id,
    kind: row.kind,
    entityId: row.entity_id,
    at: new Date(row.at),
  }));
}

/** How many live subscriptions hang on the clock. */
export async function liveOnClock(tx: Tx, clockId: string): Promise<number> {
  const [row] = await query<{ count: number }>(
    tx,
    sql`select count(*)::int as count from subscriptions where test_clock_id = ${clockId} and ended_at is null`,
  );
  return row?.count ?? 0;
}

/** The first `limit` live subscriptions of the clock. */
export async function subscriptionsOnClock(tx: Tx, clockId: string, limit: number): Promise<string[]> {
  const rows = await query<{ id: string }>(
    tx,
    sql`select id from subscriptions where test_clock_id = ${clockId} and ended_at is null order by id limit ${limit}`,
  );
  return rows.map(({ id }) => id);
}
