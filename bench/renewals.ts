import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { sql } from 'kysely';
import { query } from '../src/persistence/rows.ts';
import { clock } from '../src/platform/clock.ts';
import { sentences } from '../test/faults/report.ts';
import { openStage, type Part, type Stage } from '../test/faults/stage.ts';
import { WORKFLOWS, workflowId } from '../workflows/messages.ts';
import { type BareWorker, startBareWorker } from './bare-worker.ts';
import { type Bench, type BenchOptions, quantile, rounded, type Workload } from './harness.ts';
import { inParallel } from './in-parallel.ts';
import { PERIOD_MS, plantSubscriptions } from './plant.ts';
import { cpuMsOf } from './processes.ts';

/** Everybody's period ends in the same second, and everybody is charged. */
export const renewals: Workload = {
  unit: 'renewals/s',
  better: 'higher',
  goal: 0.7,
  open: (options) => open(options, true),
};

/** The same for invoices that are sent: one transaction, and no gateway. */
export const renewalsUnpaid: Workload = { ...renewals, open: (options) => open(options, false) };

const SIZE = 500;
/** Time to start the workflows before their timers fire; more is taken where it is not enough. */
const LEAD_MS_EACH = 20;
const LEAD_MS_MIN = 5_000;
const LEAD_MS_MAX = 240_000;
const PATIENCE_MS = 180_000;
const STARTS_AT_ONCE = 32;
const LOOKS_AT_ONCE = 4;

const NEXT_STEP_AT = defineSearchAttributeKey('BillingNextStepAt', 'DATETIME');

type Cpu = Record<string, number>;
type Scene = AsyncDisposable & {
  stage: Stage;
  client: Client;
  bare: BareWorker;
  size: number;
  charged: boolean;
  renewed: string[];
  leadMs: number;
  say: BenchOptions['say'];
  spent: { ours: Cpu[]; baseline: Cpu[] };
};

/** CPU milliseconds per paid renewal: of all processes together, and of each. */
export type CpuOfRenewal = Cpu & { all: number; worker: number };

/** Renews and charges `size` subscriptions at once, twice; the first round warms up. `wrong`: what was not done, or not done right. */
export async function cpuOfRenewal({
  say,
  size,
}: BenchOptions): Promise<{ cpuMs: CpuOfRenewal; wrong: string[] }> {
  await using scene = await setScene({ say, size }, true);
  await renewOurs(scene);
  await renewOurs(scene);
  const { bare_worker: _, ...cpu } = medians(scene.spent.ours);
  const all = rounded(Object.values(cpu).reduce((sum, ms) => sum + ms, 0));
  return { cpuMs: { ...cpu, all, worker: cpu['worker'] ?? 0 }, wrong: await check(scene) };
}

async function open(options: BenchOptions, charged: boolean): Promise<Bench> {
  const scene = await setScene(options, charged);
  return {
    ours: () => renewOurs(scene),
    baseline: () => renewBare(scene),
    check: () => check(scene),
    details: () => ({
      size: scene.size,
      cpu_ms_per_renewal: { ours: medians(scene.spent.ours), baseline: medians(scene.spent.baseline) },
    }),
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  };
}

