import { sql } from 'kysely';
import { isFirstPayment as isFirst } from '../domain/follow-payment.ts';
import type { Invoice } from '../domain/invoice.ts';
import { isFinished } from '../domain/payment.ts';
import type { Tx } from './doors.ts';
import { findTenant } from './find.ts';
import { type InvoiceFacts, lockInvoice } from './invoice-facts.ts';
import { InvoiceSchema } from './invoices.ts';
import { lockCustomer } from './lock-customer.ts';
import { findRow, query } from './rows.ts';
import { lockSubscription, type SubscriptionFacts } from './subscription-facts.ts';
import type { Write } from './write.ts';

/** An invoice with its charge and dunning, and the subscription it belongs to; all locked. */
export type Owed = InvoiceFacts & { owner: SubscriptionFacts | null };

/** Locks an invoice and whatever the fate of its payment may touch. Null when there is no such invoice. `known`: whose it is, for whoever has looked before. */
export async function lockOwed(
  write: Write,
  invoiceId: string,
  known?: Pick<Invoice, 'customerId' | 'subscriptionId'>,
): Promise<Owed | null> {
  // Whose an invoice is never changes.
  const glance = known ?? (await findRow(write.tx, InvoiceSchema, { id: invoiceId }));
  if (!glance) return null;
  const { customerId, subscriptionId } = glance;
  const [, owner, facts] = await Promise.all([
    lockDebts(write.tx, customerId, subscriptionId),
    subscriptionId ? lockSubscription(write.tx, subscriptionId) : null,
    lockInvoice(write.tx, invoiceId),
  ]);
  return facts && { ...facts, owner };
}

/**
 * One at a time for the money of a customer, because dunning is one queue for all of its invoices: first the customer,
 * then every subscription with an invoice that is not finished, by id. Steps lock their subscription alone and never a
 * customer, so the two cannot wait for each other.
 */
export async function lockDebts(
  tx: Tx,
  customerId: string,
  subscriptionId: string | null = null,
): Promise<void> {
  await Promise.all([
    lockCustomer(tx, customerId),
    query(
      tx,
      sql`select id from subscriptions
        where id = ${subscriptionId} or id in (
          select subscription_id from invoices where customer_id = ${customerId} and status in ('draft', 'open'))
        order by id for update`,
    ),
  ]);
}

export function isUnderWay({ attempt }: Pick<InvoiceFacts, 'attempt'>): boolean {
  return attempt !== null && !isFinished(attempt.status);
}

/** Whether this is the first payment of a subscription that waits for it. */
export function isFirstPayment({ invoice, owner }: Owed): boolean {
  return isFirst(invoice, owner?.subscription ?? null);
}

/** Where the customer's morning is: the zone its subscription was frozen with. */
export async function timeZoneOf(write: Write, { owner }: Owed): Promise<string> {
  return owner?.subscription.timeZone ?? (await findTenant(write.tx, write.tenantId)).timeZone;
}
