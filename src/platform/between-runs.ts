import { isGrpcServiceError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';

/** gRPC's FAILED_PRECONDITION: the server found the run closing between the two halves of an update-with-start. */
const RUN_CLOSING = 9;

/**
 * Whether an update met a workflow that is about to begin a new run, or whose run ended under it. The update was not
 * executed there; sent again a moment later, it meets the next run.
 */
export function isBetweenRuns(error: unknown): boolean {
  if (isGrpcServiceError(error) && error.code === RUN_CLOSING) return true;
  return (
    error instanceof WorkflowUpdateFailedError &&
    error.cause instanceof ApplicationFailure &&
    (error.cause.type === 'engine_busy' || error.cause.type === 'AcceptedUpdateCompletedWorkflow')
  );
}