async function setScene({ size, say }: BenchOptions, charged: boolean): Promise<Scene> {
  await using opening = new AsyncDisposableStack();
  const parts: Part[] = charged ? ['gateway', 'worker'] : ['worker'];
  const stage = opening.use(await openStage({ say, durable: true, parts }));
  const bare = opening.use(await startBareWorker(stage));
  const client = await stage.client();
  const stack = opening.move();
  return {
    stage,
    client,
    bare,
    size: size ?? SIZE,
    leadMs: LEAD_MS_MIN + (size ?? SIZE) * LEAD_MS_EACH,
    charged,
    say,
    renewed: [],
    spent: { ours: [], baseline: [] },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function renewOurs(scene: Scene): Promise<number> {
  const { stage, client, size, charged } = scene;
  const { tenantId } = stage;
  const round = await timeRenewals(scene, WORKFLOWS.subscription, async (dueAt) => {
    const ids = await plantSubscriptions(stage, { count: size, dueAt, charged });
    scene.renewed.push(...ids);
    await inParallel(ids, STARTS_AT_ONCE, (subscriptionId) =>
      client.workflow.start(WORKFLOWS.subscription, {
        workflowId: workflowId.subscription(subscriptionId),
        taskQueue: 'billing',
        args: [{ tenantId, subscriptionId }],
      }),
    );
    return ids.map(workflowId.subscription);
  });
  scene.spent.ours.push(round.spent);
  // What the relay still does for these events belongs to nobody else's round.
  await stage.quiet();
  return round.perSecond;
}

async function renewBare(scene: Scene): Promise<number> {
  const { client, size, charged } = scene;
  const round = await timeRenewals(scene, 'bareRenewal', async (dueAt) => {
    const input = {
      dueAt: dueAt.toISOString(),
      nextAt: afterPeriod(dueAt).toISOString(),
      charges: charged,
    };
    const ids = Array.from({ length: size }, (_, index) => `bare/${dueAt.getTime()}/${index}`);
    await inParallel(ids, STARTS_AT_ONCE, (id) =>
      client.workflow.start('bareRenewal', { workflowId: id, taskQueue: 'bare-billing', args: [input] }),
    );
    return ids;
  });
  scene.spent.baseline.push(round.spent);
  return round.perSecond;
}

/**
 * From the common due instant until the last workflow shows its next one; both sides are watched the same way. When
 * not all of them were waiting at that instant, they are let go by and others are begun with more time.
 */
async function timeRenewals(
  scene: Scene,
  type: string,
  begin: (dueAt: Date) => Promise<string[]>,
): Promise<{ perSecond: number; spent: Cpu }> {
  const { size } = scene;
  const dueAt = new Date(clock.now().getTime() + scene.leadMs);
  const ids = await begin(dueAt);
  const waiting = await untilShown(scene, ids, dueAt, { everyMs: 50, endsAt: dueAt });
  const inTime = waiting === size && clock.now() < dueAt;
  await sleep(Math.max(0, dueAt.getTime() - clock.now().getTime()));
  const before = cpuNow(scene);
  const startedMs = performance.now();
  const endsAt = new Date(clock.now().getTime() + PATIENCE_MS);
  const done = await untilShown(scene, ids, afterPeriod(dueAt), { everyMs: 50, endsAt });
  const seconds = (performance.now() - startedMs) / 1000;
  const after = cpuNow(scene);
  if (done < size)
    throw new Error(`${done} of ${size} workflows of type ${type} renewed in ${PATIENCE_MS} ms`);
  if (!inTime) {
    scene.leadMs *= 2;
    scene.say(
      `  (${waiting} of ${size} had begun by then, not all in time: once more, with ${scene.leadMs / 1000} s)`,
    );
    if (scene.leadMs > LEAD_MS_MAX) throw new Error('the machine is too busy for workflows to start in time');
    return timeRenewals(scene, type, begin);
  }
  const spent = Object.fromEntries(
    Object.entries(after).map(([part, ms]) => [part, (ms - (before[part] ?? 0)) / size]),
  );
  return { perSecond: size / seconds, spent };
}

/**
 * How many workflows wait for this instant: all of them, or those that do when patience ends. Each is asked itself, because
 * lists of workflows follow at their own pace on a busy server.
 */
async function untilShown(
  { client }: Scene,
  ids: readonly string[],
  at: Date,
  { everyMs, endsAt }: { everyMs: number; endsAt: Date },
): Promise<number> {
  let shown = 0;
  await inParallel(ids, LOOKS_AT_ONCE, async (id) => {
    const handle = client.workflow.getHandle(id);
    for (; clock.now() < endsAt; await sleep(everyMs)) {
      const { typedSearchAttributes } = await handle.describe();
      if (typedSearchAttributes.get(NEXT_STEP_AT)?.getTime() !== at.getTime()) continue;
      shown += 1;
      return;
    }
  });
  return shown;
}

function cpuNow({ stage, bare }: Scene): Cpu {
  const parts: Part[] = ['worker', 'temporal', 'postgres', 'gateway'];
  return {
    ...Object.fromEntries(parts.map((part) => [part, cpuMsOf(stage.pid(part))])),
    bare_worker: cpuMsOf(bare.pid),
  };
}

/** Everything was done, once, and every promise is kept. */
async function check({ stage, renewed, charged }: Scene): Promise<string[]> {
  await stage.quiet();
  const [row] = await stage.database.withTenant(stage.tenantId, (tx) =>
    query<{ invoices: number; paid: number; periods: number }>(
      tx,
      sql`select count(*)::int as invoices, count(*) filter (where status = 'paid')::int as paid,
          (select count(*)::int from billed_periods where reason = 'billed') as periods
        from invoices where subscription_id = any(${renewed}::text[])`,
    ),
  );
  const expected = { invoices: renewed.length, paid: charged ? renewed.length : 0, periods: renewed.length };
  const wrong = Object.entries(expected)
    .filter(([what, count]) => row?.[what as keyof typeof expected] !== count)
    .map(([what, count]) => `${what}: ${row?.[what as keyof typeof expected]} instead of ${count}`);
  return [...wrong, ...sentences(await stage.invariants())];
}

function afterPeriod(at: Date): Date {
  return new Date(at.getTime() + PERIOD_MS);
}

/** The middle of each part's CPU milliseconds per renewal; the first round warmed up. */
function medians(rounds: readonly Cpu[]): Cpu {
  const counted = rounds.slice(1);
  const parts = Object.keys(counted[0] ?? {});
  const medianOf = (part: string) =>
    quantile(
      counted.map((round) => round[part] ?? 0).toSorted((a, b) => a - b),
      0.5,
    );
  return Object.fromEntries(parts.map((part) => [part, rounded(medianOf(part))]));
}
