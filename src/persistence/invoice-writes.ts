import { DomainError } from '../domain/errors.ts';
import type { Invoice } from '../domain/invoice.ts';
import { isFinished } from '../domain/payment.ts';
import { findInvoiceFacts, openInvoicesOf, saveCollection, saveInvoice } from './invoice-facts.ts';
import { lockOwed, type Owed, settleOutOfBand } from './write-charge.ts';
import { writeOff, writeVoid } from './write-invoice.ts';
import { followInvoices, nudgeInvoice, nudgeSubscription } from './write-subscription.ts';
import type { Write } from './write.ts';

/**
 * What people do to invoices directly, each in one transaction: the subscription's facts follow in it, and the
 * workflows that wait on them are nudged.
 */

/** Takes back an open invoice. Throws not_found, invoice_not_open, payment_in_flight. */
export async function voidInvoice(write: Write, invoiceId: string): Promise<Invoice> {
  const owed = await lockForChange(write, invoiceId, ['open']);
  const voided = await writeVoid(write, owed);
  await afterChange(write, owed);
  return voided;
}

/** Gives up on an open invoice; it can still be paid later. Throws not_found, invoice_not_open, payment_in_flight. */
export async function markUncollectible(write: Write, invoiceId: string): Promise<Invoice> {
  const owed = await lockForChange(write, invoiceId, ['open']);
  const lost = await writeOff(write, owed);
  await afterChange(write, owed);
  return lost;
}

/** Records that an invoice was paid outside any gateway. Throws not_found, invoice_not_open, payment_in_flight. */
export async function payOutOfBand(write: Write, invoiceId: string, reference: string | null): Promise<Invoice> {
  const owed = await lockForChange(write, invoiceId, ['open', 'uncollectible']);
  await settleOutOfBand(write, owed, reference);
  await afterChange(write, owed, false);
  const paid = await findInvoiceFacts(write.tx, invoiceId);
  if (!paid) throw new Error(`invoice ${invoiceId} is gone`);
  return paid.invoice;
}

/**
 * A customer has another default payment method: what was declined for good, or never tried for want of one, is due at
 * once, the oldest invoice first (billing rule 33).
 */
export async function onPaymentMethodChanged(write: Write, customerId: string): Promise<void> {
  const inLine = new Set<string>();
  for (const { id } of await openInvoicesOf(write.tx, { customerId })) {
    const owed = await lockOwed(write, id);
    if (owed?.invoice.status !== 'open' || owed.invoice.collectionMethod !== 'charge_automatically') continue;
    if (owed.attempt && !isFinished(owed.attempt.status)) continue;
    if (owed.owner?.subscription.incompleteSince && owed.owner.subscription.paymentBehavior === 'default_incomplete') continue;
    const { invoice, collection } = owed;
    const first = !inLine.has(invoice.currency);
    inLine.add(invoice.currency);
    if (collection) {
      const reopened = { ...collection, hardDeclined: false, outcome: null, endedAt: null, updatedAt: write.at };
      await saveCollection(write.tx, { ...reopened, nextAttemptAt: first ? write.at : null });
    } else {
      await saveInvoice(write.tx, { ...invoice, collectAt: write.at, updatedAt: write.at });
    }
    await nudgeInvoice(write, invoice);
  }
}

async function lockForChange(write: Write, invoiceId: string, allowed: readonly Invoice['status'][]): Promise<Owed> {
  const owed = await lockOwed(write, invoiceId);
  if (!owed) throw new DomainError('not_found', 'There is no such invoice.');
  if (owed.attempt && !isFinished(owed.attempt.status)) {
    throw new DomainError('payment_in_flight', 'A charge of this invoice is under way. Wait for its outcome, then try again.');
  }
  if (!allowed.includes(owed.invoice.status)) {
    throw new DomainError('invoice_not_open', `The invoice is ${owed.invoice.status}; this needs one that is ${allowed.join(' or ')}.`);
  }
  return owed;
}

async function afterChange(write: Write, owed: Owed, follow = true): Promise<void> {
  if (owed.owner) {
    if (follow) await followInvoices(write, owed.owner);
    await nudgeSubscription(write, owed.owner.subscription.id);
  }
  await nudgeInvoice(write, owed.invoice);
}
