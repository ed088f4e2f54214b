import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, isGrpcServiceError, ServiceError } from '@temporalio/client';
import type { Engine, Looked, Running } from '../../../activities/engine.ts';
import type { Database } from '../../persistence/doors.ts';
import type { Broken, BrokenRow } from '../../persistence/invariants/promised.ts';
import { readOnly } from '../../persistence/invariants/promised.ts';
import { type WakeUp, wakeUpsAfter, wakeUpsOf } from '../../persistence/invariants/wake-ups.ts';
import { engineOf } from '../engine.ts';
import { answered } from './gateway-log.ts';

/** What is asked of Temporal: the row is the truth, and its workflow has to know it. */
export const WORKFLOW_PROMISES = {
  one_workflow_per_live_subscription:
    'A living subscription has its one running workflow, one that ended has none.',
  workflow_knows_the_row: 'A running workflow waits for the step that its row says is next.',
} as const;

type Slug = keyof typeof WORKFLOW_PROMISES;
type Suspect = { promise: Slug; row: BrokenRow } | null;

const PAGE = 1_000;
/** A workflow without a row may be waiting this long for the command that creates it. */
const UNBORN_MS_MAX = 20 * 60_000;
/** Row and workflow change one after the other, and lists of workflows lag: a suspicion counts when it stays. */
const LOOKS = 5;
const LOOK_MS = 1_000;
/** A workflow at work may be behind its row until a dead worker's task is given to another one, which takes 15 to 30 seconds. */
const LOOKS_AT_WORK = 40;

/** Compares every subscription with its workflow. Null when Temporal does not answer. */
export async function askWorkflows(database: Database, client: Client, at: Date): Promise<Broken[] | null> {
  const engine = engineOf(client, '');
  try {
    const suspects = await findSuspects(database, engine, at);
    const found: Record<Slug, BrokenRow[]> = {
      one_workflow_per_live_subscription: [],
      workflow_knows_the_row: [],
    };
    for (const { promise, row } of await stillWrong(database, engine, suspects, at)) found[promise].push(row);
    return await answered(WORKFLOW_PROMISES, found);
  } catch (error) {
    if (isGrpcServiceError(error) || error instanceof ServiceError) return null;
    throw error;
  }
}

/** Ids of subscriptions whose row and workflow do not look alike in one pass over both. */
async function findSuspects(database: Database, engine: Engine, at: Date): Promise<string[]> {
  const running = new Map<string, Running>();
  for await (const page of engine.everyRunning('subscription'))
    for (const [id, workflow] of page) running.set(id, workflow);
  const suspects: string[] = [];
  for (let afterId: string | null = ''; afterId !== null; ) {
    const from: string = afterId;
    const page = await readOnly(database, (tx) => wakeUpsAfter(tx, from, PAGE, at));
    for (const wakeUp of page) {
      if (compare(wakeUp.id, wakeUp, running.get(wakeUp.id) ?? null, at)) suspects.push(wakeUp.id);
      running.delete(wakeUp.id);
    }
    afterId = page.length === PAGE ? (page.at(-1)?.id ?? null) : null;
  }
  return [...suspects, ...running.keys()];
}

/** Looks again at each suspect, row and workflow together, until both agree or patience with it ends. */
async function stillWrong(
  database: Database,
  engine: Engine,
  ids: readonly string[],
  at: Date,
): Promise<NonNullable<Suspect>[]> {
  const found: NonNullable<Suspect>[] = [];
  let left = [...ids];
  for (let look = 1; left.length > 0; look += 1) {
    if (look > 1) await sleep(LOOK_MS);
    const doubtful: string[] = [];
    for (const id of left) {
      const [wakeUp = null] = await readOnly(database, (tx) => wakeUpsOf(tx, [id], at));
      const workflow: Looked | null = await engine.look('subscription', id);
      const suspect = compare(id, wakeUp, workflow, at);
      if (!suspect) continue;
      const atWork = workflow?.busy === true && suspect.promise === 'workflow_knows_the_row';
      if (look < (atWork ? LOOKS_AT_WORK : LOOKS)) doubtful.push(id);
      else found.push(suspect);
    }
    left = doubtful;
  }
  return found;
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
