import pg from 'pg';
import type { CountingRule } from '../../src/domain/meter.ts';
import type { Say } from '../../src/main/progress.ts';
import { insertMeter, insertMeterVersion } from '../../src/persistence/meters.ts';
import { leadRollUp, rollUp } from '../../src/persistence/roll-up.ts';
import { newId } from '../../src/platform/ids.ts';
import type { Stage } from '../../test/faults/stage.ts';

/** Events in one transaction while the table is filled. */
const CHUNK = 200_000;

/** A month of events of many customers, each with a subscription that has a month of its own in it. */
export type Planted = {
  rule: CountingRule;
  month: { start: Date; end: Date };
  /** Where the period of each begins and ends within the month: no two at the same instant. */
  owners: { customerId: string; start: Date; end: Date }[];
  events: number;
  rollUpSeconds: number;
};

/** The month before this one, in UTC. */
function lastMonth(now: Date): Planted['month'] {
  const first = (months: number) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months, 1));
  return { start: first(-1), end: first(0) };
}

/** Fills the table, past everything that would slow it down, then has the product roll it up. */
export async function plantUsage(
  stage: Stage,
  { events, subscriptions, say }: { events: number; subscriptions: number; say: Say },
): Promise<Planted> {
  const month = lastMonth(new Date());
  const rule = await plantMeter(stage, month.start);
  const owner = new pg.Client({ connectionString: stage.ownerUrl });
  await owner.connect();
  try {
    await owner.query('select prepare_usage_month($1::date)', [month.start.toISOString()]);
    const owners = Array.from({ length: subscriptions }, (_, n) => ownerOf(month, n, subscriptions));
    const ids = owners.map(({ customerId }) => customerId);
    for (let from = 0; from < events; from += CHUNK) {
      await owner.query(FILL, [
        stage.tenantId,
        ids,
        month.start,
        month.end,
        from,
        Math.min(events, from + CHUNK) - 1,
      ]);
      if ((from / CHUNK) % 10 === 9) say(`  … ${from + CHUNK} events`);
    }
    const rollUpSeconds = await rollAll(stage);
    await owner.query('vacuum analyze usage_events');
    await owner.query('vacuum analyze usage_rollups');
    say(`  ${events} events of ${subscriptions} subscriptions; rolled up in ${rollUpSeconds.toFixed(1)} s`);
    return { rule, month, owners, events, rollUpSeconds };
  } finally {
    await owner.end();
  }
}

/** Spread over customers and over the month as if by chance, and the same each time. */
const FILL = `insert into usage_events (tenant_id, key, event_name, customer_id, event_at, properties, ingested_at)
  select $1, 'planted-' || n, 'request', ($2::text[])[1 + (hashint8(n) & 2147483647) % cardinality($2::text[])],
    date_trunc('milliseconds', $3::timestamptz + ($4::timestamptz - $3::timestamptz) * ((hashint8(n + 7) & 2147483647) / 2147483648.0)),
    jsonb_build_object('bytes', (hashint8(n + 13) & 65535) / 100.0, 'region', (array['eu', 'us', 'ap'])[1 + n % 3], 'path', '/v1/things'),
    now()
  from generate_series($5::bigint, $6::bigint) as n`;

function ownerOf({ start, end }: Planted['month'], n: number, count: number) {
  // Boundaries of subscriptions that began at any time of day.
  const shiftMs = Math.floor((n / count) * 3_600_000) + 1;
  return {
    customerId: newId('cus'),
    start: new Date(start.getTime() + shiftMs),
    end: new Date(end.getTime() - 3_600_000 + shiftMs),
  };
}

async function plantMeter({ database, tenantId }: Stage, at: Date): Promise<CountingRule> {
  const meterId = newId('mtr');
  const rule: CountingRule = {
    meterId,
    version: 1,
    tenantId,
    eventName: 'request',
    aggregation: 'sum',
    property: 'bytes',
    factorProperty: null,
    filters: [],
    groupBy: ['region'],
    bucket: null,
    rounding: null,
  };
  const { eventName, ...version } = rule;
  await database.withTenant(tenantId, async (tx) => {
    await insertMeter(tx, {
      id: meterId,
      tenantId,
      externalId: null,
      name: 'Traffic',
      eventName,
      archivedAt: null,
      metadata: {},
      createdAt: at,
      updatedAt: at,
    });
    await insertMeterVersion(tx, { ...version, effectiveAt: at, createdAt: at });
  });
  return rule;
}

async function rollAll({ database }: Stage): Promise<number> {
  const startedMs = performance.now();
  const run = () =>
    database.asSystem('bench', async (tx) => {
      if (!(await leadRollUp(tx))) throw new Error('somebody else rolls up');
      return (await rollUp(tx, 50_000)).more;
    });
  while (await run());
  return (performance.now() - startedMs) / 1000;
}
