import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { openStage, type Stage } from '../test/faults/stage.ts';
import { recheckSignal, taskQueue, WORKFLOWS, workflowId } from '../workflows/messages.ts';
import { type Child, startChild } from './child.ts';
import { type Bench, type BenchOptions, spreadOf, type Workload } from './harness.ts';
import { cpuMsOf } from './processes.ts';
import type { OutboxAnswer, OutboxQuestion } from './webhooks/minimal-outbox.ts';
import { type Planted, plantDeliveries } from './webhooks/plant-deliveries.ts';
import type { ReceiverQuestion, ReceiverReport } from './webhooks/receiver.ts';

/**
 * So many events for one endpoint, from the moment the relay wakes its workflow until the last one is delivered: signed,
 * with the address checked at each attempt and each attempt on record before it is sent, each object's events in order.
 */
export const webhooks: Workload = { unit: 'events/s', better: 'higher', goal: 0.5, open };

const SIZE = 20_000;
const PATIENCE_MS = 300_000;

type Scene = {
  stage: Stage;
  owner: pg.Client;
  receiver: Child;
  outbox: Child;
  url: string;
  size: number;
  wrong: string[];
  /** CPU milliseconds of an event, of each round. */
  spent: { worker: number[]; postgres: number[]; outbox: number[]; postgresOfOutbox: number[] };
};

async function open({ size, say }: BenchOptions): Promise<Bench> {
  await using opening = new AsyncDisposableStack();
  const stage = opening.use(await openStage({ say, parts: ['worker'] }));
  const owner = new pg.Client({ connectionString: stage.ownerUrl });
  await owner.connect();
  opening.defer(() => owner.end());
  const receiver = opening.use(await startChild('webhooks/receiver.ts', {}));
  const outbox = opening.use(
    await startChild('webhooks/minimal-outbox.ts', { DATABASE_URL: stage.ownerUrl }),
  );
  const { port } = await receiver.ask<ReceiverReport>({});
  const scene: Scene = {
    stage,
    owner,
    receiver,
    outbox,
    url: `http://127.0.0.1:${port}/webhooks`,
    size: size ?? SIZE,
    wrong: [],
    spent: { worker: [], postgres: [], outbox: [], postgresOfOutbox: [] },
  };
  const stack = opening.move();
  return {
    ours: () => ours(scene),
    baseline: () => baseline(scene),
    check: () => Promise.resolve(scene.wrong),
    details: () => ({ cpuMsPerEvent: cpu(scene.spent) }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function ours(scene: Scene): Promise<number> {
  const { stage, spent } = scene;
  const planted = await plantWhileNobodyWorks(scene);
  const client = await stage.client();
  const before = { worker: cpuMsOf(stage.pid('worker')), postgres: cpuMsOf(stage.pid('postgres')) };
  const startedMs = performance.now();
  stage.thaw('worker');
  await client.workflow.signalWithStart(WORKFLOWS.webhookEndpoint, {
    workflowId: workflowId.webhookEndpoint(planted.endpointId),
    taskQueue: taskQueue('webhooks', ''),
    args: [{ tenantId: stage.tenantId, endpointId: planted.endpointId }],
    signal: recheckSignal,
  });
  await untilDelivered(scene.owner, planted);
  const seconds = (performance.now() - startedMs) / 1000;
  spent.worker.push((cpuMsOf(stage.pid('worker')) - before.worker) / planted.count);
  spent.postgres.push((cpuMsOf(stage.pid('postgres')) - before.postgres) / planted.count);
  await look(scene, 'ours', planted);
  return planted.count / seconds;
}

async function baseline(scene: Scene): Promise<number> {
  const { stage, spent, outbox } = scene;
  const planted = await plantWhileNobodyWorks(scene);
  const before = { outbox: cpuMsOf(outbox.pid), postgres: cpuMsOf(stage.pid('postgres')) };
  const question: OutboxQuestion = planted;
  const { seconds } = await outbox.ask<OutboxAnswer>(question);
  spent.outbox.push((cpuMsOf(outbox.pid) - before.outbox) / planted.count);
  spent.postgresOfOutbox.push((cpuMsOf(stage.pid('postgres')) - before.postgres) / planted.count);
  await look(scene, 'baseline', planted);
  return planted.count / seconds;
}

/** Our relay would wake our workflow for what belongs to the baseline, and begin before the clock runs. */
async function plantWhileNobodyWorks({ stage, url, size }: Scene): Promise<Planted> {
  stage.freeze('worker');
  return plantDeliveries(stage, url, size);
}

async function untilDelivered(owner: pg.Client, { endpointId }: Planted): Promise<void> {
  const endsAtMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const { rows } = await owner.query(
      `select 1 from webhook_deliveries where endpoint_id = $1 and status = 'pending' limit 1`,
      [endpointId],
    );
    if (rows.length === 0) return;
    if (performance.now() > endsAtMs) throw new Error(`not delivered after ${PATIENCE_MS} ms`);
    await sleep(25);
  }
}

/** What the receiver saw, and what the rows say. */
async function look(scene: Scene, side: 'ours' | 'baseline', planted: Planted): Promise<void> {
  const question: ReceiverQuestion = { secret: planted.secret };
  const seen = await scene.receiver.ask<ReceiverReport>(question);
  const { rows } = await scene.owner.query<{ n: number }>(
    `select count(*)::int as n from webhook_deliveries delivery
     where delivery.endpoint_id = $1 and delivery.status = 'delivered' and exists (
       select from webhook_attempts attempt where attempt.delivery_id = delivery.id and attempt.n = delivery.attempts
         and attempt.status = 200 and attempt.error is null and attempt.finished_at is not null)`,
    [planted.endpointId],
  );
  const say = (sentence: string) => scene.wrong.push(`${side}: ${sentence}`);
  if (seen.events !== planted.count) say(`${seen.events} of ${planted.count} events arrived`);
  if (seen.unsigned > 0) say(`${seen.unsigned} requests had no good signature`);
  if (rows[0]?.n !== planted.count)
    say(`${rows[0]?.n} of ${planted.count} deliveries are on record with their attempt`);
  // The baseline does not promise it.
  if (side === 'ours' && seen.outOfOrder > 0) say(`${seen.outOfOrder} events came after a later one`);
}

/** Medians; the first round of each side was the warm-up. */
function cpu(spent: Scene['spent']): Record<string, number> {
  const median = (values: number[]) => (values.length > 1 ? spreadOf(values.slice(1)).median : 0);
  return Object.fromEntries(Object.entries(spent).map(([name, values]) => [name, median(values)]));
}
