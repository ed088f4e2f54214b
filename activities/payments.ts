import { payCommand } from '../src/contract/commands.ts';
import type { Command } from '../src/domain/command.ts';
import type { ChargeOutcome } from '../src/domain/decide-payment.ts';
import { DomainError, isDomainError } from '../src/domain/errors.ts';
import type { Invoice } from '../src/domain/invoice.ts';
import type { InvoiceState, SubscriptionState } from '../src/domain/step-answer.ts';
import { beginDueCharge, beginPayNow, type PayNow } from '../src/persistence/begin-charge.ts';
import { findTenant } from '../src/persistence/find.ts';
import { finishCommand, lockCommand } from '../src/persistence/finish-command.ts';
import { findInvoiceFacts } from '../src/persistence/invoice-facts.ts';
import { invoiceStateOf } from '../src/persistence/invoice-state.ts';
import { InvoiceSchema } from '../src/persistence/invoices.ts';
import { lockOwed } from '../src/persistence/lock-owed.ts';
import { forgetNudge } from '../src/persistence/nudges.ts';
import { findRow } from '../src/persistence/rows.ts';
import { lockSubscription } from '../src/persistence/subscription-facts.ts';
import { stateOf } from '../src/persistence/subscription-state.ts';
import type { Write } from '../src/persistence/write.ts';
import { recordOutcome } from '../src/persistence/write-charge.ts';
import { nudgeInvoice, nudgeSubscription } from '../src/persistence/write-subscription.ts';
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
        await chargeOnce(deps, { ...input, at, cause, payNow: null });
        return await answer(deps, input, at);
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
        const { invoice } = await answer(deps, { ...input, at: null, by: 'invoice' }, command.requestedAt);
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

async function chargeOnce(deps: ActivityDeps, charge: Charge): Promise<ChargeOutcome | null> {
  const { tenantId, invoiceId, at, cause, payNow } = charge;
  const beganMs = performance.now();
  const plan = await deps.database.withTenant(tenantId, async (tx) => {
    const write = writeOf(deps, tx, tenantId, at, cause);
    const owed = await lockOwed(write, invoiceId);
    if (!owed) throw new DomainError('not_found', `invoice ${invoiceId} has no row`);
    const begun = payNow
      ? await beginPayNow(write, owed, payNow)
      : await beginDueCharge(write, owed, await findTenant(tx, tenantId));
    crashPoint('attempt.beforeCommit');
    return begun;
  });
  if (plan.kind === 'done') return plan.outcome;
  crashPoint('attempt.afterCommit');
  const outcome = withPauseFrom(await askGateway(deps, plan, at), performance.now() - beganMs);
  crashPoint('charge.answered');
  await deps.database.withTenant(tenantId, async (tx) => {
    const write = writeOf(deps, tx, tenantId, at, cause);
    await recordOutcome(
      write,
      { invoiceId, attemptId: plan.attempt.id },
      outcome,
      await findTenant(tx, tenantId),
    );
    crashPoint('outcome.beforeCommit');
  });
  crashPoint('outcome.afterCommit');
  return outcome;
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
    const outcome = await chargeOnce(deps, { ...input, at: command.requestedAt, cause, payNow });
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
async function answer(
  deps: ActivityDeps,
  input: Omit<ChargeInput, 'at'> & { at: string | null },
  at: Date,
): Promise<ChargeAnswer> {
  const now = await deps.database.withTenant(input.tenantId, async (tx) => {
    const glance = await findRow(tx, InvoiceSchema, { id: input.invoiceId });
    // Locked before the facts are read: whoever changes them meanwhile owes a nudge that must not be taken back here.
    const owner = glance?.subscriptionId ? await lockSubscription(tx, glance.subscriptionId) : null;
    const facts = await findInvoiceFacts(tx, input.invoiceId);
    if (!facts) throw new DomainError('not_found', `invoice ${input.invoiceId} has no row`);
    const invoice = await invoiceStateOf(tx, facts);
    const write = writeOf(deps, tx, input.tenantId, at, { correlationId: null, causationId: null });
    if (owner && input.by === 'invoice') await nudgeSubscription(write, owner.subscription.id);
    if (input.by === 'subscription') await handOver(write, facts.invoice, invoice);
    crashPoint('handOver.beforeCommit');
    return { invoice, subscription: owner && (await stateOf(tx, owner.subscription)) };
  });
  crashPoint('handOver.afterCommit');
  return now;
}
