import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { openStage, type Stage } from '../test/faults/stage.ts';
import { type Child, startChild } from './child.ts';
import { type Bench, type BenchOptions, rounded, spreadOf, type Workload } from './harness.ts';
import type { CopyAnswer, CopyQuestion } from './ingest/copy.ts';
import type { LoadAnswer, LoadQuestion } from './ingest/load.ts';
import { cpuMsOf } from './processes.ts';

/**
 * Events of use at saturation, in batches of 1, 100 and 1,000 from a process of its own: recognised, checked, deduped,
 * stored, with the rollups kept beside it. Against a raw COPY into the same table, and against a bare Express with one
 * `unnest`; what counts is batches of 100.
 */
export const ingest: Workload = { unit: 'events/s', better: 'higher', goal: 0.35, open };

const GOAL_BARE = 0.7;
/** Events of a round in each size of batch. */
const SIZE = 60_000;
const BATCHES = [1, 100, 1_000] as const;
const COUNTED_BATCH = 100;
/** One event a request is so much slower that as many would take minutes. */
const SHARE_OF_SINGLES = 20;
const CONNECTIONS = 8;
const CUSTOMERS = 200;
const CURRENT_WITHIN_MS = 60_000;

type Side = 'ours' | 'bare';
type Scene = {
  stage: Stage;
  owner: pg.Client;
  load: Child;
  copy: Child;
  bareUrl: string;
  customers: string[];
  size: number;
  say: BenchOptions['say'];
  round: number;
  acknowledged: number;
  copied: number;
  measured: Record<Side, Record<number, LoadAnswer[]>>;
  /** Microseconds of CPU for an event in batches of 100, of each round. */
  spent: { api: number[]; postgres: number[]; worker: number[] };
};

async function open({ size, say }: BenchOptions): Promise<Bench> {
  await using opening = new AsyncDisposableStack();
  const stage = opening.use(await openStage({ say, parts: ['api', 'worker'] }));
  const owner = new pg.Client({ connectionString: stage.ownerUrl });
  await owner.connect();
  opening.defer(() => owner.end());
  const env = { DATABASE_URL: stage.ownerUrl, TENANT_ID: stage.tenantId };
  const bare = opening.use(await startChild('ingest/bare-server.ts', env));
  const { port } = await bare.ask<{ port: number }>({});
  const scene: Scene = {
    stage,
    owner,
    load: opening.use(await startChild('ingest/load.ts', {})),
    copy: opening.use(await startChild('ingest/copy.ts', env)),
    bareUrl: `http://127.0.0.1:${port}`,
    customers: await makeCustomers(stage),
    size: size ?? SIZE,
    say,
    round: 0,
    acknowledged: 0,
    copied: 0,
    measured: { ours: {}, bare: {} },
    spent: { api: [], postgres: [], worker: [] },
  };
  await makeMeter(stage);
  await untilMonthsAreThere(owner);
  const stack = opening.move();
  return {
    ours: () => measure(scene, 'ours'),
    baseline: async () => {
      await measure(scene, 'bare');
      return copyIn(scene);
    },
    check: () => wrong(scene),
    details: () => details(scene),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function makeCustomers({ http }: Stage): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < CUSTOMERS) {
    const { status, body } = await http.send('POST', '/v1/customers', { name: `Customer ${ids.length}` });
    if (status !== 201) throw new Error(`a customer was answered ${status}`);
    ids.push(String(body['id']));
  }
  return ids;
}

async function makeMeter({ http }: Stage): Promise<void> {
  const meter = {
    name: 'Bytes',
    event_name: 'request',
    aggregation: 'sum',
    property: 'bytes',
    group_by: ['region'],
  };
  const { status, body } = await http.send('POST', '/v1/meters', meter);
  if (status !== 201) throw new Error(`a meter was answered ${status} ${JSON.stringify(body)}`);
}

async function untilMonthsAreThere(owner: pg.Client): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    const { rowCount } = await owner.query(
      `select from pg_inherits where inhparent = 'usage_events'::regclass offset 6`,
    );
    if (rowCount) return;
    await sleep(100);
  }
  throw new Error('no months were prepared');
}

/** All sizes of batches; what counts is the middle one. */
async function measure(scene: Scene, side: Side): Promise<number> {
  const { stage, load, customers, size, bareUrl } = scene;
  scene.round += 1;
  for (const batch of BATCHES) {
    const events = batch === 1 ? Math.ceil(size / SHARE_OF_SINGLES) : size;
    const question: LoadQuestion = {
      origin: side === 'ours' ? stage.apiUrl : bareUrl,
      authorization: `Bearer ${stage.apiKey}`,
      connections: CONNECTIONS,
      prefix: `${side}-${scene.round}-${batch}`,
      batch,
      batches: Math.ceil(events / batch),
      customers,
    };
    const before = cpu(stage);
    const answer = await load.ask<LoadAnswer>(question);
    const after = cpu(stage);
    scene.measured[side][batch] = [...(scene.measured[side][batch] ?? []), answer];
    if (answer.accepted !== answer.events)
      throw new Error(`${answer.accepted} of ${answer.events} were accepted`);
    if (side === 'bare') continue;
    scene.acknowledged += answer.accepted;
    if (batch === COUNTED_BATCH)
      for (const part of ['api', 'postgres', 'worker'] as const)
        scene.spent[part].push(((after[part] - before[part]) * 1000) / answer.events);
  }
  return rate(scene.measured[side][COUNTED_BATCH]?.at(-1));
}

