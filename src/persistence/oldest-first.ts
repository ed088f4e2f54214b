import { sql } from 'kysely';
import type { Invoice } from '../domain/invoice.ts';
import { saveInvoice } from './invoice-facts.ts';
import { InvoiceSchema } from './invoices.ts';
import type { Owed } from './lock-owed.ts';
import { nudgeInvoice } from './nudge-workflows.ts';
import { findRow, query } from './rows.ts';
import type { Write } from './write.ts';

/**
 * Subscriptions of one customer that catch up at the same time get their days for charges as they come, so a younger
 * invoice may hold an earlier day. When its day comes it changes places with the oldest one that waits longer (billing
 * rule 31d). Answers whether it did: then there is nothing to charge here today. The caller has locked the customer.
 */
export async function giveWayToOlder(write: Write, { invoice }: Owed): Promise<boolean> {
  const { collectAt } = invoice;
  // An invoice that is charged in its own time never lined up.
  if (!collectAt || collectAt <= invoice.createdAt) return false;
  const older = await findOlder(write, invoice, collectAt);
  if (!older) return false;
  await saveInvoice(write.tx, { ...invoice, collectAt: older.collectAt, updatedAt: write.at });
  await nudgeInvoice(write, await saveInvoice(write.tx, { ...older, collectAt, updatedAt: write.at }));
  return true;
}

async function findOlder(write: Write, invoice: Invoice, collectAt: Date): Promise<Invoice | null> {
  const [older] = await query<{ id: string }>(
    write.tx,
    sql`select id from invoices i
      where customer_id = ${invoice.customerId} and status = 'open'
        and created_at < ${invoice.createdAt.toISOString()} and collect_at > ${collectAt.toISOString()}
        and not exists (select 1 from payment_attempts a where a.invoice_id = i.id)
      order by created_at, id limit 1 for update of i`,
  );
  return older ? findRow(write.tx, InvoiceSchema, { id: older.id }) : null;
}
