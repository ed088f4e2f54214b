import { beforeAll, expect, test } from '@jest/globals';
import { updateRows } from '../../src/persistence/rows.ts';
import { TenantSchema } from '../../src/persistence/tenants.ts';
import { workflowId } from '../../workflows/messages.ts';
import { keptWorld } from '../support/kept-world.ts';
import { record } from '../support/record.ts';
import { billsOf, subscriptionOf, toldOf, underClock } from '../support/stories.ts';
import type { World } from '../support/world.ts';

const theWorld = keptWorld();
let world: World;
beforeAll(() => {
  world = theWorld();
});

const START = '2026-01-10T10:00:00Z';
const monthly = () => world.plan([{ unitAmount: '31' }]);

test('a trial becomes paid: by anniversary the anchor moves to its end', async () => {
  const ada = await underClock(world, START);
  const id = await ada.subscribe(await monthly(), { trial_days: 14 });
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'trialing', nextStep: 'end_trial' });
  await ada.advance('2026-03-25T00:00:00Z');
  expect(await billsOf(world, id)).toEqual([
    '2026-01-24 paid 31 2026-01-24..2026-02-24',
    '2026-02-24 paid 31 2026-02-24..2026-03-24',
    '2026-03-24 paid 31 2026-03-24..2026-04-24',
  ]);
  expect(await subscriptionOf(world, id)).toMatchObject({
    status: 'active',
    anchorAt: new Date('2026-01-24T10:00:00Z'),
  });
  await record(world, 'trial-to-paid-under-a-clock', workflowId.subscription(id));
  expect(await toldOf(world, id)).toEqual([
    'subscription.created',
    'subscription.trial_started',
    'subscription.activated',
    'billing.cycle.closed',
    'subscription.renewed',
    'billing.cycle.closed',
    'subscription.renewed',
  ]);
});

test('a trial becomes paid: by calendar with a stub to the first of the month', async () => {
  const ada = await underClock(world, START);
  const id = await ada.subscribe(await monthly(), { trial_days: 14, billing_cycle: 'calendar' });
  await ada.advance('2026-02-02T00:00:00Z');
  // 24 to 31 January are 8 of 31 days of 31.
  expect(await billsOf(world, id)).toEqual([
    '2026-01-24 paid 8 2026-01-24..2026-02-01',
    '2026-02-01 paid 31 2026-02-01..2026-03-01',
  ]);
});

test('a trial does not move an explicit anchor', async () => {
  const ada = await underClock(world, START);
  const id = await ada.subscribe(await monthly(), { trial_days: 14, billing_anchor: '2026-02-03T00:00:00Z' });
  await ada.advance('2026-02-04T00:00:00Z');
  expect(await billsOf(world, id)).toEqual([
    '2026-01-24 paid 10 2026-01-24..2026-02-03',
    '2026-02-03 paid 31 2026-02-03..2026-03-03',
  ]);
});

test('a trial that is ended early is billed from then on', async () => {
  const ada = await underClock(world, START);
  const id = await ada.subscribe(await monthly(), { trial_days: 14 });
  await ada.advance('2026-01-12T00:00:00Z');
  expect(await ada.command(id, 'end_trial')).toMatchObject({ outcome: 'applied' });
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'active' });
  await ada.advance('2026-02-12T00:00:00Z');
  expect(await billsOf(world, id)).toEqual([
    '2026-01-12 paid 31 2026-01-12..2026-02-12',
    '2026-02-12 paid 31 2026-02-12..2026-03-12',
  ]);
  expect(await ada.command(id, 'end_trial')).toMatchObject({
    outcome: 'refused',
    result: { code: 'not_trialing' },
  });
});

test('a trial that is extended ends later', async () => {
  const ada = await underClock(world, START);
  const id = await ada.subscribe(await monthly(), { trial_days: 14 });
  await ada.advance('2026-01-20T00:00:00Z');
  await ada.command(id, 'extend_trial', { trial_end: '2026-02-10T00:00:00.000Z' });
  await ada.advance('2026-02-09T00:00:00Z');
  expect(await billsOf(world, id)).toEqual([]);
  await ada.advance('2026-02-10T00:00:00Z');
  expect(await billsOf(world, id)).toEqual(['2026-02-10 paid 31 2026-02-10..2026-03-10']);
});

test('a trial that is canceled for its end is never billed', async () => {
  const ada = await underClock(world, START);
  const id = await ada.subscribe(await monthly(), { trial_days: 14 });
  await ada.command(id, 'cancel', { mode: 'period_end', at: null, reason: null });
  await ada.advance('2026-03-01T00:00:00Z');
  expect(await subscriptionOf(world, id)).toMatchObject({
    status: 'canceled',
    endedAt: new Date('2026-01-24T10:00:00Z'),
  });
  expect(await billsOf(world, id)).toEqual([]);
  expect(await toldOf(world, id)).toEqual([
    'subscription.created',
    'subscription.trial_started',
    'subscription.cancel_scheduled',
    'subscription.canceled',
  ]);
});

test.each([
  ['cancel', 'canceled', []],
  ['pause', 'paused', []],
  ['activate', 'active', ['2026-01-24 open 31 2026-01-24..2026-02-24']],
] as const)(
  'a trial that ends without a payment method does as it was told: %s',
  async (behavior, status, bills) => {
    const ada = await underClock(world, START, {}, null);
    const id = await ada.subscribe(await monthly(), { trial_days: 14, trial_end_behavior: behavior });
    await ada.advance('2026-02-01T00:00:00Z');
    expect(await subscriptionOf(world, id)).toMatchObject({ status });
    expect(await billsOf(world, id)).toEqual(bills);
  },
);

test('a trial whose first payment is declined is incomplete, and expires', async () => {
  const ada = await underClock(world, START, {}, 'tok_insufficient_funds');
  const id = await ada.subscribe(await monthly(), { trial_days: 14 });
  await ada.advance('2026-01-25T00:00:00Z');
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'incomplete' });
  await ada.advance('2026-01-26T00:00:00Z');
  expect(await subscriptionOf(world, id)).toMatchObject({
    status: 'expired',
    endedAt: new Date('2026-01-25T09:00:00Z'),
  });
  expect(await billsOf(world, id)).toEqual(['2026-01-24 void 31 2026-01-24..2026-02-24']);
});

test('the end of a trial is announced when the tenant wants to know', async () => {
  await world.database.asSystem('test', (tx) =>
    updateRows(tx, TenantSchema, { id: world.tenantId }, { trialReminderDays: 3 }),
  );
  try {
    const ada = await underClock(world, START);
    const id = await ada.subscribe(await monthly(), { trial_days: 14 });
    await ada.advance('2026-01-21T10:00:00Z');
    expect(await toldOf(world, id)).toEqual([
      'subscription.created',
      'subscription.trial_started',
      'subscription.trial_will_end',
    ]);
    await ada.command(id, 'extend_trial', { trial_end: '2026-02-10T00:00:00.000Z' });
    await ada.advance('2026-02-07T00:00:00Z');
    expect((await toldOf(world, id)).slice(3)).toEqual([
      'subscription.trial_extended',
      'subscription.trial_will_end',
    ]);
    await ada.advance('2026-02-10T00:00:00Z');
    expect((await toldOf(world, id)).slice(5)).toEqual(['subscription.activated']);
  } finally {
    await world.database.asSystem('test', (tx) =>
      updateRows(tx, TenantSchema, { id: world.tenantId }, { trialReminderDays: null }),
    );
  }
});
