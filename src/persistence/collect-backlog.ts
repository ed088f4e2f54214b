import { sql } from 'kysely';
import type { Subscription } from '../domain/subscription.ts';
import { query } from './rows.ts';
import type { Write } from './write.ts';

const LATE_MS = 3_600_000;
const DAY_MS = 86_400_000;

/**
 * When an invoice made while catching up is charged: one charge per customer and day, oldest first (billing rule 31d).
 * Null when the subscription is on time and the charge belongs to the step itself. Under a test clock time is never late.
 */
export async function backlogOf(write: Write, subscription: Subscription, nextAt: Date | null): Promise<Date | null> {
  const late = subscription.testClockId === null && write.wallNow.getTime() - write.at.getTime() > LATE_MS;
  if (!late) return null;
  const [row] = await query<{ last: string | null }>(
    write.tx,
    sql`select max(invoice.collect_at) as last from invoices invoice
      where invoice.customer_id = ${subscription.customerId} and invoice.status = 'open' and invoice.collect_at is not null
        and not exists (select from payment_attempts attempt where attempt.invoice_id = invoice.id)`,
  );
  const moreIsDue = nextAt !== null && nextAt <= write.wallNow;
  if (!row?.last) return moreIsDue ? write.wallNow : null;
  return new Date(Math.max(new Date(row.last).getTime() + DAY_MS, write.wallNow.getTime()));
}
