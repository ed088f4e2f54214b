import { livingAfter, type WakeUp, wakeUpsOf } from '../../src/persistence/invariants/wake-ups.ts';
import type { Looked, Running } from '../engine.ts';
import {
  asSystem,
  eachSuspect,
  type Pass,
  type Repair,
  type RepairDeps,
  type RepairKind,
  type RepairRun,
} from './repair.ts';

/** Ids read at once. */
const ROWS = 5_000;
/** A workflow without a row may be waiting this long for the command that creates it. */
const UNBORN_MS_MAX = 20 * 60_000;

/**
 * Every living row has its workflow, which waits for what the row says is next; no workflow runs for a row that ended or
 * was never there. Workflows are listed once, with what they show of themselves, because lists are what costs most here;
 * the ids of those that run (some 80 bytes each) stay in memory until the rows were compared with them.
 */
export const subscriptions: Pass = async function* (deps, run) {
  const running = new Set<string>();
  for await (const page of deps.engine.everyRunning('subscription')) {
    const at = deps.now();
    const rows = await asSystem(deps, (tx) => wakeUpsOf(tx, [...page.keys()], at));
    const known = new Map(rows.map((row) => [row.id, row]));
    const suspects = [...page].filter(([id, workflow]) => isSuspect(deps, known.get(id), workflow));
    for (const id of page.keys()) running.add(id);
    yield* eachSuspect(suspects, ([id]) => lookAt(deps, run, id));
    run.beat(null);
  }
  for (let after: string | null = ''; after !== null; ) {
    const from: string = after;
    const ids = await asSystem(deps, (tx) => livingAfter(tx, from, ROWS));
    const lost = ids.filter((id) => !running.has(id));
    yield* eachSuspect(lost, (id) => lookAt(deps, run, id));
    after = ids.length === ROWS ? (ids.at(-1) ?? null) : null;
    run.beat(null);
  }
};

/** Row and workflow together, exactly, and what is to be done when they do not agree. */
async function lookAt(deps: RepairDeps, { dryRun }: RepairRun, id: string): Promise<Repair | null> {
  const workflow = await deps.engine.look('subscription', id);
  const [row] = await asSystem(deps, (tx) => wakeUpsOf(tx, [id], deps.now()));
  const kind = row ? verdict(row, workflow) : orphaned(deps, workflow);
  if (kind === null) return null;
  const tenantId = row?.tenantId ?? null;
  if (!dryRun) {
    if (kind !== 'subscription_lost') await wake(deps, kind, { kind: 'subscription', tenantId, id });
    else if (!tenantId || !(await deps.engine.start({ kind: 'subscription', tenantId, id }))) return null;
  }
  return { kind, id, tenantId, sentence: SENTENCES[kind](row ?? null, workflow) };
}

async function wake(
  deps: RepairDeps,
  kind: SubscriptionKind,
  entity: Parameters<RepairDeps['engine']['recheck']>[0],
): Promise<void> {
  // News would only make the history of one that cannot read it longer.
  if (kind !== 'subscription_stuck') await deps.engine.recheck(entity, false);
}

/** Lists lag behind, so this is never more than a reason to look. */
function isSuspect(deps: RepairDeps, row: WakeUp | undefined, listed: Running): boolean {
  const workflow = { ...listed, busy: false, failures: 0 };
  return (row ? verdict(row, workflow) : orphaned(deps, workflow)) !== null;
}

function verdict(row: WakeUp, workflow: Looked | null): SubscriptionKind | null {
  const { ended, step, atMs, unsettled, overdue } = row;
  if (workflow && workflow.failures > 0) return 'subscription_stuck';
  if (!workflow) return ended ? null : 'subscription_lost';
  if (workflow.busy) return null;
  if (overdue) return 'subscription_overdue';
  if (unsettled) return null;
  if (ended) return 'subscription_ended';
  return workflow.step === step && workflow.atMs === atMs ? null : 'subscription_unaware';
}

function orphaned(deps: RepairDeps, workflow: Looked | null): SubscriptionKind | null {
  const waitsForCreation = workflow && deps.now().getTime() - workflow.startedMs < UNBORN_MS_MAX;
  return !workflow || workflow.busy || waitsForCreation ? null : 'subscription_without_row';
}

type SubscriptionKind = Extract<RepairKind, `subscription_${string}`>;

const SENTENCES: Record<SubscriptionKind, (row: WakeUp | null, workflow: Looked | null) => string> = {
  subscription_lost: () => 'It lives, and no workflow runs for it: its workflow is started.',
  subscription_unaware: (row, workflow) =>
    `Its row waits for ${due(row)}, its workflow for ${due(workflow)}: the workflow reads the row again.`,
  subscription_overdue: (row) => `Its step ${due(row)} is late: its workflow looks at it again.`,
  subscription_ended: () => 'It has ended, and its workflow runs: the workflow reads the row and ends.',
  subscription_without_row: () =>
    'A workflow runs for a subscription that has no row: it looks for the row and ends.',
  subscription_stuck: (_row, workflow) =>
    `Its workflow cannot go on: its code failed ${workflow?.failures} times at the same place. Run the version of the code it was begun with, or terminate the workflow: reconcile starts it anew from its row.`,
};

function due(waits: Pick<Running, 'step' | 'atMs'> | null): string {
  if (!waits?.step || waits.atMs === null) return 'nothing';
  return `${waits.step.replaceAll('_', ' ')} at ${new Date(waits.atMs).toISOString()}`;
}
