import { Context } from '@temporalio/activity';
import { billLate, type DueLate, dueByNow } from '../src/persistence/bill-late.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import { type ActivityDeps, writeOf } from './deps.ts';
import { firstLine, toFailure } from './failure.ts';

/** How many customers were looked after, and how many could not be. */
export type CustomerWorkAnswer = { done: number; failed: number };

const BATCH = 200;

/**
 * What is to be done for customers beside their subscriptions: today, to bill what was used and arrived after the last
 * invoice. One that fails is looked at again by the next run and keeps nobody else waiting. Every look is a transaction
 * that notes itself, so all of this may run twice.
 */
export async function runCustomerWork(
  deps: ActivityDeps,
  now: Date,
  beat: () => void = () => {},
): Promise<CustomerWorkAnswer> {
  const answer: CustomerWorkAnswer = { done: 0, failed: 0 };
  for (;;) {
    const due = await deps.database.asSystem('customer-work', (tx) =>
      dueByNow(tx, now, BATCH + answer.failed),
    );
    const failed = answer.failed;
    let done = 0;
    for (const one of due.slice(failed)) {
      if (await succeeds(deps, one, now)) done += 1;
      else answer.failed += 1;
      beat();
    }
    answer.done += done;
    if (done === 0) return answer;
  }
}

/** A look at one subscription at `at`, by the wall clock or by its test clock. */
export async function lookForLate(
  deps: ActivityDeps,
  due: Pick<DueLate, 'tenantId' | 'subscriptionId'>,
  at: Date,
): Promise<void> {
  const { tenantId, subscriptionId } = due;
  const cause = { correlationId: null, causationId: `late_usage/${subscriptionId}:${at.toISOString()}` };
  await deps.database.withTenant(tenantId, async (tx) => {
    await billLate(writeOf(deps, tx, tenantId, at, cause), subscriptionId);
    crashPoint('lateUsage.beforeCommit');
  });
  crashPoint('lateUsage.afterCommit');
}

async function succeeds(deps: ActivityDeps, due: DueLate, now: Date): Promise<boolean> {
  try {
    await lookForLate(deps, due, now);
    return true;
  } catch (error) {
    const { subscriptionId, tenantId } = due;
    deps.log.error({ subscriptionId, tenantId, err: error }, `late usage is not billed: ${firstLine(error)}`);
    return false;
  }
}

export function createCustomerWorkActivities(deps: ActivityDeps) {
  return {
    async workForCustomers(): Promise<CustomerWorkAnswer> {
      const context = Context.current();
      try {
        return await runCustomerWork(deps, deps.now(), () => {
          context.cancellationSignal.throwIfAborted();
          context.heartbeat();
        });
      } catch (error) {
        throw toFailure(error, true);
      }
    },
  };
}

export type CustomerWorkActivities = ReturnType<typeof createCustomerWorkActivities>;
