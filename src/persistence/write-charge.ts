import { applyOutcome, type ChargeOutcome, payInvoice } from '../domain/decide-payment.ts';
import { isTrusted } from '../domain/follow-payment.ts';
import { amountDue, type Invoice } from '../domain/invoice.ts';
import { overdueInvoice } from '../domain/open-invoice.ts';
import { isFinished, type Payment, type PaymentAttempt } from '../domain/payment.ts';
import { newId } from '../platform/ids.ts';
import { advanceLine } from './advance-line.ts';
import { findDefaultMethod, findTenant } from './find.ts';
import { finishCallbacks, hasNews } from './gateway-facts.ts';
import {
  insertPayment,
  linesOf,
  raised,
  runningCollections,
  saveAttempt,
  saveInvoice,
} from './invoice-facts.ts';
import { postLedger } from './ledger.ts';
import { isFirstPayment, lockOwed, type Owed, timeZoneOf } from './lock-owed.ts';
import { tell, type Write } from './write.ts';
import { failCharge, forgetHardDeclines } from './write-dunning.ts';
import { endCollection, tellOfInvoice } from './write-invoice.ts';
import { followInvoices } from './write-subscription.ts';

/** The second half of a charge: what the gateway said becomes true, once. A finished attempt is left as it is. */
export async function recordOutcome(
  write: Write,
  ref: { invoiceId: string; attemptId: string; whose?: Pick<Invoice, 'customerId' | 'subscriptionId'> },
  outcome: ChargeOutcome,
): Promise<void> {
  const owed = await lockOwed(write, ref.invoiceId, ref.whose);
  const attempt = owed?.attempt;
  if (!owed || !attempt || attempt.id !== ref.attemptId || isFinished(attempt.status)) return;
  const answered = applyOutcome(attempt, outcome, write.at);
  const isLast = isFinished(answered.status);
  // The gateway called while we asked: its answer may be older than its call, so it is asked again at once.
  if (!isLast && (await hasNews(write.tx, attempt))) answered.nextCheckAt = write.at;
  await Promise.all([
    saveAttempt(write.tx, answered),
    attempt.gatewayRef && isLast && finishCallbacks(write.tx, attempt.gatewayRef, write.wallNow),
    // Asked again and still the same: the world has heard of it already.
    attempt.status !== answered.status && follow(write, owed, answered),
  ]);
}

/** What an attempt's new status does to everything else. */
async function follow(write: Write, owed: Owed, answered: PaymentAttempt): Promise<void> {
  switch (answered.status) {
    case 'settled':
      await Promise.all([
        tellOfPayment(write, 'payment.succeeded', owed, shownAttempt(write, answered)),
        receive(write, owed, answered, null),
      ]);
      return;
    case 'declined':
      await tellOfPayment(write, 'payment.failed', owed, shownAttempt(write, answered));
      return failCharge(write, owed, await findTenant(write.tx, write.tenantId), {
        hard: await standsAgainstDefault(write, answered),
        charged: answered,
      });
    case 'pending':
      await tellOfPayment(write, 'payment.pending', owed, shownAttempt(write, answered));
      // A payment under way by the customer's own bank counts as received until it fails.
      return followPayment(write, owed);
    case 'requires_action':
      return awaitCustomer(write, owed, answered);
    case 'in_flight':
    case 'unknown':
      return;
  }
}

/** Money that was received outside any gateway. */
export function settleOutOfBand(write: Write, owed: Owed, reference: string | null): Promise<void> {
  return receive(write, owed, null, reference);
}

