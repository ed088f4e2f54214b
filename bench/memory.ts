import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { clock } from '../src/platform/clock.ts';
import { sentences } from '../test/faults/report.ts';
import { openStage, type Stage } from '../test/faults/stage.ts';
import { WORKFLOWS, workflowId } from '../workflows/messages.ts';
import { startBareWorker } from './bare-worker.ts';
import { type Bench, type BenchOptions, quantile, rounded, type Workload } from './harness.ts';
import { inParallel } from './in-parallel.ts';
import { PERIOD_MS, plantSubscriptions } from './plant.ts';

/** What open subscriptions keep in a worker's memory between their steps, against workflows that wait for nothing. */
export const memory: Workload = { unit: 'MB of heap per 1,000 cached', better: 'lower', goal: 2, open };

const SIZE = 400;
/** The first few load code that all others share. */
const FIRST = 10;
const MB = 1_048_576;

const measured = z.object({ heap: z.number(), resident: z.number() });
type Measured = z.infer<typeof measured>;
type Scene = {
  stage: Stage;
  client: Client;
  size: number;
  started: string[];
  resident: { ours: number[]; baseline: number[] };
};

async function open({ size, say }: BenchOptions): Promise<Bench> {
  await using opening = new AsyncDisposableStack();
  const stage = opening.use(await openStage({ say, parts: [] }));
  const scene: Scene = {
    stage,
    client: await stage.client(),
    size: size ?? SIZE,
    started: [],
    resident: { ours: [], baseline: [] },
  };
  const stack = opening.move();
  return {
    ours: () => keepOurs(scene),
    baseline: () => keepBare(scene),
    check: () => check(scene),
    details: () => ({
      size: scene.size,
      resident_mb_per_1000: { ours: median(scene.resident.ours), baseline: median(scene.resident.baseline) },
    }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function keepOurs(scene: Scene): Promise<number> {
  const { stage, client } = scene;
  const { tenantId } = stage;
  const begin = async (count: number) => {
    const dueAt = new Date(clock.now().getTime() + PERIOD_MS / 2);
    const ids = await plantSubscriptions(stage, { count, dueAt, charged: false });
    await inParallel(ids, 16, (subscriptionId) =>
      client.workflow.start(WORKFLOWS.subscription, {
        workflowId: workflowId.subscription(subscriptionId),
        taskQueue: 'billing',
        args: [{ tenantId, subscriptionId }],
      }),
    );
    const workflowIds = ids.map(workflowId.subscription);
    scene.started.push(...workflowIds);
    // Started, task scheduled, started and completed, the row read, attributes shown, timer set.
    await untilLong(client, workflowIds, 7);
  };
  const file = join(stage.dir, 'memory.json');
  await stage.start('worker', probed(file));
  try {
    const pid = stage.pid('worker');
    if (pid === null) throw new Error('the worker does not run');
    return await grow(scene, scene.resident.ours, begin, () => ask(pid, file));
  } finally {
    await stage.stop('worker');
  }
}

async function keepBare(scene: Scene): Promise<number> {
  const { stage, client } = scene;
  const begin = async (count: number) => {
    const ids = Array.from({ length: count }, () => `bare/${crypto.randomUUID()}`);
    await inParallel(ids, 16, (id) =>
      client.workflow.start('bareEmpty', { workflowId: id, taskQueue: 'bare-billing', args: [] }),
    );
    await untilLong(client, ids, 4);
  };
  const file = join(stage.dir, 'bare-memory.json');
  await using bare = await startBareWorker(stage, probed(file));
  return await grow(scene, scene.resident.baseline, begin, () => ask(bare.pid, file));
}

/** Megabytes of heap that 1,000 more workflows take. */
async function grow(
  { size }: Scene,
  residents: number[],
  begin: (count: number) => Promise<void>,
  look: () => Promise<Measured>,
): Promise<number> {
  await begin(FIRST);
  const before = await look();
  await begin(size);
  const after = await look();
  const per1000 = (bytes: number) => (bytes / MB / size) * 1_000;
  residents.push(per1000(after.resident - before.resident));
  return per1000(after.heap - before.heap);
}

function probed(file: string): Record<string, string> {
  const probe = fileURLToPath(new URL('./memory-probe.ts', import.meta.url));
  return { NODE_OPTIONS: `--expose-gc --import ${probe}`, BENCH_MEMORY_FILE: file };
}

async function ask(pid: number, file: string): Promise<Measured> {
  await rm(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  for (let attempt = 0; attempt < 200; attempt += 1) {
    await sleep(100);
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text.endsWith('}')) return measured.parse(JSON.parse(text));
  }
  throw new Error('the worker did not say how much memory it uses');
}

/** Until each history is so long: its workflow has done what it does before it waits. */
async function untilLong(client: Client, ids: readonly string[], events: number): Promise<void> {
  await inParallel(ids, 16, async (id) => {
    const handle = client.workflow.getHandle(id);
    while ((await handle.describe()).historyLength < events) await sleep(100);
  });
}

/** All of them are still there, and what they wait for is what their rows say. */
async function check({ stage, client, started }: Scene): Promise<string[]> {
  const query = `WorkflowType = '${WORKFLOWS.subscription}' AND ExecutionStatus = 'Running'`;
  const { count } = await client.workflow.count(query);
  const wrong = count === started.length ? [] : [`${count} subscriptions run instead of ${started.length}`];
  return [...wrong, ...sentences(await stage.invariants())];
}

function median(values: readonly number[]): number {
  const sorted = values.slice(1).toSorted((a, b) => a - b);
  return rounded(quantile(sorted, 0.5));
}
