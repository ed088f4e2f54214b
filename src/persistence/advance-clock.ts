import { sql } from 'kysely';
import { nextInvoiceStep } from '../domain/invoice-step.ts';
import type { TestClock } from '../domain/test-clock.ts';
import { lateOnClock } from './bill-late.ts';
import type { Tx } from './doors.ts';
import { InvoiceSchema } from './invoices.ts';
import { CollectionSchema, PaymentAttemptSchema } from './payments.ts';
import { findRow, findRows, query, updateRows } from './rows.ts';
import { SubscriptionSchema } from './subscriptions.ts';
import { TestClockSchema } from './test-clocks.ts';

/** Something attached to a clock and the instant at which it is due. */
export type Due = {
  customerId: string;
  /** `late_usage`: a look at what came late for the subscription of this id, which makes no invoice by itself any more. */
  kind: 'invoice' | 'late_usage' | 'subscription';
  entityId: string;
  at: Date;
};

export function findClock(tx: Tx, id: string): Promise<TestClock | null> {
  return findRow(tx, TestClockSchema, { id });
}

export async function saveClock(tx: Tx, id: string, changes: Partial<TestClock>): Promise<void> {
  await updateRows(tx, TestClockSchema, { id }, changes);
}

/**
 * Everything attached to the clock that is due at or before `target`, each entity once, in the order in which it
 * happens: by instant, and an invoice before a subscription.
 */
export async function dueOnClock(tx: Tx, clockId: string, target: Date): Promise<Due[]> {
  const due = [
    ...(await dueInvoices(tx, clockId)),
    ...(await dueSubscriptions(tx, clockId)),
    ...(await dueLooks(tx, clockId)),
  ];
  return due
    .filter(({ at }) => at <= target)
    .sort((a, b) => a.at.getTime() - b.at.getTime() || byKindAndId(a, b));
}

function byKindAndId(a: Due, b: Due): number {
  const [first, second] = [`${a.kind}/${a.entityId}`, `${b.kind}/${b.entityId}`];
  return first < second ? -1 : first > second ? 1 : 0;
}

async function dueSubscriptions(tx: Tx, clockId: string): Promise<Due[]> {
  const live = { testClockId: clockId, endedAt: null, blockedReason: null, nextStepAt: { $ne: null } };
  const rows = await findRows(tx, SubscriptionSchema, live);
  return rows.flatMap(({ id, customerId, nextStepAt }) =>
    nextStepAt ? [{ customerId, kind: 'subscription', entityId: id, at: nextStepAt }] : [],
  );
}

async function dueLooks(tx: Tx, clockId: string): Promise<Due[]> {
  const looks = await lateOnClock(tx, clockId);
  return looks.map(({ customerId, subscriptionId, at }) => ({
    customerId,
    kind: 'late_usage',
    entityId: subscriptionId,
    at,
  }));
}

/** When an invoice is due is asked of the one function that knows, as its own workflow does. */
async function dueInvoices(tx: Tx, clockId: string): Promise<Due[]> {
  const waiting = await query<{ id: string }>(
    tx,
    sql`select invoice.id from invoices invoice join customers customer on customer.id = invoice.customer_id
      where customer.test_clock_id = ${clockId} and (invoice.status in ('draft', 'open') or exists (
        select from payment_attempts attempt where attempt.invoice_id = invoice.id and attempt.finished_at is null))`,
  );
  const ids = waiting.map(({ id }) => id);
  if (ids.length === 0) return [];
  const invoices = await findRows(tx, InvoiceSchema, { id: { $in: ids } });
  const attempts = await findRows(tx, PaymentAttemptSchema, { invoiceId: { $in: ids }, finishedAt: null });
  const collections = await findRows(tx, CollectionSchema, { invoiceId: { $in: ids } });
  return invoices.flatMap((invoice) => {
    const attempt = attempts.find(({ invoiceId }) => invoiceId === invoice.id) ?? null;
    const collection = collections.find(({ invoiceId }) => invoiceId === invoice.id) ?? null;
    const next = nextInvoiceStep(invoice, attempt, collection);
    return next
      ? [{ customerId: invoice.customerId, kind: 'invoice', entityId: invoice.id, at: next.at }]
      : [];
  });
}

/** Whether somebody is at the gateway for an invoice of the clock: an attempt that was begun and says nothing yet. */
export async function isCharging(tx: Tx, clockId: string): Promise<boolean> {
  const rows = await query(
    tx,
    sql`select from payment_attempts attempt join customers customer on customer.id = attempt.customer_id
      where customer.test_clock_id = ${clockId} and attempt.status = 'in_flight' limit 1`,
  );
  return rows.length > 0;
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
