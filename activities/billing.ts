import { pricedAfter } from '../src/domain/apply-decision.ts';
import { decideStep } from '../src/domain/decide.ts';
import { dropDueChange } from '../src/domain/decide-scheduled.ts';
import type { Decision } from '../src/domain/decision.ts';
import { DomainError } from '../src/domain/errors.ts';
import { isFinished } from '../src/domain/payment.ts';
import { putOffCredits } from '../src/domain/put-off-credits.ts';
import type { SubscriptionAnswer, SubscriptionState } from '../src/domain/step-answer.ts';
import type { StepName } from '../src/domain/subscription.ts';
import type { Tenant } from '../src/domain/tenant.ts';
import { usageCountsUntil } from '../src/domain/threshold.ts';
import { findDefaultMethod, findTenant } from '../src/persistence/find.ts';
import { findInvoiceFacts } from '../src/persistence/invoice-facts.ts';
import { lockDebtsOf, withFees, withUsage } from '../src/persistence/life-facts.ts';
import { findStep, insertStep } from '../src/persistence/steps.ts';
import { lockSubscription, type SubscriptionFacts } from '../src/persistence/subscription-facts.ts';
import { stateOf } from '../src/persistence/subscription-state.ts';
import { findObstacle } from '../src/persistence/usage-claims.ts';
import type { Write } from '../src/persistence/write.ts';
import { applyDecision, changeSubscription } from '../src/persistence/write-subscription.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import { noteFailure } from './blocked.ts';
import { type ActivityDeps, writeOf } from './deps.ts';
import { toFailure } from './failure.ts';

export type StepInput = { tenantId: string; subscriptionId: string; at: string; revision: number };

/** An incomplete subscription is not ended while its first payment may be on its way; it is looked at again this much later. */
const EXPIRY_GRACE_MS = 3_600_000;

/**
 * The due steps of a subscription. Each is one transaction that happens once: a second call answers what the first
 * one did, verbatim, and a call that knows an old revision changes nothing and answers what the row says.
 */
export function createBillingActivities(deps: ActivityDeps) {
  const step = (name: StepName) => (input: StepInput) => runStep(deps, name, input);
  return {
    /** The row as a workflow needs it, or null when there is none. */
    async loadSubscription(input: {
      tenantId: string;
      subscriptionId: string;
    }): Promise<SubscriptionState | null> {
      try {
        return await deps.database.withTenant(input.tenantId, async (tx) => {
          const facts = await lockSubscription(tx, input.subscriptionId);
          return facts && (await stateOf(tx, facts.subscription));
        });
      } catch (error) {
        // Without its row a workflow can do nothing but ask again; giving up would end it for good.
        throw toFailure(error, true);
      }
    },
    activate: step('activate'),
    billThreshold: step('bill_threshold'),
    remindTrial: step('remind_trial'),
    applyChange: step('apply_change'),
    endTrial: step('end_trial'),
    closePeriod: step('close_period'),
    cancelSubscription: step('cancel'),
    expire: step('expire'),
  };
}

export type BillingActivities = ReturnType<typeof createBillingActivities>;

async function runStep(deps: ActivityDeps, step: StepName, input: StepInput): Promise<SubscriptionAnswer> {
  try {
    const made = await deps.database.withTenant(input.tenantId, async (tx) => {
      const [, facts, tenant] = await Promise.all([
        (step === 'apply_change' || step === 'cancel') && lockDebtsOf(tx, input.subscriptionId),
        lockSubscription(tx, input.subscriptionId),
        findTenant(tx, input.tenantId),
      ]);
      if (!facts) throw new DomainError('not_found', `subscription ${input.subscriptionId} has no row`);
      const stepKey = stepKeyOf(step, input);
      const { subscription } = facts;
      const due = subscription.nextStep === step && subscription.nextStepAt?.toISOString() === input.at;
      if (subscription.revision !== input.revision || !due || subscription.blockedReason) {
        // A step that is done has moved the row on, so only here it can have been.
        const done = await findStep<SubscriptionAnswer>(tx, input.subscriptionId, stepKey);
        if (done) return done;
        return { state: await stateOf(tx, subscription), collect: null, waits: false, stale: true };
      }
      const write = writeOf(deps, tx, input.tenantId, new Date(input.at), {
        correlationId: stepKey,
        causationId: stepKey,
      });
      const answer = await perform(write, facts, step, tenant);
      await insertStep(tx, {
        tenantId: input.tenantId,
        subscriptionId: subscription.id,
        stepKey,
        result: answer,
        doneAt: write.wallNow,
      });
      crashPoint('step.beforeCommit');
      return answer;
    });
    crashPoint('step.afterCommit');
    return made;
  } catch (error) {
    const blocked = await noteFailure(deps, { ...input, step }, error);
    if (blocked) return { state: blocked, collect: null, waits: false, stale: true };
    // Retried whatever it is: the fifth failure blocks the subscription, and until then somebody may mend the cause.
    throw toFailure(error, true);
  }
}

