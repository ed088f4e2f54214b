import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, WithStartWorkflowOperation } from '@temporalio/client';
import type { SendMove } from '../../activities/migrate-plan.ts';
import { commandUpdate, taskQueue, WORKFLOWS, workflowId } from '../../workflows/messages.ts';
import { isBetweenRuns } from '../platform/between-runs.ts';
import { clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';

const TAKEN_WITHIN_MS = 20_000;
const TRIES = 5;
const BETWEEN_RUNS_MS = 100;

/** A command of a plan migration, told to its subscription as the API tells one. What comes of it is in its row. */
export function sendMove(client: Client, prefix: string, logger: Pick<Logger, 'warn'>): SendMove {
  return async (tenantId, { commandId, subscriptionId, requestedAt }, signal) => {
    const tell = async (tries: number): Promise<void> => {
      const startWorkflowOperation = new WithStartWorkflowOperation(WORKFLOWS.subscription, {
        workflowId: workflowId.subscription(subscriptionId),
        taskQueue: taskQueue('billing', prefix),
        workflowIdConflictPolicy: 'USE_EXISTING',
        args: [{ tenantId, subscriptionId }],
      });
      try {
        await client.workflow.executeUpdateWithStart(commandUpdate, {
          args: [{ commandId, requestedAt: requestedAt.toISOString() }],
          updateId: commandId,
          startWorkflowOperation,
        });
      } catch (error) {
        if (tries <= 1 || !isBetweenRuns(error)) throw error;
        await sleep(BETWEEN_RUNS_MS);
        await tell(tries - 1);
      }
    };
    try {
      const deadline = clock.now().getTime() + TAKEN_WITHIN_MS;
      await client.withAbortSignal(signal, () => client.withDeadline(deadline, () => tell(TRIES)));
    } catch (error) {
      if (signal.aborted) return;
      // It is told again with the next batch, and the row says whether it was taken all the same.
      logger.warn({ err: error, commandId, subscriptionId }, 'a subscription did not take its move');
    }
  };
}
