import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { billableQuantity } from '../../src/domain/meter.ts';
import { Decimal } from '../../src/domain/money.ts';
import { countUsage } from '../../src/persistence/count-usage.ts';
import { goldenCase } from '../golden/read-cases.ts';
import { type LoneTenant, openTenant } from '../support/tenant.ts';
import { plantEvents, ruleOf } from '../support/usage.ts';

let tenant: LoneTenant;

beforeAll(async () => {
  tenant = await openTenant({ poolSize: 2 });
});
afterAll(async () => {
  await tenant?.[Symbol.asyncDispose]();
});

test('golden case H01: the same events, aggregated in four ways', async () => {
  type Event = { user: string; value: number };
  const { inputs, expected } = goldenCase<{ events: Event[] }, Record<string, number>>('H01');
  const start = new Date('2026-04-01T00:00:00Z');
  await tenant.within((tx) =>
    plantEvents(
      tx,
      tenant.id,
      inputs.events.map(({ user, value }, n) => ({
        key: `golden-${n}`,
        revision: 0,
        eventName: 'golden',
        customerId: 'cus_golden',
        subscriptionId: null,
        at: start,
        properties: { user, value },
      })),
    ),
  );
  const property = { count: null, sum: 'value', max: 'value', unique_count: 'user' } as const;
  for (const aggregation of ['count', 'sum', 'max', 'unique_count'] as const) {
    const rule = ruleOf(tenant.id, aggregation, { eventName: 'golden', property: property[aggregation] });
    const { quantity } = await tenant.within((tx) =>
      countUsage(tx, rule, {
        customerId: 'cus_golden',
        subscription: null,
        timeZone: 'UTC',
        start,
        end: new Date('2026-05-01T00:00:00Z'),
      }),
    );
    expect([aggregation, quantity.toFixed()]).toEqual([aggregation, String(expected[aggregation])]);
  }
});

test('golden case H04: how a meter rounds what it counted', () => {
  const { inputs, expected } = goldenCase<{ value: string; functions: string[] }, { values: string[] }>(
    'H04',
  );
  const rounded = inputs.functions.map((words) => {
    const [mode, digits] = words.split(' ');
    if (mode !== 'round' && mode !== 'ceil' && mode !== 'floor') throw new Error(`what is ${words}?`);
    return billableQuantity(new Decimal(inputs.value), { mode, digits: Number(digits) }).toFixed();
  });
  expect(rounded).toEqual(expected.values);
});
