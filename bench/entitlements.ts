import { sql } from 'kysely';
import pg from 'pg';
import { Pool } from 'undici';
import type { Feature } from '../src/domain/feature.ts';
import { Decimal } from '../src/domain/money.ts';
import { entitlementNamed } from '../src/persistence/entitlements.ts';
import { insertFeature, putOverride } from '../src/persistence/features.ts';
import { query } from '../src/persistence/rows.ts';
import { newId } from '../src/platform/ids.ts';
import { openStage, type Stage } from '../test/faults/stage.ts';
import { type Bench, type BenchOptions, quantile, rounded, spreadOf, type Workload } from './harness.ts';
import { type Planted, plantUsage } from './usage/plant-usage.ts';

/**
 * May this customer go on? Asked of each customer in turn, of a year with a month of many events in it. Beside it the one
 * statement that somebody would write who knows the tables: limit, sub-totals and the running hour, as their owner, past
 * row security, without corrections, plans, or what the sub-totals have not seen. What is promised are milliseconds, of
 * the endpoint: so the same is asked over HTTP, from here, one after the other.
 */
export const entitlements: Workload = { unit: 'answers/s', better: 'higher', goal: 0.3, open };

const EVENTS = 1_000_000;
const EVENTS_EACH = 5_000;
const ANSWERS = 400;
const MILLISECONDS_MAX = 10;

type Scene = {
  stage: Stage;
  owner: pg.Client;
  planted: Planted;
  feature: Feature;
  http: Pool;
  ms: { ours: number[]; http: number[] };
  used: { ours: Map<string, string>; http: Map<string, string>; baseline: Map<string, string> };
};

async function open({ size, say }: BenchOptions): Promise<Bench> {
  await using opening = new AsyncDisposableStack();
  const stage = opening.use(await openStage({ say, parts: ['api'] }));
  const owner = new pg.Client({ connectionString: stage.ownerUrl });
  await owner.connect();
  opening.defer(() => owner.end());
  const events = size ?? EVENTS;
  const planted = await plantUsage(stage, { events, subscriptions: Math.ceil(events / EVENTS_EACH), say });
  const feature = await plantFeature(stage, planted);
  const http = new Pool(stage.apiUrl, { connections: 1, pipelining: 1 });
  opening.defer(() => http.close());
  const used = { ours: new Map(), http: new Map(), baseline: new Map() };
  const scene: Scene = { stage, owner, planted, feature, http, ms: { ours: [], http: [] }, used };
  const stack = opening.move();
  return {
    async ours() {
      await measure(scene, askOverHttp);
      return measure(scene, askOurs);
    },
    baseline: () => measure(scene, askPlainly),
    check: async () => wrong(scene),
    details: () => {
      const ours = answersOf(scene.ms.ours);
      const http = answersOf(scene.ms.http);
      say(
        `one answer of the process: p99 ${ours.p99} ms; over HTTP: median ${http.median}, p99 ${http.p99} ms`,
      );
      say(`promised over HTTP: p99 below ${MILLISECONDS_MAX} ms`);
      return { size: planted.events, answer_ms: ours, http_ms: http, goal_ms: MILLISECONDS_MAX };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Without those of the warm-up. */
function answersOf(all: readonly number[]) {
  const sorted = all.slice(ANSWERS).toSorted((a, b) => a - b);
  return { ...spreadOf(sorted), p99: rounded(quantile(sorted, 0.99)) };
}

/** A limit that everybody has, and the customers of the events. */
async function plantFeature({ database, tenantId }: Stage, { rule, owners }: Planted): Promise<Feature> {
  const at = new Date();
  return database.withTenant(tenantId, async (tx) => {
    await query(
      tx,
      sql`insert into customers (id, tenant_id, name, created_at, updated_at)
        select id, ${tenantId}, 'Ada', now(), now() from unnest(${owners.map(({ customerId }) => customerId)}::text[]) as id`,
    );
    const feature = await insertFeature(tx, {
      id: newId('feat'),
      tenantId,
      externalId: 'traffic',
      name: 'Traffic',
      kind: 'metered',
      meterId: rule.meterId,
      reset: 'year',
      archivedAt: null,
      metadata: {},
      createdAt: at,
      updatedAt: at,
    });
    for (const { customerId } of owners)
      await putOverride(tx, {
        customerId,
        featureId: feature.id,
        tenantId,
        enabled: true,
        limitQuantity: new Decimal(1e9),
        soft: false,
        expiresAt: null,
        createdAt: at,
        updatedAt: at,
      });
    return feature;
  });
}

type Ask = (scene: Scene, customerId: string) => Promise<void>;

async function askOurs({ stage, feature, used, ms }: Scene, customer: string): Promise<void> {
  const startedMs = performance.now();
  const answer = await stage.database.lookAsTenant(stage.tenantId, (tx) =>
    entitlementNamed(tx, { customer, feature: feature.id, subscription: null }),
  );
  ms.ours.push(performance.now() - startedMs);
  used.ours.set(customer, 'missing' in answer ? answer.missing : (answer.used?.toFixed() ?? 'nothing'));
}

async function askOverHttp({ stage, feature, http, used, ms }: Scene, customerId: string): Promise<void> {
  const startedMs = performance.now();
  const { body } = await http.request({
    path: `/v1/customers/${customerId}/entitlements/${feature.id}`,
    method: 'GET',
    headers: { authorization: `Bearer ${stage.apiKey}` },
  });
  const answer = JSON.parse(await body.text()) as { used?: string };
  ms.http.push(performance.now() - startedMs);
  used.http.set(customerId, answer.used ?? 'nothing');
}

async function askPlainly(
  { owner, stage, planted, feature, used }: Scene,
  customerId: string,
): Promise<void> {
  const { rows } = await owner.query<{ used: string }>({
    name: 'entitlement',
    text: `select o.limit_quantity, trim_scale(
          coalesce((select sum(r.sum) from usage_rollups r where r.tenant_id = $1 and r.meter_id = $2 and r.meter_version = 1
            and r.customer_id = $3 and r.hour >= date_trunc('year', now(), 'UTC') and r.hour < date_trunc('hour', now(), 'UTC')), 0)
          + coalesce((select sum((properties ->> 'bytes')::numeric) from usage_events where tenant_id = $1 and customer_id = $3
            and event_name = 'request' and event_at >= date_trunc('hour', now(), 'UTC') and event_at < now()), 0))::text as used
      from entitlement_overrides o where o.customer_id = $3 and o.feature_id = $4`,
    values: [stage.tenantId, planted.rule.meterId, customerId, feature.id],
  });
  used.baseline.set(customerId, rows[0]?.used ?? 'nothing');
}

async function measure(scene: Scene, ask: Ask): Promise<number> {
  const { owners } = scene.planted;
  const startedMs = performance.now();
  for (let n = 0; n < ANSWERS; n += 1) await ask(scene, owners[n % owners.length]?.customerId ?? '');
  return ANSWERS / ((performance.now() - startedMs) / 1000);
}

function wrong({ used: { baseline, ...told } }: Scene): string[] {
  return [...baseline].flatMap(([customerId, plainly]) =>
    Object.entries(told).flatMap(([way, answers]) =>
      answers.get(customerId) === plainly
        ? []
        : [`${customerId} has used ${plainly}, and is told ${answers.get(customerId)} (${way})`],
    ),
  );
}
