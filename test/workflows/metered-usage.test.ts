import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Decimal } from '../../src/domain/money.ts';
import { askRows } from '../../src/persistence/invariants.ts';
import { meteredLines, meteredPlan, plantMeter, use } from '../support/metered.ts';
import { underClock } from '../support/stories.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(async () => {
  expect(await askRows(world.database, new Date())).toEqual([]);
  await world[Symbol.asyncDispose]();
});

describe('usage that a meter counts', () => {
  it('is billed when its period ends, with what arrived late on the invoice after it', async () => {
    const ada = await underClock(world, '2027-01-01T00:00:00Z');
    const customer = ada.customerId;
    const plan = await meteredPlan(world);
    const id = await ada.subscribe(plan);
    await use(world, customer, '2027-01-10T00:00:00Z', 10);
    await use(world, customer, '2027-01-31T23:59:59.999Z', '2.5');
    await use(world, customer, '2027-02-01T00:00:00Z', 100);
    await ada.advance('2027-02-05T00:00:00Z');
    expect(await meteredLines(world, id)).toEqual(['subscription_cycle: Calls, 12.5 of 2 events, 6.25']);

    await use(world, customer, '2027-01-31T12:00:00Z', 4);
    await ada.advance('2027-03-05T00:00:00Z');
    const second = [
      'subscription_cycle: Calls, 12.5 of 2 events, 6.25',
      'subscription_cycle: Calls, 100 of 1 events, 50',
      'subscription_cycle: Calls (late, 1 Jan – 31 Jan), 16.5 of 3 events, 2',
    ];
    expect(await meteredLines(world, id)).toEqual(second);

    await ada.advance('2027-04-05T00:00:00Z');
    expect(await meteredLines(world, id)).toEqual([...second, 'subscription_cycle: Calls, 0 of 0 events, 0']);
  });

  it('is counted group by group where a matrix prices it, which keeps what is promised of closed periods', async () => {
    const ada = await underClock(world, '2027-01-01T00:00:00Z');
    const customer = ada.customerId;
    const terms = {
      model: 'matrix' as const,
      dimensions: ['region'],
      cells: [{ values: ['eu'], unitAmount: new Decimal('1') }],
      defaultUnitAmount: new Decimal('0.1'),
    };
    const meter = await plantMeter(world, { aggregation: 'max', groupBy: ['region'] });
    const id = await ada.subscribe(await meteredPlan(world, { terms }, meter));
    await use(world, customer, '2027-01-10T00:00:00Z', 10, { properties: { region: 'eu' } });
    await use(world, customer, '2027-01-11T00:00:00Z', 4, { properties: { region: 'eu' } });
    await use(world, customer, '2027-01-12T00:00:00Z', 7, { properties: { region: 'us' } });
    await ada.advance('2027-02-05T00:00:00Z');
    expect(await meteredLines(world, id)).toEqual(['subscription_cycle: Calls, 17 of 3 events, 10.7']);
    expect(await askRows(world.database, new Date())).toEqual([]);
  });

  it('is counted by one subscription of its customer, unless the other says that its usage is its own', async () => {
    const ada = await underClock(world, '2027-01-01T00:00:00Z');
    const customer = ada.customerId;
    const meter = await plantMeter(world);
    const plan = await meteredPlan(world, {}, meter);
    const first = await ada.subscribe(plan);
    await expect(ada.subscribe(await meteredPlan(world, {}, meter))).rejects.toThrow(
      new RegExp(`refused.*meter_claimed.*${first}.*usage_scope`),
    );
    const own = await ada.subscribe(await meteredPlan(world, {}, meter), { usage_scope: 'subscription' });
    await use(world, customer, '2027-01-10T00:00:00Z', 10);
    await use(world, customer, '2027-01-11T00:00:00Z', 3, { subscriptionId: own });
    await use(world, customer, '2027-01-12T00:00:00Z', 1, { subscriptionId: first });
    await ada.advance('2027-02-05T00:00:00Z');
    expect(await meteredLines(world, first)).toEqual(['subscription_cycle: Calls, 11 of 2 events, 5.5']);
    expect(await meteredLines(world, own)).toEqual(['subscription_cycle: Calls, 3 of 1 events, 1.5']);

    const { outcome } = await ada.command(first, 'cancel', { mode: 'now', at: null, reason: null });
    expect(outcome).toBe('applied');
    await ada.subscribe(plan);
  });

  it('is on the first invoice of a subscription that starts in the past, one line per elapsed period', async () => {
    const ada = await underClock(world, '2027-03-10T00:00:00Z');
    const customer = ada.customerId;
    await use(world, customer, '2027-01-15T00:00:00Z', 10);
    await use(world, customer, '2027-02-15T00:00:00Z', 4);
    await use(world, customer, '2027-03-05T00:00:00Z', 2);
    const id = await ada.subscribe(await meteredPlan(world), { start_at: '2027-01-01T00:00:00Z' });
    await use(world, customer, '2027-02-16T00:00:00Z', 1);
    const elapsed = [
      'subscription_create: Calls, 10 of 1 events, 5',
      'subscription_create: Calls, 4 of 1 events, 2',
    ];
    expect(await meteredLines(world, id)).toEqual(elapsed);
    await ada.advance('2027-04-01T00:00:01Z');
    expect(await meteredLines(world, id)).toEqual([
      ...elapsed,
      'subscription_cycle: Calls, 2 of 1 events, 1',
      'subscription_cycle: Calls (late, SOME TIME), 5 of 2 events, 0.5',
    ]);
  });

  it('is cut where its price changes and where its subscription rests, each stretch by its own events', async () => {
    const ada = await underClock(world, '2027-01-01T00:00:00Z');
    const customer = ada.customerId;
    const meter = await plantMeter(world);
    const usage = { name: 'Calls', billing: 'usage', timing: 'in_arrears', meterId: meter } as const;
    const unit = (amount: string) => ({ model: 'per_unit', unitAmount: new Decimal(amount) }) as const;
    const plan = await world.plan([
      { unitAmount: '20' },
      { ...usage, key: 'calls', terms: unit('0.5') },
      { ...usage, key: 'dear', terms: unit('2') },
    ]);
    const items = plan.prices.slice(0, 2).map(({ key, id: price }) => ({ key, price, quantity: '1' }));
    const id = await ada.subscribe(plan, { items });
    await use(world, customer, '2027-01-05T00:00:00Z', 10);
    await ada.advance('2027-01-10T12:00:00Z');
    const change = {
      plan: null,
      set: [{ key: 'dear', price: plan.prices[2]?.id, quantity: '1' }],
      remove: ['calls'],
      once: [],
      proration: 'next_invoice',
      anchor: null,
      billing_anchor: null,
      trial: 'keep',
    };
    const now = { effective: 'now', at: null, preview_token: null };
    expect(await ada.command(id, 'change', { ...now, prices: [], change })).toEqual({
      result: {},
      outcome: 'applied',
    });
    await use(world, customer, '2027-01-10T11:59:59.999Z', 1);
    await use(world, customer, '2027-01-10T12:00:00Z', 3);
    await ada.advance('2027-02-01T12:00:00Z');
    const first = [
      'subscription_cycle: Calls, 3 of 1 events, 6',
      'subscription_cycle: Calls, 10 of 1 events, 5',
      'subscription_cycle: Calls (late, SOME TIME), 11 of 2 events, 0.5',
    ];
    expect((await meteredLines(world, id)).sort()).toEqual([...first].sort());
    await use(world, customer, '2027-02-01T06:00:00Z', 4);
    const pause = { ...now, credit: true, resume_at: null };
    await ada.command(id, 'pause', pause);
    await use(world, customer, '2027-02-03T00:00:00Z', 1000);
    await ada.advance('2027-02-05T00:00:00Z');
    await ada.command(id, 'resume', now);
    await use(world, customer, '2027-02-06T00:00:00Z', 5);
    await ada.advance('2027-03-01T12:00:00Z');
    const lines = await meteredLines(world, id);
    expect(lines.slice(3).sort()).toEqual([
      'subscription_cycle: Calls, 5 of 1 events, 10',
      'subscription_update: Calls, 4 of 1 events, 8',
    ]);
  });
});
