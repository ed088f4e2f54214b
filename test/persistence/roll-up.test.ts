import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import pg from 'pg';
import { AGGREGATIONS, type Aggregation, type CountingRule, canRollUp } from '../../src/domain/meter.ts';
import { GRANULARITIES } from '../../src/domain/usage-buckets.ts';
import { countUsage } from '../../src/persistence/count-usage.ts';
import { readUsage, type UsageRange, type UsageSeries } from '../../src/persistence/read-usage.ts';
import { leadRollUp, rollUp } from '../../src/persistence/roll-up.ts';
import { query } from '../../src/persistence/rows.ts';
import { newId } from '../../src/platform/ids.ts';
import { type LoneTenant, openTenant } from '../support/tenant.ts';
import {
  dice,
  eventsRead,
  oneOf,
  type PlantedEvent,
  plantEvents,
  plantRule,
  type Roll,
  randomEvent,
  randomQuestion,
  restoreEvent,
  ruleOf,
  voidEvent,
} from '../support/usage.ts';

let tenant: LoneTenant;
let rules: CountingRule[];

beforeAll(async () => {
  tenant = await openTenant({ poolSize: 8 });
  rules = [];
  for (const aggregation of AGGREGATIONS) {
    rules.push(await makeMeter(aggregation, { groupBy: ['region', 'tier'] }));
    rules.push(
      await makeMeter(aggregation, { bucket: 'hour', filters: [{ property: 'region', values: ['eu', ''] }] }),
    );
  }
});
afterAll(async () => {
  await tenant?.[Symbol.asyncDispose]();
});

const makeMeter = (aggregation: Aggregation, changes: Partial<CountingRule>) =>
  tenant.within((tx) => plantRule(tx, ruleOf(tenant.id, aggregation, { meterId: newId('mtr'), ...changes })));

/** One run of the loop; answers whether it says there is more. */
const roll = (limit: number) =>
  tenant.database.asSystem('test', async (tx) => (await leadRollUp(tx)) && (await rollUp(tx, limit)).more);

async function rollAll(limit = 1_000_000): Promise<void> {
  while (await roll(limit));
}

const POINTS_MAX = 12;

function randomRange(dieRoll: Roll, rule: CountingRule): UsageRange {
  const { customerId, subscription, start, end, timeZone } = randomQuestion(dieRoll);
  const by = rule.groupBy.filter(() => dieRoll(3) === 0);
  return { customerId, subscription, start, end, timeZone, by, granularity: oneOf(dieRoll, GRANULARITIES) };
}

/** The points of an answer, of many some, against a count of the events at the same snapshot. */
async function expectCounted(
  rule: CountingRule,
  range: UsageRange,
  { points, snapshot }: UsageSeries,
): Promise<void> {
  const every = [...new Set(points.map(({ start }) => start.getTime()))];
  const starts = every.filter((_, index) => index % Math.ceil(every.length / POINTS_MAX) === 0);
  const looked = points.filter(({ start }) => starts.includes(start.getTime()));
  const shown = looked.map((point) => ({
    start: point.start.toISOString(),
    values: point.values,
    quantity: point.quantity.toFixed(),
    eventCount: point.eventCount,
  }));
  const counted: typeof shown = [];
  for (const ms of starts) {
    const point = points.find(({ start }) => start.getTime() === ms);
    if (!point) continue;
    const question = { ...range, start: point.start, end: point.end, snapshot };
    const whole = await tenant.within((tx) => countUsage(tx, rule, question));
    const start = point.start.toISOString();
    if (range.by.length === 0)
      counted.push({ start, values: [], quantity: whole.quantity.toFixed(), eventCount: whole.eventCount });
    // The events of each group are not told apart by a count.
    for (const { values, quantity } of whole.groups ?? []) {
      const own = shown.find((one) => one.start === start && String(one.values) === String(values));
      counted.push({ start, values, quantity: quantity.toFixed(), eventCount: own?.eventCount ?? -1 });
    }
  }
  const order = (a: (typeof shown)[number], b: (typeof shown)[number]) =>
    JSON.stringify([a.start, a.values]) < JSON.stringify([b.start, b.values]) ? -1 : 1;
  expect({ rule, range, shown: shown.toSorted(order) }).toEqual({
    rule,
    range,
    shown: counted.toSorted(order),
  });
}

