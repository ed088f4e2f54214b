import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import {
  billableQuantity,
  type CountingRule,
  QUANTITY_ROUNDINGS,
  usageOfCount,
} from '../../src/domain/meter.ts';
import { Decimal } from '../../src/domain/money.ts';
import { countUsage } from '../../src/persistence/count-usage.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { asBillable, asQuantity } from '../../src/persistence/meter-sql.ts';
import { insertMeter, insertMeterVersion } from '../../src/persistence/meters.ts';
import { readUsage } from '../../src/persistence/read-usage.ts';
import { leadRollUp, rollUp } from '../../src/persistence/roll-up.ts';
import { query } from '../../src/persistence/rows.ts';
import { usedIn } from '../../src/persistence/usage-window.ts';
import { newId } from '../../src/platform/ids.ts';
import { type LoneTenant, openTenant } from '../support/tenant.ts';
import { ruleOf } from '../support/usage.ts';

/** More groups, and more hours with groups, than an answer lists: what is summed up of them is the sum of all. */
let tenant: LoneTenant;

const GROUPS = 20_500;
const START = new Date('2026-03-01T00:00:00Z');
const END = new Date('2026-04-01T00:00:00Z');
const HOURS = 31 * 24;
const REGIONS = 28;
const MADE = new Date('2026-01-01T00:00:00Z');
const OF_ADA = { customerId: 'cus_ada', subscription: null, timeZone: 'UTC', start: START, end: END };

beforeAll(async () => {
  tenant = await openTenant({ poolSize: 2 });
  await tenant.within((tx) =>
    query(
      tx,
      sql`insert into usage_events (tenant_id, key, revision, event_name, customer_id, event_at, properties, ingested_at)
        select ${tenant.id}, 'device ' || n, 0, 'device', 'cus_ada', ${START.toISOString()}::timestamptz + n * interval '1 minute',
          jsonb_build_object('device', n::text, 'size', case when n % 50 = 0 then '-3' else (n % 7 + 0.25)::text end), now()
        from generate_series(1, ${GROUPS}::integer) n
        union all
        select ${tenant.id}, 'hour ' || n, 0, 'hourly', 'cus_ada',
          ${START.toISOString()}::timestamptz + (n / ${REGIONS}::integer) * interval '1 hour',
          jsonb_build_object('region', (n % ${REGIONS}::integer)::text, 'size', '0.5'), now()
        from generate_series(0, ${HOURS * REGIONS}::integer - 1) n`,
    ),
  );
});
afterAll(async () => {
  await tenant?.[Symbol.asyncDispose]();
});

async function makeMeter(changes: Partial<CountingRule>): Promise<CountingRule> {
  const rule = ruleOf(tenant.id, 'sum', { meterId: newId('mtr'), ...changes });
  const { eventName, ...version } = rule;
  const meter = {
    id: rule.meterId,
    tenantId: tenant.id,
    externalId: null,
    name: 'A meter',
    eventName,
    archivedAt: null,
  };
  await tenant.within(async (tx) => {
    await insertMeter(tx, { ...meter, metadata: {}, createdAt: MADE, updatedAt: MADE });
    await insertMeterVersion(tx, { ...version, effectiveAt: MADE, createdAt: MADE });
  });
  return rule;
}

async function rollAll(): Promise<void> {
  const once = async (tx: Tx) => (await leadRollUp(tx)) && (await rollUp(tx, 1_000_000)).more;
  while (await tenant.database.asSystem('test', once));
}

describe.each(['events', 'rollups'])('from the %s', (source) => {
  const rounding = { mode: 'ceil', digits: 0 } as const;
  let devices: CountingRule;
  let hourly: CountingRule;
  beforeAll(async () => {
    devices = await makeMeter({ eventName: 'device', groupBy: ['device'], rounding });
    hourly = await makeMeter({ eventName: 'hourly', groupBy: ['region'], bucket: 'hour', rounding });
    if (source === 'rollups') await rollAll();
  });

  test('what a matrix price looks at is the sum of all groups, each rounded, as its invoice has it', async () => {
    const by = devices.groupBy;
    const count = await tenant.within((tx) => countUsage(tx, devices, { ...OF_ADA, by }));
    expect(count.groups).toHaveLength(GROUPS);
    const asked = { start: START, until: END, subscription: null, by };
    const used = await tenant.within((tx) => usedIn(tx, [{ ...devices, effectiveAt: MADE }], OF_ADA, asked));
    expect(used.toFixed()).toBe(usageOfCount(count, devices, by).quantity.toFixed());
  });

  test('what each hour is rounded by is summed up of all hours of each group', async () => {
    const question = { ...OF_ADA, granularity: 'month' as const, by: hourly.groupBy };
    const { points } = await tenant.within((tx) => readUsage(tx, hourly, question));
    expect(points).toHaveLength(REGIONS);
    const shown = points.map(({ quantity, billable, eventCount }) =>
      [quantity.toFixed(), billable.toFixed(), eventCount].join(' '),
    );
    expect(new Set(shown)).toEqual(new Set([`${HOURS / 2} ${HOURS} ${HOURS}`]));
  });

  test('a list of more groups than it shows is refused, never cut short', async () => {
    const question = { ...OF_ADA, granularity: 'total' as const, by: devices.groupBy };
    await expect(tenant.within((tx) => readUsage(tx, devices, question))).rejects.toMatchObject({
      code: 'validation_failed',
      details: { errors: [{ path: 'group_by[]', code: 'too_big' }] },
    });
  });
});

test('a quantity is rounded in the database as the domain rounds it', async () => {
  const quantities = [
    '-7',
    '-0.5',
    '0',
    '0.000000000001',
    '0.5',
    '1',
    '1.5',
    '2.499999999999',
    '150',
    '999.95',
  ];
  for (const mode of QUANTITY_ROUNDINGS) {
    for (const digits of [-9, -2, -1, 0, 1, 2, 12]) {
      const rounding = { mode, digits };
      const rows = await tenant.within((tx) =>
        query<{ billable: string }>(
          tx,
          sql`select ${asQuantity(asBillable(sql`quantity`, rounding))} as billable
            from unnest(${quantities}::numeric[]) with ordinality as q(quantity, n) order by n`,
        ),
      );
      const expected = quantities.map((text) => billableQuantity(new Decimal(text), rounding).toFixed());
      expect([rounding, ...rows.map(({ billable }) => billable)]).toEqual([rounding, ...expected]);
    }
  }
});
