import { WorkflowNotFoundError } from '@temporalio/client';
import { waitingForQuery, workflowId } from '../../../workflows/messages.ts';
import { clock } from '../../platform/clock.ts';
import { messageOf } from '../settings.ts';
import type { Desk } from './desk.ts';
import { count, type Fact } from './lines.ts';

const DEADLINE_MS = 5_000;

/** What Temporal says of a workflow; the row, not this, is what is billed. */
export type WorkflowState = {
  workflow_id: string;
  /** Temporal's word ("running", "completed", "terminated" …), "none" where it knows no such workflow, else "unknown". */
  status: string;
  run_id: string | null;
  waiting_for: string | null;
  until: string | null;
  commands_waiting: number | null;
  history_events: number | null;
  /** Activities that wait for a worker, or for their next attempt. */
  activities: { name: string; attempt: number; last_failure: string | null }[];
  /** Why it could not be asked, or did not answer. */
  trouble: string | null;
  ui_url: string | null;
};

export async function workflowState(
  desk: Desk,
  kind: 'subscription' | 'invoice',
  id: string,
): Promise<WorkflowState> {
  const workflow_id = workflowId[kind](id);
  const state: WorkflowState = {
    workflow_id,
    status: 'unknown',
    run_id: null,
    waiting_for: null,
    until: null,
    commands_waiting: null,
    history_events: null,
    activities: [],
    trouble: null,
    ui_url: pageOf(desk, workflow_id),
  };
  const door = await desk.client();
  if ('away' in door) return { ...state, trouble: door.away };
  const handle = door.client.workflow.getHandle(workflow_id);
  const deadline = () => clock.now().getTime() + DEADLINE_MS;
  try {
    const described = await door.client.withDeadline(deadline(), () => handle.describe());
    state.status = described.status.name.toLowerCase();
    state.run_id = described.runId;
    state.history_events = described.historyLength;
    state.activities = (described.raw.pendingActivities ?? []).map((activity) => ({
      name: activity.activityType?.name ?? '',
      attempt: activity.attempt ?? 1,
      last_failure: activity.lastFailure?.message ?? null,
    }));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { ...state, status: 'none', ui_url: null };
    return { ...state, trouble: `Temporal does not answer: ${messageOf(error)}` };
  }
  if (state.status !== 'running') return state;
  try {
    const said = await door.client.withDeadline(deadline(), () => handle.query(waitingForQuery));
    const { runId, waitingFor, until, commandsWaiting } = said;
    return { ...state, run_id: runId, waiting_for: waitingFor, until, commands_waiting: commandsWaiting };
  } catch {
    const trouble = 'The workflow runs, and no worker answers for it: look whether `npm run worker` runs.';
    return { ...state, trouble };
  }
}

/** Whether Temporal answered that no such workflow runs. */
export function isGone({ status }: WorkflowState): boolean {
  return status !== 'running' && status !== 'unknown';
}

/** The state as a person reads it. */
export function workflowFacts(state: WorkflowState): Fact[] {
  const waiting = state.commands_waiting ? `, ${count(state.commands_waiting, 'command')} waiting` : '';
  const words =
    state.status === 'none'
      ? 'none: Temporal knows no such workflow'
      : `${state.status}${state.history_events === null ? '' : `, ${count(state.history_events, 'event')} of history`}${waiting}`;
  return [
    ['workflow', words],
    ['waits for', state.waiting_for && `${state.waiting_for}${state.until ? ` (until ${state.until})` : ''}`],
    ...state.activities.map(
      ({ name, attempt, last_failure }): Fact => [
        'activity',
        `${name}, attempt ${attempt}${last_failure ? `: ${last_failure}` : ''}`,
      ],
    ),
    ['', state.trouble],
    ['in Temporal', state.ui_url],
  ];
}

function pageOf({ temporal }: Desk, id: string): string | null {
  if (!temporal?.uiUrl) return null;
  return `${temporal.uiUrl}/namespaces/${temporal.namespace}/workflows/${encodeURIComponent(id)}`;
}