function cpu(stage: Stage) {
  return {
    api: cpuMsOf(stage.pid('api')),
    postgres: cpuMsOf(stage.pid('postgres')),
    worker: cpuMsOf(stage.pid('worker')),
  };
}

async function copyIn({ stage, copy, customers, size, round, ...scene }: Scene): Promise<number> {
  const question: CopyQuestion = {
    prefix: `copy-${round}`,
    count: size,
    tenantId: stage.tenantId,
    customers,
  };
  const { events, seconds } = await copy.ask<CopyAnswer>(question);
  scene.say(`           bare      ${rounded(rate(scene.measured.bare[COUNTED_BATCH]?.at(-1)))} events/s`);
  return events / seconds;
}

const rate = (answer: LoadAnswer | undefined): number => (answer ? answer.events / answer.seconds : 0);

/** Every acknowledged event is stored once, with its key; and the rollups come to what the events come to. */
async function wrong(scene: Scene): Promise<string[]> {
  const { owner, stage, acknowledged } = scene;
  const { rows } = await owner.query<{ stored: number; keys: number; differing: number }>(
    `select count(*)::integer as stored, count(distinct key)::integer as keys,
       (select count(*)::integer from usage_event_keys where tenant_id = $1) as differing
     from usage_events where tenant_id = $1 and key like 'ours-%'`,
    [stage.tenantId],
  );
  const { stored, keys, differing: known } = rows[0] ?? { stored: 0, keys: 0, differing: 0 };
  const counts = [stored, keys, known].join(', ');
  const sentences =
    stored === acknowledged && keys === acknowledged && known === acknowledged
      ? []
      : [`${acknowledged} events were acknowledged, but stored, different and known are ${counts}`];
  return [...sentences, ...(await wrongRollups(scene))];
}

async function wrongRollups({ owner, stage }: Scene): Promise<string[]> {
  const startedMs = performance.now();
  for (;;) {
    const { rows } = await owner.query<{ rolled: string; counted: string }>(
      `select (select coalesce(sum(count), 0) || ' events, ' || coalesce(sum(sum), 0) || ' bytes' from usage_rollups where tenant_id = $1) as rolled,
         (select count(*) || ' events, ' || sum((properties ->> 'bytes')::numeric) || ' bytes' from usage_events where tenant_id = $1) as counted`,
      [stage.tenantId],
    );
    const { rolled, counted } = rows[0] ?? { rolled: '', counted: '' };
    if (rolled === counted) return [];
    if (performance.now() - startedMs > CURRENT_WITHIN_MS)
      return [`the rollups say ${rolled}, the events ${counted}`];
    await sleep(500);
  }
}

/** Each size of batch on its own; the first round of each side was the warm-up. */
function details({ measured, spent, ...scene }: Scene): Record<string, unknown> {
  const sizes = BATCHES.map((batch) => {
    const ours = (measured.ours[batch] ?? []).slice(1);
    const bare = (measured.bare[batch] ?? []).slice(1);
    const [mine, theirs] = [spreadOf(ours.map(rate)), spreadOf(bare.map(rate))];
    const p99Ms = spreadOf(ours.map((answer) => answer.p99Ms)).median;
    const bareP99Ms = spreadOf(bare.map((answer) => answer.p99Ms)).median;
    return [
      batch,
      { ours: mine, bare: theirs, ratio_bare: rounded(mine.median / theirs.median), p99Ms, bareP99Ms },
    ] as const;
  });
  const batches = Object.fromEntries(sizes);
  for (const [batch, { ours, bare, ratio_bare, p99Ms, bareP99Ms }] of sizes)
    scene.say(
      `batches of ${batch}: ${ours.median} events/s, p99 ${p99Ms} ms; bare ${bare.median}, p99 ${bareP99Ms} ms; ratio ${ratio_bare}`,
    );
  const micros = Object.fromEntries(
    Object.entries(spent).map(([part, values]) => [part, spreadOf(values.slice(1)).median]),
  );
  return {
    ratio_bare: batches[COUNTED_BATCH]?.ratio_bare,
    goal_bare: GOAL_BARE,
    batches,
    cpuMicrosPerEvent: micros,
  };
}
