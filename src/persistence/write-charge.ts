import type { PaymentMethod } from '../domain/customer.ts';
import { applyOutcome, type ChargeOutcome, isSuppressed, nextInLine, payInvoice } from '../domain/decide-payment.ts';
import { DomainError } from '../domain/errors.ts';
import { amountDue } from '../domain/invoice.ts';
import { isFinished, type PaymentAttempt } from '../domain/payment.ts';
import type { Subscription } from '../domain/subscription.ts';
import type { Tenant } from '../domain/tenant.ts';
import { newId } from '../platform/ids.ts';
import { PaymentMethodSchema } from './customers.ts';
import {
  findInvoiceFacts,
  type InvoiceFacts,
  insertAttempt,
  insertPayment,
  lockInvoice,
  runningCollections,
  saveAttempt,
  saveCollection,
  saveInvoice,
} from './invoice-facts.ts';
import { postLedger } from './ledger.ts';
import { findRow } from './rows.ts';
import { lockSubscription, type SubscriptionFacts } from './subscription-facts.ts';
import { tell, type Write } from './write.ts';
import { failCharge } from './write-dunning.ts';
import { endCollection, tellOfInvoice } from './write-invoice.ts';
import { followInvoices, nudgeInvoice } from './write-subscription.ts';

/** An invoice and the subscription it belongs to, locked in that order. */
export type Owed = InvoiceFacts & { owner: SubscriptionFacts | null };

/** Locks the subscription, then the invoice (`data.md`, lock order). Null when there is no such invoice. */
export async function lockOwed(write: Write, invoiceId: string): Promise<Owed | null> {
  const glance = await findInvoiceFacts(write.tx, invoiceId);
  if (!glance) return null;
  const owner = glance.invoice.subscriptionId ? await lockSubscription(write.tx, glance.invoice.subscriptionId) : null;
  const facts = await lockInvoice(write.tx, invoiceId);
  return facts && { ...facts, owner };
}

/** `charge`: go to the gateway with this attempt; `settled`: nothing is left to do here. */
export type ChargePlan = { kind: 'charge'; attempt: PaymentAttempt; method: PaymentMethod } | { kind: 'nothing' };

/** How long after its start an attempt that nobody finished is looked into. */
const ABANDONED_AFTER_MS = 60_000;

/**
 * The first half of a charge: an attempt row, written before anything is sent. An unfinished attempt is resumed, never
 * joined by a second one. Without a usable method, or while a hard decline stands, the attempt fails without a charge.
 * `command`: a person asked for it (and may have named a method), so refusals are errors and a standing decline does
 * not matter; `resume` when the same request was interrupted before.
 */
export async function beginCharge(
  write: Write,
  owed: Owed,
  tenant: Tenant,
  command: { paymentMethodId: string | null; resume: boolean } | null,
): Promise<ChargePlan> {
  const { invoice, attempt } = owed;
  if (attempt && !isFinished(attempt.status)) {
    if (command && !command.resume) throw new DomainError('payment_in_flight', 'A charge of this invoice is under way. Wait for its outcome before paying again.');
    return { kind: 'charge', attempt, method: await methodOf(write, attempt.paymentMethodId) };
  }
  const payable = invoice.status === 'open' || (command && invoice.status === 'uncollectible');
  if (!payable) {
    if (command) throw new DomainError('invoice_not_open', `The invoice is ${invoice.status}; only an open or uncollectible invoice can be paid.`);
    return { kind: 'nothing' };
  }
  const others = await othersOf(write, owed);
  const chosen = command?.paymentMethodId ? { id: command.paymentMethodId } : { isDefault: true };
  const method = await findRow(write.tx, PaymentMethodSchema, { customerId: invoice.customerId, detachedAt: null, ...chosen });
  if (!method && command) {
    throw new DomainError('payment_method_missing', 'The customer has no default payment method. Attach one, then pay again.');
  }
  if (!method || (!command && isSuppressed({ collection: owed.collection, others }))) {
    await failCharge(write, owed, others, tenant, { hard: true, charged: null });
    return { kind: 'nothing' };
  }
  const started: PaymentAttempt = {
    id: newId('att'),
    tenantId: write.tenantId,
    invoiceId: invoice.id,
    customerId: invoice.customerId,
    n: (attempt?.n ?? 0) + 1,
    paymentMethodId: method.id,
    gateway: method.gateway,
    gatewayRef: null,
    amount: amountDue(invoice),
    currency: invoice.currency,
    status: 'in_flight',
    hard: null,
    code: null,
    message: null,
    actionUrl: null,
    nextCheckAt: new Date(write.at.getTime() + ABANDONED_AFTER_MS),
    checkCount: 0,
    createdAt: write.at,
    updatedAt: write.at,
    finishedAt: null,
  };
  await insertAttempt(write.tx, started);
  return { kind: 'charge', attempt: started, method };
}