async function perform(
  write: Write,
  facts: SubscriptionFacts,
  step: StepName,
  tenant: Tenant,
): Promise<SubscriptionAnswer> {
  // A step that succeeds forgets the failures before it.
  const subscription = { ...facts.subscription, failureCount: 0 };
  const firstPaymentIsDue = step === 'expire' && subscription.incompleteSince !== null;
  if (firstPaymentIsDue && (await firstPaymentUnderWay(write, facts))) {
    const expiresAt = new Date(write.at.getTime() + EXPIRY_GRACE_MS);
    const waiting = await changeSubscription(write, facts, { ...subscription, expiresAt });
    return { state: await stateOf(write.tx, waiting), collect: null, waits: true, stale: false };
  }
  const life = { ...facts, subscription };
  const decided = await decide(write, life, step);
  const decision = step === 'apply_change' ? await unlessClaimed(write, life, decided) : decided;
  const applied = await applyDecision(write, facts, decision, tenant);
  return {
    state: await stateOf(write.tx, applied.subscription),
    collect: applied.collect,
    waits: applied.waits,
    stale: false,
  };
}

/** A change that would bill what somebody else bills by now does not take place, as any other that has become impossible. */
async function unlessClaimed(
  { tx, at }: Write,
  facts: SubscriptionFacts,
  decided: Decision,
): Promise<Decision> {
  const after = pricedAfter(facts.priced, decided);
  const obstacle = await findObstacle(tx, facts.subscription, facts.priced, after);
  return obstacle ? dropDueChange(facts, at, obstacle) : decided;
}

/** There may be several changes at one instant, one after the other; each finds the row at another revision. */
function stepKeyOf(step: StepName, { at, revision }: StepInput): string {
  return step === 'apply_change' ? `${step}:${at}/${revision}` : `${step}:${at}`;
}

async function decide(write: Write, facts: SubscriptionFacts, step: StepName): Promise<Decision> {
  const { tx, at } = write;
  const { customerId } = facts.subscription;
  const asksForMethod = step === 'end_trial' || step === 'apply_change';
  const hasMethod = asksForMethod && (await findDefaultMethod(tx, customerId)) !== null;
  const until = step === 'bill_threshold' ? usedByNow(write, facts) : at;
  const givesBack =
    step === 'apply_change' || (step === 'cancel' && facts.subscription.cancelCredit !== 'none');
  if (!givesBack) return decideStep(await withUsage(tx, facts, until), { step, at }, hasMethod);
  const known = await withFees(tx, facts, at);
  // After an end there is no next invoice that could wait: a charge that is under way counts as received.
  if (step === 'cancel') return decideStep(known, { step, at }, hasMethod);
  const underWay = known.fees.flatMap((fee) => (fee.underWay && fee.lineId ? [fee.lineId] : []));
  return putOffCredits(decideStep(known, { step, at }, hasMethod), new Set(underWay), facts.pending.length);
}

/** A threshold is billed with everything that was used by now: nothing that is reported meanwhile can pass unnoticed. */
function usedByNow({ at, wallNow }: Write, { subscription }: SubscriptionFacts): Date {
  const now = subscription.testClockId ? at : wallNow;
  return usageCountsUntil({ step: 'bill_threshold', at: now > at ? now : at });
}

/** A charge that waits for the customer is not on its way: 23 hours were the time to confirm it. */
async function firstPaymentUnderWay(write: Write, { subscription }: SubscriptionFacts): Promise<boolean> {
  const invoice = subscription.latestInvoiceId
    ? await findInvoiceFacts(write.tx, subscription.latestInvoiceId)
    : null;
  const status = invoice?.attempt?.status;
  return status !== undefined && status !== 'requires_action' && !isFinished(status);
}