describe('rollups', () => {
  const standing = new Map<PlantedEvent, boolean>();
  const die = dice(7);
  let planted = 0;
  const plant = async (count: number) => {
    const events = Array.from({ length: count }, () => randomEvent(die, `key-${planted++}`));
    await tenant.within((tx) => plantEvents(tx, tenant.id, events));
    for (const event of events) standing.set(event, true);
  };
  const say = async (stands: boolean, count: number) => {
    const some = [...standing].filter(([, is]) => is !== stands).map(([event]) => event);
    for (let n = 0; n < count && some.length > 0; n += 1) {
      const [event] = some.splice(die(some.length), 1);
      if (!event) return;
      await tenant.within((tx) => (stands ? restoreEvent : voidEvent)(tx, tenant.id, event));
      standing.set(event, stands);
    }
  };
  const askAround = async (rounds: number) => {
    for (const rule of rules) {
      for (let round = 0; round < rounds; round += 1) {
        const range = randomRange(die, rule);
        await expectCounted(rule, range, await tenant.within((tx) => readUsage(tx, rule, range)));
      }
    }
  };

  test('answer what a count answers: before there are any, behind, and up to date', async () => {
    await plant(300);
    await askAround(1);
    await rollAll();
    await askAround(2);
    await plant(60);
    await say(false, 30);
    await askAround(2);
    await rollAll();
    await say(true, 15);
    await say(false, 5);
    await plant(20);
    await askAround(2);
    await rollAll(7);
    await askAround(2);
  });

  test('are the cells that a count of everything makes', async () => {
    await rollAll();
    expect(await differences()).toEqual([]);
  });

  test('say whose usage has changed, once', async () => {
    await rollAll();
    await plant(5);
    await say(false, 2);
    const rolled = await tenant.database.asSystem('test', async (tx) => {
      await leadRollUp(tx);
      return rollUp(tx, 1_000);
    });
    const names = rolled.touched.map(({ customerId, meterId }) => `${customerId} ${meterId}`);
    expect(names.length).toBeGreaterThan(0);
    expect(new Set(names).size).toBe(names.length);
    expect(await tenant.database.asSystem('test', (tx) => rollUp(tx, 1_000))).toEqual({
      touched: [],
      more: false,
    });
  });

  test('of another meter that is made later count what was there before it', async () => {
    const late = await makeMeter('sum', { groupBy: ['tier'] });
    // Far fewer at once than a customer has: he is counted hour by hour.
    await rollAll(3);
    for (let n = 0; n < 5; n += 1) {
      const range = randomRange(die, late);
      await expectCounted(late, range, await tenant.within((tx) => readUsage(tx, late, range)));
    }
    expect(await differences()).toEqual([]);
  });

  test.each(['no statistics', 'a transaction that takes long', 'statistics'])(
    'are made of what is new, and do not read again what there was before, with %s',
    async (known) => {
      const owner = new pg.Client({ connectionString: tenant.ownerUrl });
      await owner.connect();
      await using _ = { [Symbol.asyncDispose]: () => owner.end() };
      if (known === 'a transaction that takes long') await owner.query('begin; select pg_current_xact_id()');
      await plant(2_000);
      await say(false, 20);
      await rollAll();
      if (known === 'statistics') await owner.query('analyze usage_events, usage_voids, usage_rollups');
      await plant(5);
      await say(false, 2);
      const read = await tenant.database.asSystem('test', async (tx) => {
        await leadRollUp(tx);
        return eventsRead(tx, () => rollUp(tx, 1_000));
      });
      expect(read).toBeGreaterThan(0);
      expect(read).toBeLessThan(500);
      expect(await differences()).toEqual([]);
    },
  );

  test('agree with a count at every moment while events come, are voided and restored', async () => {
    let writing = true;
    const storm = async (seed: number) => {
      const own = dice(seed);
      const said = new Map<PlantedEvent, boolean>();
      for (let n = 0; n < 40; n += 1) {
        const events = Array.from({ length: 1 + own(5) }, (_, i) =>
          randomEvent(own, `storm-${seed}-${n}-${i}`),
        );
        // Some transactions take long and overlap those of others.
        await tenant.within(async (tx) => {
          await plantEvents(tx, tenant.id, events);
          for (let wait = own(3); wait > 0; wait -= 1) await query(tx, sql`select pg_sleep(0.02)`);
        });
        for (const event of events) said.set(event, true);
        const [event] = [...said.keys()].slice(own(said.size));
        if (!event) continue;
        const stands = said.get(event) ?? true;
        await tenant.within((tx) => (stands ? voidEvent : restoreEvent)(tx, tenant.id, event));
        said.set(event, !stands);
      }
    };
    const loop = async () => {
      while (writing) await roll(1 + die(20));
    };
    const ask = async () => {
      const answers: { rule: CountingRule; range: UsageRange; series: UsageSeries }[] = [];
      while (writing) {
        const rule = rules[die(rules.length)];
        if (!rule) continue;
        const range = randomRange(die, rule);
        answers.push({ rule, range, series: await tenant.within((tx) => readUsage(tx, rule, range)) });
      }
      return answers;
    };
    const storms = Promise.all([storm(1), storm(2), storm(3)]).finally(() => {
      writing = false;
    });
    const [answers] = await Promise.all([ask(), loop(), storms]);
    expect(answers.length).toBeGreaterThan(10);
    const every = Math.ceil(answers.length / 60);
    for (const [index, { rule, range, series }] of answers.entries())
      if (index % every === 0) await expectCounted(rule, range, series);
    await rollAll();
    expect(await differences()).toEqual([]);
    await askAround(1);
  });
});

