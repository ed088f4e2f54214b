import { payCommand } from '../src/contract/commands.ts';
import type { Command } from '../src/domain/command.ts';
import type { ChargeOutcome } from '../src/domain/decide-payment.ts';
import { DomainError, isDomainError } from '../src/domain/errors.ts';
import type { Invoice } from '../src/domain/invoice.ts';
import type { InvoiceState, SubscriptionState } from '../src/domain/step-answer.ts';
import { beginDueCharge, beginPayNow, type PayNow } from '../src/persistence/begin-charge.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { clockOf } from '../src/persistence/find.ts';
import { finishCommand, lockCommand } from '../src/persistence/finish-command.ts';
import { findInvoiceFacts } from '../src/persistence/invoice-facts.ts';
import { invoiceStateOf } from '../src/persistence/invoice-state.ts';
import { lockOwed, type Owed } from '../src/persistence/lock-owed.ts';
import { nudgeInvoice, nudgeSubscription } from '../src/persistence/nudge-workflows.ts';
import { forgetNudge } from '../src/persistence/nudges.ts';
import { lockOwner } from '../src/persistence/subscription-facts.ts';
import { stateOf } from '../src/persistence/subscription-state.ts';
import type { Write } from '../src/persistence/write.ts';
import { recordOutcome } from '../src/persistence/write-charge.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import { askGateway } from './ask-gateway.ts';
import { type ActivityDeps, writeOf } from './deps.ts';
import { isPassing, toChargeFailure } from './failure.ts';

/** `at`: the instant of the charge under a test clock or in a step's past; null for now. */
export type ChargeInput = {
  tenantId: string;
  invoiceId: string;
  at: string | null;
  by: 'subscription' | 'invoice';
};
export type ChargeAnswer = { invoice: InvoiceState; subscription: SubscriptionState | null };
export type PayInput = { tenantId: string; invoiceId: string; commandId: string };
export type PayAnswer = { outcome: 'applied' | 'refused' | 'expired'; invoice: InvoiceState };

/**
 * Charges: an attempt row first, then the gateway, then the outcome. Whatever dies in between, the next call finds the
 * attempt and goes on with it, so one attempt is one charge (billing rule 34).
 */
export function createPaymentActivities(deps: ActivityDeps) {
  return {
    async charge(input: ChargeInput): Promise<ChargeAnswer> {
      try {
        const at = input.at ? new Date(input.at) : deps.now();
        const cause = { correlationId: null, causationId: `charge/${input.invoiceId}` };
        const charge = { ...input, at, cause, payNow: null };
        const { now } = await chargeOnce(deps, charge, (write) => rowsNow(write, input));
        crashPoint('handOver.afterCommit');
        return now;
      } catch (error) {
        throw toChargeFailure(error);
      }
    },

    /** A person's "pay now": refusals are answers, and the outcome of the charge is the answer of the command. */
    async pay(input: PayInput): Promise<PayAnswer> {
      const { tenantId, commandId } = input;
      try {
        const command = await deps.database.withTenant(tenantId, (tx) => lockCommand(tx, commandId));
        if (!command) throw new DomainError('not_found', `command ${commandId} has no row`);
        if (command.status === 'pending') await payOnce(deps, input, command);
        const finished = await deps.database.withTenant(tenantId, (tx) => lockCommand(tx, commandId));
        const { invoice } = await deps.database.withTenant(tenantId, (tx) => {
          const cause = { correlationId: null, causationId: null };
          const write = writeOf(deps, tx, tenantId, command.requestedAt, cause);
          return rowsNow(write, { invoiceId: input.invoiceId, by: 'invoice' });
        });
        return {
          outcome:
            finished?.status === 'applied' || finished?.status === 'expired' ? finished.status : 'refused',
          invoice,
        };
      } catch (error) {
        throw toChargeFailure(error);
      }
    },
  };
}

export type PaymentActivities = ReturnType<typeof createPaymentActivities>;

type Charge = {
  tenantId: string;
  invoiceId: string;
  at: Date;
  cause: { correlationId: string | null; causationId: string | null };
  /** Null: the charge is due by itself. */
  payNow: PayNow | null;
};

