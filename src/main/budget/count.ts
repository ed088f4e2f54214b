import type { Cost } from './bounds.ts';

/** The part of a history event that counting looks at; `type` is the name without prefix, such as `TimerStarted`. */
export type HistoryEvent = {
  type: string;
  /** Of an ActivityTaskStarted: 1 for the first try. */
  attempt?: number;
  /** Of a marker: the workflow task it belongs to. */
  taskCompletedId?: number;
  /** Of a local activity's marker: the function that ran. */
  activity?: string;
};

const ONE_ACTION: ReadonlySet<string> = new Set([
  'WorkflowExecutionStarted',
  'TimerStarted',
  'UpsertWorkflowSearchAttributes',
  'WorkflowExecutionSignaled',
  'WorkflowExecutionUpdateAccepted',
  'ActivityTaskScheduled',
]);

/**
 * Counts as Temporal Cloud bills (https://docs.temporal.io/cloud/actions): one action for a start of a workflow (by a
 * client or by continue-as-new, so the end of the old run is free), a timer (`condition` with a timeout is one), an
 * upsert of search attributes whatever number of keys, a signal, an update, a scheduled activity and each retry of it;
 * one for all local activities of the same workflow task. Signal-with-start and update-with-start are two. Queries and
 * rejected updates cost too but leave no event; these lives have none.
 */
export function costOf(events: readonly HistoryEvent[]): Cost {
  const tasksWithLocals = new Set<number | undefined>();
  let actions = 0;
  for (const event of events) {
    if (ONE_ACTION.has(event.type)) actions += 1;
    if (event.type === 'ActivityTaskStarted') actions += (event.attempt ?? 1) - 1;
    if (event.activity !== undefined) tasksWithLocals.add(event.taskCompletedId);
  }
  return { events: events.length, actions: actions + tasksWithLocals.size };
}

/** What wakes a workflow that waits for time. */
const WAKES: ReadonlySet<string> = new Set([
  'TimerFired',
  'WorkflowExecutionSignaled',
  'WorkflowTaskScheduled',
]);

/**
 * Cuts a history before every event that ends a wait for time. Answers to updates are written behind the timer of the
 * same workflow task, so the timer itself does not end a part.
 */
export function partsBetweenWaits(events: readonly HistoryEvent[]): HistoryEvent[][] {
  const parts: HistoryEvent[][] = [[]];
  for (const event of events) {
    if (WAKES.has(event.type) && parts.at(-1)?.some(isTimer)) parts.push([]);
    parts.at(-1)?.push(event);
  }
  return parts;
}

const isTimer = ({ type }: HistoryEvent) => type === 'TimerStarted';

/** Whether the workflow waits for time again at the end of this part. */
export function endsInWait(part: readonly HistoryEvent[]): boolean {
  return part.some(isTimer);
}

export function sumOf(costs: readonly Cost[]): Cost {
  return costs.reduce(
    (sum, { events, actions }) => ({ events: sum.events + events, actions: sum.actions + actions }),
    {
      events: 0,
      actions: 0,
    },
  );
}
