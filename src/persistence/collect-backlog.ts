import { sql } from 'kysely';
import type { Subscription } from '../domain/subscription.ts';
import { query } from './rows.ts';
import type { Write } from './write.ts';

const LATE_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Whether a step is made well after its due instant, because nobody worked. Under a test clock time is never late. */
export function isLate({ wallNow, at }: Write, { testClockId }: Pick<Subscription, 'testClockId'>): boolean {
  return testClockId === null && wallNow.getTime() - at.getTime() > LATE_MS;
}

/**
 * When an invoice made while catching up is charged: one charge per customer and day, oldest first (billing rule 31d).
 * Null when its step charges it at once. One that is on time lines up too while older ones still wait for their day.
 * `nextAt`: the subscription's next step.
 */
export async function backlogOf(
  write: Write,
  subscription: Subscription,
  nextAt: Date | null,
): Promise<Date | null> {
  if (subscription.testClockId) return null;
  const { wallNow } = write;
  const late = isLate(write, subscription);
  if (late) await lineUp(write, subscription.customerId);
  const { waiting, charged } = await lastChargesOf(write, subscription.customerId);
  if (!late) return waiting && waiting > wallNow ? dayAfter(waiting) : null;
  const last = waiting ?? charged;
  if (last && dayAfter(last) > wallNow) return dayAfter(last);
  const moreIsDue = nextAt !== null && nextAt <= wallNow;
  return waiting || moreIsDue ? wallNow : null;
}

/**
 * One at a time takes a day for a charge of this customer. Not by the customer's row: whoever charges locks that one
 * before the subscriptions, and a step holds its subscription already.
 */
async function lineUp(write: Write, customerId: string): Promise<void> {
  await query(write.tx, sql`select pg_advisory_xact_lock(hashtextextended(${customerId}, 31))`);
}

/** The latest instant at which one of the customer's invoices waits to be charged, and at which one was. */
async function lastChargesOf(
  write: Write,
  customerId: string,
): Promise<{ waiting: Date | null; charged: Date | null }> {
  const [row] = await query<{ waiting: string | null; charged: string | null }>(
    write.tx,
    sql`select max(invoice.collect_at) filter (where attempt.id is null) as waiting, max(attempt.created_at) as charged
      from invoices invoice left join payment_attempts attempt on attempt.invoice_id = invoice.id
      where invoice.customer_id = ${customerId}
        and (invoice.status = 'open' and invoice.collect_at is not null or attempt.created_at > ${new Date(write.wallNow.getTime() - DAY_MS).toISOString()})`,
  );
  return {
    waiting: row?.waiting ? new Date(row.waiting) : null,
    charged: row?.charged ? new Date(row.charged) : null,
  };
}

function dayAfter(instant: Date): Date {
  return new Date(instant.getTime() + DAY_MS);
}