/** `look` is asked in the transaction that ends the charge. */
async function chargeOnce<Now>(
  deps: ActivityDeps,
  charge: Charge,
  look: (write: Write) => Promise<Now>,
): Promise<{ outcome: ChargeOutcome | null; now: Now }> {
  const { tenantId, invoiceId, at, cause, payNow } = charge;
  const beganMs = performance.now();
  const begun = await deps.database.withTenant(tenantId, async (tx) => {
    const write = writeOf(deps, tx, tenantId, at, cause);
    const owed = await lockOwed(write, invoiceId);
    if (!owed) throw new DomainError('not_found', `invoice ${invoiceId} has no row`);
    const plan = payNow ? await beginPayNow(write, owed, payNow) : await beginDueCharge(write, owed);
    crashPoint('attempt.beforeCommit');
    if (plan.kind === 'done') return { kind: plan.kind, outcome: plan.outcome, now: await look(write) };
    return { kind: plan.kind, plan, whose: owed.invoice, clock: await clockKind(tx, owed) };
  });
  if (begun.kind === 'done') return { outcome: begun.outcome, now: begun.now };
  crashPoint('attempt.afterCommit');
  const { plan, whose, clock } = begun;
  const outcome = withPauseFrom(await askGateway(deps, plan, clock, at), performance.now() - beganMs);
  crashPoint('charge.answered');
  const now = await deps.database.withTenant(tenantId, async (tx) => {
    const write = writeOf(deps, tx, tenantId, at, cause);
    await recordOutcome(write, { invoiceId, attemptId: plan.attempt.id, whose }, outcome);
    crashPoint('outcome.beforeCommit');
    return look(write);
  });
  crashPoint('outcome.afterCommit');
  return { outcome, now };
}

/** Whether the gateway is to let this charge's time pass as a test clock does. */
async function clockKind(tx: Tx, { owner, invoice }: Owed): Promise<'real' | 'test'> {
  const clockId = owner ? owner.subscription.testClockId : (await clockOf(tx, invoice.customerId))?.id;
  return clockId ? 'test' : 'real';
}

/** A pause the gateway asks for begins with its answer, while the outcome is written down as of before the question. */
function withPauseFrom(outcome: ChargeOutcome, askingMs: number): ChargeOutcome {
  if (outcome.kind !== 'unknown' || outcome.retryAfterMs === undefined) return outcome;
  return { ...outcome, retryAfterMs: outcome.retryAfterMs + Math.ceil(askingMs) };
}

async function payOnce(deps: ActivityDeps, input: PayInput, command: Command): Promise<void> {
  const end = async (status: 'applied' | 'refused' | 'expired', result: Record<string, unknown> | null) => {
    await deps.database.withTenant(input.tenantId, async (tx) => {
      await finishCommand(tx, command.id, { status, result, finishedAt: deps.now() });
      crashPoint('pay.beforeCommit');
    });
    crashPoint('pay.afterCommit');
  };
  const cause = { correlationId: command.requestId, causationId: command.id };
  const { payment_method: paymentMethodId } = payCommand.parse(command.body);
  const payNow = { commandId: command.id, paymentMethodId, expired: deps.now() > command.expiresAt };
  try {
    const charge = { ...input, at: command.requestedAt, cause, payNow };
    const { outcome } = await chargeOnce(deps, charge, async () => null);
    if (outcome?.kind !== 'declined') return await end('applied', { outcome: outcome?.kind ?? 'nothing' });
    const message = `The charge was declined: ${outcome.message}`;
    return await end('refused', {
      code: 'payment_declined',
      message,
      details: { decline_code: outcome.code, hard: outcome.hard },
    });
  } catch (error) {
    if (isDomainError(error) && !isPassingRefusal(error)) {
      if (error.code === 'command_expired') return end('expired', null);
      return end('refused', { code: error.code, message: error.message, details: error.details });
    }
    if (isPassing(error)) throw error;
    deps.log.error({ commandId: command.id, err: error }, 'a command failed');
    const message =
      'The payment could not be made for a reason of ours. Look at the payments of the invoice before paying again.';
    return end('refused', { code: 'command_failed', message });
  }
}

/** "A charge is under way" is a final answer to a person, though a step would simply come back later. */
function isPassingRefusal(error: { code: string }): boolean {
  return error.code !== 'payment_in_flight' && isPassing(error);
}

/**
 * The subscription has done its part. What still waits is the business of the invoice's own workflow; otherwise the
 * nudge that was meant for a worker that dies in between is taken back. Under a test clock the clock starts it.
 */
async function handOver(write: Write, invoice: Invoice, state: InvoiceState): Promise<void> {
  if (state.next && !state.clockId) return nudgeInvoice(write, invoice);
  return forgetNudge(write.tx, 'invoice', invoice.id);
}

/** The rows as they are now; the subscription's workflow is told unless it is the one that asked. */
async function rowsNow(
  write: Write,
  { invoiceId, by }: Pick<ChargeInput, 'invoiceId' | 'by'>,
): Promise<ChargeAnswer> {
  const { tx } = write;
  // Locked before the facts are read: whoever changes them meanwhile owes a nudge that must not be taken back here.
  const [owner, facts] = await Promise.all([lockOwner(tx, invoiceId), findInvoiceFacts(tx, invoiceId)]);
  if (!facts) throw new DomainError('not_found', `invoice ${invoiceId} has no row`);
  const invoice = await invoiceStateOf(tx, facts, owner);
  const [subscription] = await Promise.all([
    owner && stateOf(tx, owner),
    owner && by === 'invoice' && nudgeSubscription(write, owner.id),
    by === 'subscription' && handOver(write, facts.invoice, invoice),
  ]);
  crashPoint('handOver.beforeCommit');
  return { invoice, subscription };
}
