import { fileURLToPath } from 'node:url';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, Worker, type WorkflowBundleOption } from '@temporalio/worker';

/** Replaying: the workflow code of today, fed with what happened, has to come to the same decisions. */

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
type Told = { workflowId: string; history: History };

let bundle: Promise<WorkflowBundleOption> | null = null;

function todaysWorkflows(): Promise<WorkflowBundleOption> {
  const workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
  bundle ??= bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  return bundle;
}

/** Replays histories one after the other and answers which of them did not come out the same, and why. */
export async function diverging(histories: Iterable<Told> | AsyncIterable<Told>): Promise<string[]> {
  const failed: string[] = [];
  let replayed = 0;
  for await (const { workflowId, error } of Worker.runReplayHistories(
    { workflowBundle: await todaysWorkflows() },
    histories,
  )) {
    replayed += 1;
    if (error) failed.push(`${workflowId}: ${error.message}`);
  }
  if (replayed === 0) throw new Error('there was nothing to replay');
  return failed;
}

/** Every run of every workflow in the namespace, ended or not. */
export async function* historiesOf(client: Client): AsyncGenerator<Told> {
  for await (const { workflowId, runId } of client.workflow.list()) {
    yield {
      workflowId: `${workflowId} ${runId}`,
      history: await client.workflow.getHandle(workflowId, runId).fetchHistory(),
    };
  }
}
