import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { sql } from 'kysely';
import pg from 'pg';
import type { Feature, FeatureKind } from '../../src/domain/feature.ts';
import { AGGREGATIONS, type Aggregation, type CountingRule, canRollUp } from '../../src/domain/meter.ts';
import { Decimal } from '../../src/domain/money.ts';
import { countUsage } from '../../src/persistence/count-usage.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { entitlementNamed } from '../../src/persistence/entitlements.ts';
import { insertFeature, putOverride } from '../../src/persistence/features.ts';
import { readTotal, type TotalQuestion } from '../../src/persistence/read-total.ts';
import { readUsage } from '../../src/persistence/read-usage.ts';
import { leadRollUp, rollUp } from '../../src/persistence/roll-up.ts';
import { query } from '../../src/persistence/rows.ts';
import { newId } from '../../src/platform/ids.ts';
import { type LoneTenant, openTenant } from '../support/tenant.ts';
import {
  dice,
  eventsRead,
  oneOf,
  PLANTED_FROM,
  type PlantedEvent,
  plantEvents,
  plantRule,
  randomEvent,
  restoreEvent,
  ruleOf,
  voidEvent,
} from '../support/usage.ts';

/** One number of one customer: that it is exact, and how little it costs. */
let tenant: LoneTenant;
let rules: CountingRule[];

beforeAll(async () => {
  tenant = await openTenant({ poolSize: 2 });
  rules = [];
  for (const aggregation of AGGREGATIONS.filter((one) => canRollUp({ aggregation: one })))
    rules.push(await makeMeter(aggregation));
});
afterAll(async () => {
  await tenant?.[Symbol.asyncDispose]();
});

function makeMeter(aggregation: Aggregation): Promise<CountingRule> {
  const filters = aggregation === 'max' ? [{ property: 'region', values: ['eu', ''] }] : [];
  const rule = ruleOf(tenant.id, aggregation, { meterId: newId('mtr'), groupBy: ['region'], filters });
  return tenant.within((tx) => plantRule(tx, rule));
}

const roll = () =>
  tenant.database.asSystem(
    'test',
    async (tx) => (await leadRollUp(tx)) && (await rollUp(tx, 1_000_000)).more,
  );

const HOUR_MS = 3_600_000;
const HOURS = 8;
const die = dice(11);
/** A quarter of an hour of the few in which everything happens, or a millisecond beside it. */
const someInstant = () =>
  new Date(PLANTED_FROM.getTime() + die(HOURS * 4) * 900_000 + oneOf(die, [0, 0, 1, -1]));