/** Cells whose sub-totals differ from a naive count in plain SQL, written otherwise than the code under test. */
async function differences(): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const rule of rules.filter(canRollUp)) {
    const number = sql`usage_number(e.properties, ${rule.property}::text)`;
    const worth =
      rule.aggregation === 'count'
        ? sql`1`
        : rule.aggregation === 'sum_product'
          ? sql`${number} * usage_number(e.properties, ${rule.factorProperty}::text)`
          : number;
    const allowed = rule.filters[0]?.values ?? null;
    const rows = await tenant.database.asSystem('test', (tx) =>
      query(
        tx,
        sql`with standing as (
            select e.*, ${worth} as worth, date_trunc('hour', e.event_at, 'UTC') as hour,
              (select coalesce(jsonb_agg(coalesce(e.properties ->> k, '') order by n), '[]')
                from unnest(${[...rule.groupBy]}::text[]) with ordinality as by(k, n)) as groups
            from usage_events e where e.tenant_id = ${tenant.id} and e.event_name = ${rule.eventName}
              and (${allowed}::text[] is null or e.properties ->> 'region' = any(${allowed}::text[]))
              and (e.key, e.revision) not in (
                select key, revision from usage_voids where tenant_id = ${tenant.id} and restored_xid is null)),
          wanted as (
            select customer_id, hour, coalesce(subscription_id, '') as subscription_id, groups, count(*) as count,
              ${rule.aggregation === 'max' || rule.aggregation === 'min' ? sql`${sql.ref(rule.aggregation)}(worth)` : rule.aggregation === 'count' || rule.aggregation === 'latest' ? sql`null::numeric` : sql`sum(worth)`} as value
            from standing where worth is not null group by 1, 2, 3, 4),
          kept as (
            select customer_id, hour, subscription_id, group_values as groups, count, coalesce(sum, min, max) as value
            from usage_rollups where meter_id = ${rule.meterId})
          (select 'missing' as what, * from (table wanted except table kept) a)
          union all (select 'too much', * from (table kept except table wanted) b)`,
      ),
    );
    found.push(...rows.map((row) => ({ aggregation: rule.aggregation, ...Object(row) })));
  }
  return found;
}
