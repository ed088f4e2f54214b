import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  isGrpcServiceError,
  ServiceError,
  type WorkflowExecutionInfo,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { WORKFLOWS, workflowId } from '../../../workflows/messages.ts';
import type { Database } from '../../persistence/doors.ts';
import type { Broken, BrokenRow } from '../../persistence/invariants/promised.ts';
import { readOnly } from '../../persistence/invariants/promised.ts';
import { type WakeUp, wakeUpsAfter, wakeUpsOf } from '../../persistence/invariants/wake-ups.ts';
import { answered } from './gateway-log.ts';

/** What is asked of Temporal: the row is the truth, and its workflow has to know it. */
export const WORKFLOW_PROMISES = {
  one_workflow_per_live_subscription:
    'A living subscription has its one running workflow, one that ended has none.',
  workflow_knows_the_row: 'A running workflow waits for the step that its row says is next.',
} as const;

type Slug = keyof typeof WORKFLOW_PROMISES;
/** A workflow that runs: what it waits for, and since when it runs. */
type Running = { step: string | null; atMs: number | null; startedMs: number };
type Suspect = { promise: Slug; row: BrokenRow } | null;

const NEXT_STEP = defineSearchAttributeKey('BillingNextStep', 'KEYWORD');
const NEXT_STEP_AT = defineSearchAttributeKey('BillingNextStepAt', 'DATETIME');
const PAGE = 1_000;
/** A workflow without a row may be waiting this long for the command that creates it. */
const UNBORN_MS_MAX = 20 * 60_000;
/** Row and workflow change one after the other, and lists of workflows lag: a suspicion counts when it stays. */
const LOOKS = 5;
const LOOK_MS = 1_000;

/** Compares every subscription with its workflow. Null when Temporal does not answer. */
export async function askWorkflows(database: Database, client: Client, at: Date): Promise<Broken[] | null> {
  try {
    const suspects = await findSuspects(database, client, at);
    const found: Record<Slug, BrokenRow[]> = {
      one_workflow_per_live_subscription: [],
      workflow_knows_the_row: [],
    };
    for (const { promise, row } of await stillWrong(database, client, suspects, at)) found[promise].push(row);
    return await answered(WORKFLOW_PROMISES, found);
  } catch (error) {
    if (isGrpcServiceError(error) || error instanceof ServiceError) return null;
    throw error;
  }
}

/** Ids of subscriptions whose row and workflow do not look alike in one pass over both. */
async function findSuspects(database: Database, client: Client, at: Date): Promise<string[]> {
  const running = new Map<string, Running>();
  const query = `WorkflowType = '${WORKFLOWS.subscription}' AND ExecutionStatus = 'Running'`;
  for await (const info of client.workflow.list({ query })) running.set(info.workflowId, runningOf(info));
  const suspects: string[] = [];
  for (let afterId: string | null = ''; afterId !== null; ) {
    const from: string = afterId;
    const page = await readOnly(database, (tx) => wakeUpsAfter(tx, from, PAGE, at));
    for (const wakeUp of page) {
      const id = workflowId.subscription(wakeUp.id);
      if (compare(wakeUp.id, wakeUp, running.get(id) ?? null, at)) suspects.push(wakeUp.id);
      running.delete(id);
    }
    afterId = page.length === PAGE ? (page.at(-1)?.id ?? null) : null;
  }
  const prefix = workflowId.subscription('');
  return [...suspects, ...[...running.keys()].map((id) => id.slice(prefix.length))];
}

/** Looks again at each suspect, row and workflow together, until both agree or patience ends. */
async function stillWrong(
  database: Database,
  client: Client,
  ids: readonly string[],
  at: Date,
): Promise<NonNullable<Suspect>[]> {
  let left = [...ids];
  let found: NonNullable<Suspect>[] = [];
  for (let look = 1; look <= LOOKS && left.length > 0; look += 1) {
    if (look > 1) await sleep(LOOK_MS);
    found = [];
    const wrong: string[] = [];
    for (const id of left) {
      const [wakeUp = null] = await readOnly(database, (tx) => wakeUpsOf(tx, [id], at));
      const suspect = compare(id, wakeUp, await describe(client, id), at);
      if (!suspect) continue;
      found.push(suspect);
      wrong.push(id);
    }
    left = wrong;
  }
  return found;
}

async function describe(client: Client, id: string): Promise<Running | null> {
  try {
    const info = await client.workflow.getHandle(workflowId.subscription(id)).describe();
    return info.status.name === 'RUNNING' ? runningOf(info) : null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

function runningOf({
  typedSearchAttributes,
  startTime,
}: Pick<WorkflowExecutionInfo, 'typedSearchAttributes' | 'startTime'>): Running {
  return {
    step: typedSearchAttributes.get(NEXT_STEP) ?? null,
    atMs: typedSearchAttributes.get(NEXT_STEP_AT)?.getTime() ?? null,
    startedMs: startTime.getTime(),
  };
}

function compare(
  subscription_id: string,
  wakeUp: WakeUp | null,
  workflow: Running | null,
  at: Date,
): Suspect {
  const promise = 'one_workflow_per_live_subscription';
  if (!wakeUp) {
    const unborn = !workflow || at.getTime() - workflow.startedMs < UNBORN_MS_MAX;
    return unborn ? null : { promise, row: { subscription_id, row: 'none', workflow: 'running' } };
  }
  const { tenantId: tenant_id, ended, step, atMs, unsettled } = wakeUp;
  if (ended !== (workflow === null)) {
    return {
      promise,
      row: {
        tenant_id,
        subscription_id,
        row: ended ? 'ended' : 'living',
        workflow: workflow ? 'running' : 'none',
      },
    };
  }
  if (!workflow || unsettled || (workflow.step === step && workflow.atMs === atMs)) return null;
  const row = {
    tenant_id,
    subscription_id,
    next_step: step,
    next_step_at: instant(atMs),
    workflow_step: workflow.step,
    workflow_at: instant(workflow.atMs),
  };
  return { promise: 'workflow_knows_the_row', row };
}

function instant(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
