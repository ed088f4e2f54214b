import type { Client } from '@temporalio/client';
import { workflowId } from '../../../workflows/messages.ts';
import { inParallel } from './plant.ts';

/** Events in the histories of subscriptions, by id. */
export type Lengths = ReadonlyMap<string, { runId: string; events: number }>;

/** "A database that is away adds at most so many events to each history", the renewal itself included. */
export const EVENTS_MAX = 40;

export async function historyLengths(client: Client, ids: readonly string[]): Promise<Lengths> {
  const found = await inParallel(ids.length, async (index) => {
    const id = ids[index] ?? '';
    const { runId, historyLength } = await client.workflow.getHandle(workflowId.subscription(id)).describe();
    return [id, { runId, events: historyLength }] as const;
  });
  return new Map(found);
}

/** The most that any history grew. A history that was continued in a new run counts whole. */
export function mostGrown(before: Lengths, after: Lengths): { id: string; events: number } {
  let most = { id: 'none', events: 0 };
  for (const [id, { runId, events }] of after) {
    const earlier = before.get(id);
    const grown = earlier?.runId === runId ? events - earlier.events : events;
    if (grown > most.events) most = { id, events: grown };
  }
  return most;
}
