import type { SubscriptionState } from '../src/domain/step-answer.ts';
import { updateRows } from '../src/persistence/rows.ts';
import { lockSubscription } from '../src/persistence/subscription-facts.ts';
import { stateOf } from '../src/persistence/subscription-state.ts';
import { SubscriptionSchema } from '../src/persistence/subscriptions.ts';
import { tell } from '../src/persistence/write.ts';
import { subjectOf } from '../src/persistence/write-subscription.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import { type ActivityDeps, writeOf } from './deps.ts';
import { firstLine, isPassing } from './failure.ts';

/** How often a step may fail for a reason of its own before its subscription is set aside. */
const FAILURES_MAX = 5;

/**
 * Counts a failure that no repetition heals. At the fifth the subscription is blocked: the row says why, an event says
 * so, the workflow waits for a person, and no other subscription notices. Answers the state once it is blocked.
 */
export async function noteFailure(
  deps: ActivityDeps,
  input: { tenantId: string; subscriptionId: string; step: string; at: string },
  error: unknown,
): Promise<SubscriptionState | null> {
  if (isPassing(error)) return null;
  const reason = `${input.step} at ${input.at}: ${firstLine(error)}`;
  deps.log.error(
    { subscriptionId: input.subscriptionId, step: input.step, at: input.at, err: error },
    'a step failed',
  );
  const blocked = await deps.database.withTenant(input.tenantId, async (tx) => {
    const facts = await lockSubscription(tx, input.subscriptionId);
    if (!facts) return null;
    const { subscription, priced } = facts;
    const failureCount = subscription.failureCount + 1;
    const blockedReason = failureCount >= FAILURES_MAX ? reason : null;
    const changed = { ...subscription, failureCount, blockedReason };
    await updateRows(tx, SubscriptionSchema, { id: subscription.id }, { failureCount, blockedReason });
    crashPoint('failure.beforeCommit');
    if (!blockedReason) return null;
    const write = writeOf(deps, tx, input.tenantId, new Date(input.at), {
      correlationId: null,
      causationId: null,
    });
    if (!subscription.blockedReason) {
      await tell(write, 'subscription.blocked', {
        ...subjectOf(changed),
        object: deps.present.subscription(changed, priced),
      });
    }
    return stateOf(tx, changed);
  });
  crashPoint('failure.afterCommit');
  return blocked;
}
