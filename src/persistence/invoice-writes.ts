import { DomainError } from '../domain/errors.ts';
import { withNewMethod } from '../domain/follow-payment.ts';
import type { Invoice } from '../domain/invoice.ts';
import { advanceLine } from './advance-line.ts';
import {
  findInvoiceFacts,
  openInvoicesOf,
  saveCollection,
  saveInvoice,
  waivePeriods,
} from './invoice-facts.ts';
import { isUnderWay, lockDebts, lockOwed, type Owed, timeZoneOf } from './lock-owed.ts';
import { nudgeInvoice, nudgeSubscription } from './nudge-workflows.ts';
import type { Write } from './write.ts';
import { settleOutOfBand } from './write-charge.ts';
import { writeOff, writeVoid } from './write-invoice.ts';
import { followInvoices } from './write-subscription.ts';

/**
 * What people do to invoices directly, each in one transaction: the subscription's facts follow in it, and the
 * workflows that wait on them are nudged.
 */

/**
 * Takes back an open invoice, and with it what it billed: of a subscription that goes on that time counts as waived. What
 * a change gave back on it is not given back any more. Throws not_found, invoice_not_open, payment_in_flight.
 */
export async function voidInvoice(write: Write, invoiceId: string): Promise<Invoice> {
  const owed = await lockForChange(write, invoiceId, ['open']);
  const voided = await writeVoid(write, owed);
  if (goesOn(owed)) await waivePeriods(write.tx, invoiceId, write.at);
  await afterTakingBack(write, owed);
  return voided;
}

/** Gives up on an open invoice; it can still be paid later. Throws not_found, invoice_not_open, payment_in_flight. */
export async function markUncollectible(write: Write, invoiceId: string): Promise<Invoice> {
  const owed = await lockForChange(write, invoiceId, ['open']);
  const lost = await writeOff(write, owed);
  await afterTakingBack(write, owed);
  return lost;
}

/** Records that an invoice was paid outside any gateway. Throws not_found, invoice_not_open, payment_in_flight. */
export async function payOutOfBand(
  write: Write,
  invoiceId: string,
  reference: string | null,
): Promise<Invoice> {
  const owed = await lockForChange(write, invoiceId, ['open', 'uncollectible']);
  await settleOutOfBand(write, owed, reference);
  await tellWorkflows(write, owed);
  const paid = await findInvoiceFacts(write.tx, invoiceId);
  if (!paid) throw new Error(`invoice ${invoiceId} is gone`);
  return paid.invoice;
}

/**
 * A customer has another default payment method: hard declines are forgotten and what was declined, or never tried for
 * want of a method, is due at once, the oldest invoice first (billing rules 33, 34b). What is to be charged on a later
 * day anyway keeps its day, and nothing of an ended subscription is taken up again.
 */
export async function onPaymentMethodChanged(write: Write, customerId: string): Promise<void> {
  await lockDebts(write.tx, customerId);
  const lines = new Map<string, Owed>();
  for (const { id } of await openInvoicesOf(write.tx, { customerId })) {
    const owed = await lockOwed(write, id);
    if (!owed) continue;
    const { invoice, collection, owner } = owed;
    const underWay = isUnderWay(owed);
    const again = withNewMethod(
      { invoice, collection, owner: owner?.subscription ?? null, underWay },
      write.at,
    );
    if (!again) continue;
    if (again.collection) {
      await saveCollection(write.tx, again.collection);
      if (!lines.has(invoice.currency)) lines.set(invoice.currency, owed);
    }
    if (again.invoice) await saveInvoice(write.tx, again.invoice);
    await nudgeInvoice(write, invoice);
  }
  for (const owed of lines.values())
    await advanceLine(write, owed.invoice, await timeZoneOf(write, owed), true);
}

/** A subscription whose first payment is owed has not begun to count yet. */
function goesOn({ owner }: Owed): boolean {
  return owner !== null && !owner.subscription.endedAt && !owner.subscription.incompleteSince;
}

async function lockForChange(
  write: Write,
  invoiceId: string,
  allowed: readonly Invoice['status'][],
): Promise<Owed> {
  const owed = await lockOwed(write, invoiceId);
  if (!owed) throw new DomainError('not_found', 'There is no such invoice.');
  if (isUnderWay(owed)) {
    throw new DomainError(
      'payment_in_flight',
      'A charge of this invoice is under way. Wait for its outcome, then try again.',
    );
  }
  if (!allowed.includes(owed.invoice.status)) {
    throw new DomainError(
      'invoice_not_open',
      `The invoice is ${owed.invoice.status}; this needs one that is ${allowed.join(' or ')}.`,
    );
  }
  return owed;
}

/** Whoever waited behind this invoice has its turn on its own day: nothing was received that would call it at once. */
async function afterTakingBack(write: Write, owed: Owed): Promise<void> {
  if (owed.collection) await advanceLine(write, owed.invoice, await timeZoneOf(write, owed), false);
  if (owed.owner) await followInvoices(write, owed.owner);
  await tellWorkflows(write, owed);
}

async function tellWorkflows(write: Write, { owner, invoice }: Owed): Promise<void> {
  if (owner) await nudgeSubscription(write, owner.subscription.id);
  await nudgeInvoice(write, invoice);
}
