import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleForReplay } from '../replay/bundle.ts';
import { type Life, type Replayed, replay, whatDiverged } from '../replay/replay.ts';

/** Replaying in tests: the workflow code of today, fed with what happened, has to come to the same decisions. */

let bundle: ReturnType<typeof bundleForReplay> | null = null;

export async function replayToday(lives: Iterable<Life> | AsyncIterable<Life>): Promise<Replayed[]> {
  bundle ??= bundleForReplay();
  return replay(await bundle, lives);
}

/** Replays lives and answers what did not come out the same, and why. */
export async function diverging(lives: Iterable<Life> | AsyncIterable<Life>): Promise<string[]> {
  const replayed = await replayToday(lives);
  if (replayed.length === 0) throw new Error('there was nothing to replay');
  return replayed.flatMap(whatDiverged);
}

/** Every run of every workflow in the namespace, ended or not. */
export async function* historiesOf(client: Client): AsyncGenerator<Life> {
  for await (const { workflowId, runId } of client.workflow.list()) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    yield { name: `${workflowId} ${runId}`, json: JSON.parse(historyToJSON(history)), locals: null };
  }
}
