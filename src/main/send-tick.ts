import {
  type Client,
  isGrpcServiceError,
  WithStartWorkflowOperation,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { SendTick } from '../../activities/test-clocks.ts';
import { taskQueue, tickUpdate, WORKFLOWS, workflowId } from '../../workflows/messages.ts';

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

/** gRPC's FAILED_PRECONDITION: the server found the run closing between the two halves of the call. */
const RUN_CLOSING = 9;

/** The workflow is about to begin a new run, or its run ended under the update. */
function isBetweenRuns(error: unknown): boolean {
  if (isGrpcServiceError(error) && error.code === RUN_CLOSING) return true;
  return (
    error instanceof WorkflowUpdateFailedError &&
    error.cause instanceof ApplicationFailure &&
    (error.cause.type === 'engine_busy' || error.cause.type === 'AcceptedUpdateCompletedWorkflow')
  );
}
