import { type Client, WithStartWorkflowOperation } from '@temporalio/client';
import type { SendTick } from '../../activities/test-clocks.ts';
import { taskQueue, tickUpdate, WORKFLOWS, workflowId } from '../../workflows/messages.ts';
import { isBetweenRuns } from '../platform/between-runs.ts';

/** A test clock's turn as an update; a workflow that is not there (an invoice that slept) is started for it. */
export function sendTick(client: Client, prefix: string): SendTick {
  return async (due, tenantId, until) => {
    const { kind, entityId } = due;
    const input =
      kind === 'subscription' ? { tenantId, subscriptionId: entityId } : { tenantId, invoiceId: entityId };
    const start = new WithStartWorkflowOperation(WORKFLOWS[kind], {
      workflowId: workflowId[kind](entityId),
      taskQueue: taskQueue('billing', prefix),
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
    });
    try {
      return await client.workflow.executeUpdateWithStart(tickUpdate, {
        args: [{ until: until.toISOString() }],
        startWorkflowOperation: start,
      });
    } catch (error) {
      if (isBetweenRuns(error)) return 'busy';
      throw error;
    }
  };
}