/** The second half of a charge: what the gateway said becomes true, once. A finished attempt is left as it is. */
export async function recordOutcome(
  write: Write,
  ref: { invoiceId: string; attemptId: string },
  outcome: ChargeOutcome,
  tenant: Tenant,
): Promise<void> {
  const owed = await lockOwed(write, ref.invoiceId);
  const attempt = owed?.attempt;
  if (!owed || !attempt || attempt.id !== ref.attemptId || isFinished(attempt.status)) return;
  const answered = applyOutcome(attempt, outcome, write.at);
  await saveAttempt(write.tx, answered);
  if (outcome.kind === 'settled') return settle(write, owed, answered);
  if (outcome.kind === 'declined') {
    await tellOfPayment(write, 'payment.failed', owed, answered);
    return failCharge(write, owed, await othersOf(write, owed), tenant, { hard: outcome.hard, charged: answered });
  }
  // Asked again and still the same: the world has heard of it already.
  if (attempt.status === answered.status) return;
  if (outcome.kind === 'pending') {
    await tellOfPayment(write, 'payment.pending', owed, answered);
    // A payment under way by the customer's own bank counts as received until it fails.
    await followFirstPayment(write, owed);
  }
  if (outcome.kind === 'requires_action') await tellOfInvoice(write, 'invoice.payment_action_required', owed.invoice);
}

/** Money that was received outside any gateway. */
export async function settleOutOfBand(write: Write, owed: Owed, reference: string | null): Promise<void> {
  await receive(write, owed, null, reference);
}

async function settle(write: Write, owed: Owed, attempt: PaymentAttempt): Promise<void> {
  await tellOfPayment(write, 'payment.succeeded', owed, attempt);
  await receive(write, owed, attempt, null);
}

async function receive(write: Write, owed: Owed, attempt: PaymentAttempt | null, reference: string | null): Promise<void> {
  const { invoice, collection } = owed;
  const id = newId('pay');
  const payment = {
    id,
    tenantId: write.tenantId,
    customerId: invoice.customerId,
    attemptId: attempt?.id ?? null,
    gateway: attempt?.gateway ?? null,
    gatewayRef: attempt?.gatewayRef ?? null,
    amount: attempt?.amount ?? amountDue(invoice),
    currency: invoice.currency,
    reference,
    paidAt: write.at,
    createdAt: write.at,
  };
  await insertPayment(write.tx, payment, invoice.id);
  const paid = payInvoice(invoice, id, write.at, attempt === null);
  const saved = await saveInvoice(write.tx, paid.invoice);
  const { tenantId, at } = write;
  await postLedger(write.tx, paid.movements, { tenantId, customerId: invoice.customerId, invoiceId: invoice.id, currency: invoice.currency, at });
  await tellOfInvoice(write, 'invoice.paid', saved);
  if (collection && !collection.outcome) await endCollection(write, collection, 'paid');
  await callNextInLine(write, owed);
  await followFirstPayment(write, owed);
}

/** A success makes the customer's next unpaid invoice due at once (billing rule 34b). */
async function callNextInLine(write: Write, owed: Owed): Promise<void> {
  const next = nextInLine(await othersOf(write, owed), write.at);
  if (!next) return;
  await saveCollection(write.tx, next);
  const facts = await findInvoiceFacts(write.tx, next.invoiceId);
  if (facts) await nudgeInvoice(write, facts.invoice);
}

async function followFirstPayment(write: Write, owed: Owed): Promise<Subscription | null> {
  if (!owed.owner) return null;
  const isFirst = owed.owner.subscription.latestInvoiceId === owed.invoice.id;
  return followInvoices(write, owed.owner, isFirst ? 'received' : 'unchanged');
}

async function othersOf(write: Write, { invoice }: Owed) {
  const running = await runningCollections(write.tx, invoice.customerId, invoice.currency);
  return running.filter((collection) => collection.invoiceId !== invoice.id);
}

async function methodOf(write: Write, id: string): Promise<PaymentMethod> {
  const method = await findRow(write.tx, PaymentMethodSchema, { id });
  if (!method) throw new Error(`payment method ${id} of an attempt is gone`);
  return method;
}

async function tellOfPayment(
  write: Write,
  type: 'payment.succeeded' | 'payment.failed' | 'payment.pending',
  { invoice }: Owed,
  attempt: PaymentAttempt,
): Promise<void> {
  await tell(write, type, {
    objectType: 'payment',
    objectId: attempt.id,
    customerId: invoice.customerId,
    subscriptionId: invoice.subscriptionId,
    invoiceId: invoice.id,
    object: write.present.payment(attempt),
  });
}
