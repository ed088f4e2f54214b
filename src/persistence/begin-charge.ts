import type { GatewayConnection, PaymentMethod } from '../domain/customer.ts';
import { type ChargeOutcome, outcomeOf } from '../domain/decide-payment.ts';
import { isSuppressed } from '../domain/dunning.ts';
import { DomainError } from '../domain/errors.ts';
import { amountDue } from '../domain/invoice.ts';
import { nextInvoiceStep } from '../domain/invoice-step.ts';
import { isFinished, type PaymentAttempt } from '../domain/payment.ts';
import { newId } from '../platform/ids.ts';
import { PaymentMethodSchema } from './customers.ts';
import { findDefaultMethod, findTenant } from './find.ts';
import { findConnection, findConnections, finishCallbacks } from './gateway-facts.ts';
import { insertAttempt, runningCollections } from './invoice-facts.ts';
import { isUnderWay, type Owed } from './lock-owed.ts';
import { giveWayToOlder } from './oldest-first.ts';
import { PaymentAttemptSchema } from './payments.ts';
import { findRow } from './rows.ts';
import type { Write } from './write.ts';
import { failCharge } from './write-dunning.ts';

/** `charge`: go to the gateway with this attempt, for the tenant's account there (null: it has none). `done`: there is nothing to ask a gateway, or it was asked before. */
export type ChargePlan =
  | { kind: 'charge'; attempt: PaymentAttempt; method: PaymentMethod; account: GatewayConnection | null }
  | { kind: 'done'; outcome: ChargeOutcome | null };

/** A person's "pay now"; `paymentMethodId` null charges the default method. An expired one only finds what it did before. */
export type PayNow = { commandId: string; paymentMethodId: string | null; expired: boolean };

const NOTHING: ChargePlan = { kind: 'done', outcome: null };
/** How long after its start an attempt that nobody finished is looked into. */
const ABANDONED_AFTER_MS = 60_000;
/** A workflow's timer may run a little ahead of this machine's clock. */
const CLOCK_SKEW_MS = 60_000;

/**
 * The first half of a charge that is due: an attempt row, written before anything is sent. An unfinished attempt is
 * resumed, never joined by a second one; when nothing is due any more (the call is repeated, or somebody was quicker)
 * nothing happens. Without a method, or while a hard decline stands, the charge fails without being tried.
 */
export async function beginDueCharge(write: Write, owed: Owed): Promise<ChargePlan> {
  const { invoice, attempt, collection } = owed;
  if (attempt && !isFinished(attempt.status)) return resume(write, attempt);
  const next = nextInvoiceStep(invoice, attempt, collection);
  const isCharge = next?.step === 'collect' || next?.step === 'retry';
  if (!isCharge || next.at.getTime() > write.at.getTime() + CLOCK_SKEW_MS) return NOTHING;
  if (next.step === 'collect' && (await giveWayToOlder(write, owed))) return NOTHING;
  const [method, running, accounts] = await Promise.all([
    findDefaultMethod(write.tx, invoice.customerId),
    runningCollections(write.tx, invoice),
    findConnections(write.tx),
  ]);
  if (method && !isSuppressed(running)) {
    const account = accounts.find(({ gateway }) => gateway === method.gateway) ?? null;
    return start(write, owed, { method, account }, null);
  }
  await failCharge(write, owed, await findTenant(write.tx, write.tenantId), { hard: true, charged: null });
  return NOTHING;
}

/**
 * The same for a person who asks: refusals are errors, a standing hard decline does not matter, and the same command
 * never makes a second attempt. Throws command_expired, payment_in_flight, invoice_not_open, payment_method_missing.
 */
export async function beginPayNow(write: Write, owed: Owed, payNow: PayNow): Promise<ChargePlan> {
  const { invoice } = owed;
  const { commandId, paymentMethodId } = payNow;
  const mine = await findRow(write.tx, PaymentAttemptSchema, { commandId });
  if (mine) return isFinished(mine.status) ? { kind: 'done', outcome: outcomeOf(mine) } : resume(write, mine);
  if (payNow.expired)
    throw new DomainError(
      'command_expired',
      'The request waited too long to be carried out; nothing was charged.',
    );
  if (isUnderWay(owed)) {
    throw new DomainError(
      'payment_in_flight',
      'A charge of this invoice is under way. Wait for its outcome before paying again.',
    );
  }
  if (invoice.status !== 'open' && invoice.status !== 'uncollectible') {
    throw new DomainError(
      'invoice_not_open',
      `The invoice is ${invoice.status}; only an open or uncollectible invoice can be paid.`,
    );
  }
  const method = paymentMethodId
    ? await findRow(write.tx, PaymentMethodSchema, {
        id: paymentMethodId,
        customerId: invoice.customerId,
        detachedAt: null,
      })
    : await findDefaultMethod(write.tx, invoice.customerId);
  if (method) {
    const account = await findConnection(write.tx, method.gateway);
    return start(write, owed, { method, account }, commandId);
  }
  throw new DomainError(
    'payment_method_missing',
    paymentMethodId
      ? 'The customer of this invoice has no such payment method. Attach it, then pay again.'
      : 'The customer has no default payment method. Attach one, then pay again.',
  );
}

async function start(
  write: Write,
  { invoice, attempt }: Owed,
  { method, account }: { method: PaymentMethod; account: GatewayConnection | null },
  commandId: string | null,
): Promise<ChargePlan> {
  const started: PaymentAttempt = {
    id: newId('att'),
    tenantId: write.tenantId,
    invoiceId: invoice.id,
    customerId: invoice.customerId,
    n: (attempt?.n ?? 0) + 1,
    commandId,
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
  return { kind: 'charge', attempt: started, method, account };
}

async function resume(write: Write, attempt: PaymentAttempt): Promise<ChargePlan> {
  const [method, account] = await Promise.all([
    findRow(write.tx, PaymentMethodSchema, { id: attempt.paymentMethodId }),
    findConnection(write.tx, attempt.gateway),
    // What they called for is done now; what comes from here on may be newer than the answer we shall get.
    attempt.gatewayRef && finishCallbacks(write.tx, attempt.gatewayRef, write.wallNow),
  ]);
  if (!method) throw new Error(`payment method ${attempt.paymentMethodId} of an attempt is gone`);
  return { kind: 'charge', attempt, method, account };
}
