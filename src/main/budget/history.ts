import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { HistoryEvent } from './count.ts';

/** The histories of all runs of a workflow, oldest first; none when there is no such workflow. */
export async function readRuns(client: Client, workflowId: string): Promise<HistoryEvent[][]> {
  const first = await firstRunId(client, workflowId);
  const runs: HistoryEvent[][] = [];
  for (let runId: string | null = first; runId; ) {
    const events: readonly RawEvent[] =
      (await client.workflow.getHandle(workflowId, runId).fetchHistory()).events ?? [];
    runs.push(events.map(toHistoryEvent));
    runId = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? null;
  }
  return runs;
}

/** Reads again and again until `pick` finds what it looks for. Throws after `deadlineMs`, naming what was awaited. */
export async function untilHistory<T>(
  what: string,
  read: () => Promise<HistoryEvent[][]>,
  pick: (runs: HistoryEvent[][]) => T | null,
  deadlineMs = 180_000,
): Promise<T> {
  const startedMs = performance.now();
  for (;;) {
    const runs = await read();
    const found = pick(runs);
    if (found !== null) return found;
    if (performance.now() - startedMs > deadlineMs) {
      const seen = runs.map((run) => run.map(({ type }) => type).join(' ')).join(' | ');
      throw new Error(`${what} did not happen within ${deadlineMs / 1000} s. The history so far: ${seen}`);
    }
    await sleep(300);
  }
}

type RawHistory = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;
type RawEvent = NonNullable<RawHistory['events']>[number];

async function firstRunId(client: Client, workflowId: string): Promise<string | null> {
  try {
    const { raw } = await client.workflow.getHandle(workflowId).describe();
    return raw.workflowExecutionInfo?.firstRunId || (raw.workflowExecutionInfo?.execution?.runId ?? null);
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowNotFoundError') return null;
    throw error;
  }
}

const ATTRIBUTES = 'EventAttributes';

function toHistoryEvent(event: RawEvent): HistoryEvent {
  const key = Object.keys(event).find((name) => name.endsWith(ATTRIBUTES)) ?? `unknown${ATTRIBUTES}`;
  const type = (key[0] ?? '').toUpperCase() + key.slice(1, -ATTRIBUTES.length);
  const started = event.activityTaskStartedEventAttributes;
  const marker = event.markerRecordedEventAttributes;
  if (started) return { type, attempt: started.attempt ?? 1 };
  if (marker?.markerName !== LOCAL_ACTIVITY) return { type };
  const facts = marker.details?.['data']?.payloads?.[0]?.data;
  const { activity_type: activity } = JSON.parse(Buffer.from(facts ?? []).toString('utf8')) as {
    activity_type: string;
  };
  return { type, activity, taskCompletedId: Number(marker.workflowTaskCompletedEventId) };
}

/** How the SDK marks a local activity; its facts are JSON. */
const LOCAL_ACTIVITY = 'core_local_activity';