describe('one number of one customer', () => {
  const planted: PlantedEvent[] = [];
  const plant = async (count: number) => {
    const events = Array.from({ length: count }, (_, n) => ({
      ...randomEvent(die, `key-${planted.length + n}`),
      at: someInstant(),
    }));
    planted.push(...events);
    await tenant.within((tx) => plantEvents(tx, tenant.id, events));
  };

  /** Answers how many questions it answered by itself. */
  const ask = async (rounds: number) => {
    let answered = 0;
    for (let n = 0; n < rounds; n += 1) {
      const rule = rules[n % rules.length] ?? ruleOf(tenant.id, 'sum');
      const [start, end] = [someInstant(), someInstant()].toSorted((a, b) => a.getTime() - b.getTime());
      if (!start || !end) continue;
      const subscription = oneOf<TotalQuestion['subscription']>(die, [
        null,
        { id: 'sub_a', usageScope: 'customer' },
        { id: 'sub_b', usageScope: 'subscription' },
      ]);
      const question: TotalQuestion = { customerId: `cus_${die(2)}`, subscription, start, end };
      const total = await tenant.within((tx) => readTotal(tx, rule, question));
      if (!total) continue;
      const { quantity, events, snapshot } = total;
      const counted = await tenant.within((tx) =>
        countUsage(tx, rule, { ...question, timeZone: 'UTC', snapshot }),
      );
      expect({ rule, question, quantity, events: Number(events) }).toEqual({
        rule,
        question,
        quantity: counted.quantity.toFixed(),
        events: counted.eventCount,
      });
      answered += 1;
    }
    return answered;
  };

  test('is what a count of the events says, whatever the rollups have seen', async () => {
    await plant(200);
    expect(await ask(10)).toBe(0);
    while (await roll());
    expect(await ask(120)).toBeGreaterThan(40);
    await plant(40);
    expect(await ask(120)).toBeGreaterThan(40);
    const [first, second] = planted;
    if (!first || !second) throw new Error('nothing was planted');
    await tenant.within((tx) => voidEvent(tx, tenant.id, first));
    await tenant.within((tx) => voidEvent(tx, tenant.id, { ...second, customerId: first.customerId }));
    await ask(40);
    while (await roll());
    expect(await ask(60)).toBeGreaterThan(20);
    await tenant.within((tx) => restoreEvent(tx, tenant.id, first));
    await ask(40);
    while (await roll());
    expect(await ask(60)).toBeGreaterThan(20);
  });

  test('is not looked for in what the rollups have seen, be it while a transaction takes long', async () => {
    await using owners = new AsyncDisposableStack();
    const open = async () => {
      const client = owners.adopt(new pg.Client({ connectionString: tenant.ownerUrl }), (one) => one.end());
      await client.connect();
      return client;
    };
    const [owner, other] = [await open(), await open()];
    await other.query('begin; select pg_current_xact_id()');
    await plant(2_000);
    await owner.query('analyze usage_events');
    while (await roll());
    const [rule] = rules;
    if (!rule) throw new Error('there is no meter');
    const end = new Date(PLANTED_FROM.getTime() + HOURS * HOUR_MS);
    const question = { customerId: 'cus_0', subscription: null, start: PLANTED_FROM, end };
    const range = { ...question, timeZone: 'UTC', granularity: 'total' as const, by: ['region'] };
    await tenant.within(async (tx) => {
      expect(await eventsRead(tx, () => readTotal(tx, rule, question))).toBeLessThan(500);
      expect(await eventsRead(tx, () => readUsage(tx, rule, range))).toBeLessThan(500);
    });
  });

  test('leaves the rest of its transaction planned as it was', async () => {
    const names = ['plan_cache_mode', 'enable_seqscan', 'enable_bitmapscan', 'enable_sort', 'jit'];
    const settings = (tx: Tx) =>
      query(tx, sql`select name, setting from pg_settings where name = any(${names}::text[]) order by name`);
    const end = new Date(PLANTED_FROM.getTime() + HOURS * HOUR_MS);
    const question = { customerId: 'cus_0', subscription: null, start: PLANTED_FROM, end };
    await tenant.within(async (tx) => {
      await query(tx, sql`select set_config('jit', 'off', true), set_config('enable_seqscan', 'on', true)`);
      const before = await settings(tx);
      for (const rule of rules) expect(await readTotal(tx, rule, question)).not.toBeNull();
      expect(await settings(tx)).toEqual(before);
    });
  });
});

describe('an entitlement', () => {
  const customerId = newId('cus');
  const at = new Date('2026-01-01T00:00:00Z');
  const makeFeature = (kind: FeatureKind, meterId: string | null): Promise<Feature> =>
    tenant.within(async (tx) => {
      const feature = await insertFeature(tx, {
        id: newId('feat'),
        tenantId: tenant.id,
        externalId: `my/${kind}`,
        name: kind,
        kind,
        meterId,
        reset: meterId === null ? null : 'year',
        archivedAt: null,
        metadata: {},
        createdAt: at,
        updatedAt: at,
      });
      const given = { enabled: true, limitQuantity: new Decimal(5), soft: false, expiresAt: null };
      const featureId = feature.id;
      await putOverride(tx, {
        customerId,
        featureId,
        tenantId: tenant.id,
        ...given,
        createdAt: at,
        updatedAt: at,
      });
      return feature;
    });
  /** The messages that were sent to the server while somebody waited for an answer. */
  const messagesOf = async (work: () => Promise<unknown>) => {
    const sync = jest.spyOn(pg.Connection.prototype, 'sync');
    try {
      await work();
      return sync.mock.calls.length;
    } finally {
      sync.mockRestore();
    }
  };

  test('takes one message, and a second one for what was used', async () => {
    await tenant.within((tx) =>
      query(
        tx,
        sql`insert into customers (id, tenant_id, external_id, name, created_at, updated_at)
          values (${customerId}, ${tenant.id}, 'mine', 'Ada', now(), now())`,
      ),
    );
    const meterId = rules[0]?.meterId ?? null;
    const [boolean, metered] = [await makeFeature('boolean', null), await makeFeature('metered', meterId)];
    while (await roll());
    const askFor = (customer: string, feature: string) => () =>
      tenant.database.lookAsTenant(tenant.id, (tx) =>
        entitlementNamed(tx, { customer, feature, subscription: null }),
      );
    expect(await askFor(customerId, metered.id)()).toMatchObject({ used: new Decimal(0) });
    expect(await messagesOf(askFor(customerId, metered.id))).toBe(2);
    expect(await messagesOf(askFor('external:mine', 'external:my/metered'))).toBe(2);
    expect(await messagesOf(askFor('external:mine', boolean.id))).toBe(1);
    expect(await askFor('external:his', metered.id)()).toEqual({ missing: 'customer' });
    expect(await askFor(customerId, 'external:his')()).toEqual({ missing: 'feature' });
  });
});
