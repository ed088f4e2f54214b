import { type Client, WithStartWorkflowOperation } from '@temporalio/client';
import { sql } from 'kysely';
import { query } from '../src/persistence/rows.ts';
import { sentences } from '../test/faults/report.ts';
import { openStage, type Stage } from '../test/faults/stage.ts';
import { startBareWorker } from './bare-worker.ts';
import { type Bench, type BenchOptions, quantile, rounded, type Workload } from './harness.ts';
import { inParallel } from './in-parallel.ts';

/**
 * A subscription is created over HTTP and answered when its first invoice is paid, by one caller after the other and by
 * sixteen at once. The number of a round is the median of one caller.
 */
export const commands: Workload = { unit: 'ms (p50)', better: 'lower', goal: 2.5, open };

const SIZE = 50;
const CALLERS = 16;

type Latencies = { one: number[]; many: number[] };
type Scene = {
  stage: Stage;
  client: Client;
  plan: string;
  size: number;
  created: number;
  ours: Latencies;
  baseline: Latencies;
};

async function open({ size, say }: BenchOptions): Promise<Bench> {
  await using opening = new AsyncDisposableStack();
  const stage = opening.use(await openStage({ say, durable: true }));
  opening.use(await startBareWorker(stage));
  await stopDeliveries(stage);
  const scene: Scene = {
    stage,
    client: await stage.client(),
    plan: await idOf(stage, '/v1/plans', {
      name: 'Bench',
      prices: [
        {
          key: 'base',
          model: 'flat',
          currency: 'USD',
          interval: { unit: 'month', count: 1 },
          unit_amount: '19.99',
        },
      ],
    }),
    size: size ?? SIZE,
    created: 0,
    ours: { one: [], many: [] },
    baseline: { one: [], many: [] },
  };
  const stack = opening.move();
  return {
    ours: () => createOurs(scene),
    baseline: () => createBare(scene),
    check: () => check(scene),
    details: () => {
      const [ours, baseline] = [percentiles(scene.ours), percentiles(scene.baseline)];
      return {
        size: scene.size,
        callers: CALLERS,
        latency_ms: { ours, baseline },
        ratio_of_many_callers: rounded(ours.many.p50 / baseline.many.p50),
      };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Webhooks are another workload's subject, and their baseline has none. */
async function stopDeliveries({ http }: Stage): Promise<void> {
  const { body } = await http.insist('GET', '/v1/webhook_endpoints');
  const endpoints = Array.isArray(body['data']) ? body['data'] : [];
  for (const { id } of endpoints) await http.insist('DELETE', `/v1/webhook_endpoints/${String(id)}`);
}

async function createOurs(scene: Scene): Promise<number> {
  const { stage, plan, size } = scene;
  const create = (customer: string) => idOf(stage, '/v1/subscriptions', { customer, plan });
  const times = {
    one: await timeEach(await newCustomers(stage, size), 1, create),
    many: await timeEach(await newCustomers(stage, size * 2), CALLERS, create),
  };
  scene.created += size * 3;
  await stage.quiet();
  return note(scene.ours, times);
}

async function createBare(scene: Scene): Promise<number> {
  const { client, size } = scene;
  const ids = (count: number) => Array.from({ length: count }, () => `bare/${crypto.randomUUID()}`);
  const create = (id: string) =>
    client.workflow.executeUpdateWithStart('bare', {
      args: [id],
      startWorkflowOperation: new WithStartWorkflowOperation('bareCommand', {
        workflowId: id,
        taskQueue: 'bare-billing',
        workflowIdConflictPolicy: 'USE_EXISTING',
        args: [],
      }),
    });
  return note(scene.baseline, {
    one: await timeEach(ids(size), 1, create),
    many: await timeEach(ids(size * 2), CALLERS, create),
  });
}

async function newCustomers(stage: Stage, count: number): Promise<string[]> {
  const made: string[] = [];
  await inParallel(Array.from({ length: count }), 8, async () => {
    const id = await idOf(stage, '/v1/customers', { name: 'Ada' });
    await idOf(stage, `/v1/customers/${id}/payment_methods`, { token: 'tok_succeeds', default: true });
    made.push(id);
  });
  return made;
}

async function idOf({ http }: Stage, path: string, body: object): Promise<string> {
  const answer = await http.send('POST', path, body, { idempotencyKey: crypto.randomUUID() });
  if (answer.status >= 300)
    throw new Error(`POST ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return String(answer.body['id']);
}

/** Milliseconds of each call, by so many callers that each wait for their answer before they call again. */
async function timeEach<T>(
  items: readonly T[],
  callers: number,
  call: (item: T) => Promise<unknown>,
): Promise<number[]> {
  const times: number[] = [];
  await inParallel(items, callers, async (item) => {
    const startedMs = performance.now();
    await call(item);
    times.push(performance.now() - startedMs);
  });
  return times;
}

function note(kept: Latencies, { one, many }: Latencies): number {
  kept.one.push(...one);
  kept.many.push(...many);
  return quantile(one.toSorted(byValue), 0.5);
}

function percentiles({ one, many }: Latencies) {
  const of = (times: number[]) => {
    const sorted = times.toSorted(byValue);
    return { p50: rounded(quantile(sorted, 0.5)), p99: rounded(quantile(sorted, 0.99)) };
  };
  return { one: of(one), many: of(many) };
}

const byValue = (a: number, b: number) => a - b;

async function check({ stage, created }: Scene): Promise<string[]> {
  await stage.quiet();
  const [row] = await stage.database.withTenant(stage.tenantId, (tx) =>
    query<{ active: number; paid: number }>(
      tx,
      sql`select (select count(*)::int from subscriptions where status = 'active') as active,
        (select count(*)::int from invoices where status = 'paid') as paid`,
    ),
  );
  const wrong = (['active', 'paid'] as const)
    .filter((what) => row?.[what] !== created)
    .map((what) => `${what}: ${row?.[what]} instead of ${created}`);
  return [...wrong, ...sentences(await stage.invariants())];
}