async function receive(
  write: Write,
  owed: Owed,
  attempt: PaymentAttempt | null,
  reference: string | null,
): Promise<void> {
  const { invoice, collection } = owed;
  const { tenantId, at } = write;
  const id = newId('pay');
  const payment = {
    id,
    tenantId,
    customerId: invoice.customerId,
    attemptId: attempt?.id ?? null,
    gateway: attempt?.gateway ?? null,
    gatewayRef: attempt?.gatewayRef ?? null,
    amount: attempt?.amount ?? amountDue(invoice),
    currency: invoice.currency,
    reference,
    paidAt: at,
    createdAt: at,
  };
  const paid = payInvoice(invoice, id, at, attempt === null);
  const { customerId, id: invoiceId, currency } = invoice;
  const [lines, running] = await Promise.all([
    linesOf(write.tx, invoiceId),
    runningCollections(write.tx, invoice),
    insertPayment(write.tx, payment, invoiceId),
    attempt ? null : tellOfManualPayment(write, owed, payment),
    saveInvoice(write.tx, paid.invoice),
    postLedger(write.tx, paid.movements, { tenantId, customerId, invoiceId, currency, at }),
  ]);
  await Promise.all([
    tellOfInvoice(write, paid.events, raised(paid.invoice), lines),
    collection && !collection.outcome && endCollection(write, collection, 'paid'),
  ]);
  if (running.some((other) => other.invoiceId !== invoiceId)) await callNext(write, owed, attempt);
  await followPayment(write, owed);
}

function tellOfManualPayment(write: Write, owed: Owed, payment: Payment): Promise<void> {
  const object = write.present.manualPayment(payment, owed.invoice.id);
  return tellOfPayment(write, 'payment.succeeded', owed, { id: payment.id, object });
}

/** A success makes the customer's next unpaid invoice due at once (billing rule 34b). */
async function callNext(write: Write, owed: Owed, attempt: PaymentAttempt | null): Promise<void> {
  const { invoice } = owed;
  if (attempt && (await isDefaultMethod(write, attempt))) await forgetHardDeclines(write, invoice);
  await advanceLine(write, invoice, await timeZoneOf(write, owed), true);
}

async function followPayment(write: Write, owed: Owed): Promise<void> {
  const { owner, invoice } = owed;
  if (!owner) return;
  const { overdueCount, unpaidSince } = owner.subscription;
  const isFirst = isFirstPayment(owed);
  // A renewal that is paid in time changes nothing, and nearly all are.
  if (!isFirst && overdueCount === 0 && !unpaidSince && !invoice.overdueSince) return;
  await followInvoices(write, owner, isFirst ? 'received' : 'unchanged');
}

/**
 * The customer has to confirm. A renewal that waits for that is not paid, so its subscription is past due meanwhile; a
 * first payment leaves it incomplete, or active where it was trusted, and what a person asked for changes nothing until
 * it ends.
 */
async function awaitCustomer(write: Write, owed: Owed, attempt: PaymentAttempt): Promise<void> {
  const { invoice, owner } = owed;
  const isRenewal =
    invoice.status === 'open' && invoice.collectionMethod === 'charge_automatically' && !isFirstPayment(owed);
  const before = { invoice, owner: owner?.subscription ?? null, collection: owed.collection };
  if (!isRenewal || attempt.commandId || isTrusted(before))
    return tellOfInvoice(write, 'invoice.payment_action_required', invoice);
  const overdue = await saveInvoice(write.tx, overdueInvoice(invoice, write.at));
  await tellOfInvoice(write, 'invoice.payment_action_required', overdue);
  if (owner) await followInvoices(write, owner);
}

/** A hard decline stands against the method that future charges would go to; one of another method says nothing of it. */
async function standsAgainstDefault(write: Write, attempt: PaymentAttempt): Promise<boolean> {
  return attempt.hard === true && (await isDefaultMethod(write, attempt));
}

async function isDefaultMethod(write: Write, attempt: PaymentAttempt): Promise<boolean> {
  const method = await findDefaultMethod(write.tx, attempt.customerId);
  return method?.id === attempt.paymentMethodId;
}

async function tellOfPayment(
  write: Write,
  type: 'payment.succeeded' | 'payment.failed' | 'payment.pending',
  { invoice }: Owed,
  shown: { id: string; object: Record<string, unknown> },
): Promise<void> {
  await tell(write, type, {
    objectType: 'payment',
    objectId: shown.id,
    customerId: invoice.customerId,
    subscriptionId: invoice.subscriptionId,
    invoiceId: invoice.id,
    object: shown.object,
  });
}

function shownAttempt(write: Write, attempt: PaymentAttempt) {
  return { id: attempt.id, object: write.present.payment(attempt) };
}
