import { beforeAll, expect, test } from '@jest/globals';
import { keptWorld } from '../support/kept-world.ts';
import { billsOf, subscriptionOf, underClock } from '../support/stories.ts';
import type { World } from '../support/world.ts';

const theWorld = keptWorld();
let world: World;
beforeAll(() => {
  world = theWorld();
});

const starts = async (id: string) => (await billsOf(world, id)).map((bill) => bill.slice(0, 10));

test('in advance, in arrears, by month, week and year: one invoice per instant', async () => {
  const ada = await underClock(world, '2026-01-01T00:00:00Z');
  const plan = await world.plan([
    { unitAmount: '30' },
    { unitAmount: '7', intervalUnit: 'week', timing: 'in_arrears' },
    { unitAmount: '365', intervalUnit: 'year' },
  ]);
  const id = await ada.subscribe(plan);
  await ada.advance('2026-03-01T00:00:00Z');
  expect(await billsOf(world, id)).toEqual([
    '2026-01-01 paid 395 2026-01-01..2026-02-01 2026-01-01..2027-01-01',
    '2026-01-08 paid 7 2026-01-01..2026-01-08',
    '2026-01-15 paid 7 2026-01-08..2026-01-15',
    '2026-01-22 paid 7 2026-01-15..2026-01-22',
    '2026-01-29 paid 7 2026-01-22..2026-01-29',
    '2026-02-01 paid 30 2026-02-01..2026-03-01',
    '2026-02-05 paid 7 2026-01-29..2026-02-05',
    '2026-02-12 paid 7 2026-02-05..2026-02-12',
    '2026-02-19 paid 7 2026-02-12..2026-02-19',
    '2026-02-26 paid 7 2026-02-19..2026-02-26',
    '2026-03-01 paid 30 2026-03-01..2026-04-01',
  ]);
});

test('two prices with the same boundary are two lines of one invoice', async () => {
  const ada = await underClock(world, '2026-01-01T00:00:00Z');
  const id = await ada.subscribe(
    await world.plan([{ unitAmount: '30' }, { unitAmount: '0.5', model: 'per_unit', timing: 'in_arrears' }]),
  );
  await ada.advance('2026-02-01T00:00:00Z');
  expect((await billsOf(world, id)).at(-1)).toBe(
    '2026-02-01 paid 30.5 2026-02-01..2026-03-01 2026-01-01..2026-02-01',
  );
});

test('monthly from 31 January in New York: month ends, at local midnight', async () => {
  const ada = await underClock(world, '2026-01-31T15:00:00Z', { timeZone: 'America/New_York' });
  const id = await ada.subscribe(await world.plan([{ unitAmount: '30' }]));
  await ada.advance('2026-12-15T00:00:00Z');
  expect(await starts(id)).toEqual([
    '2026-01-31',
    '2026-02-28',
    '2026-03-31',
    '2026-04-30',
    '2026-05-31',
    '2026-06-30',
    '2026-07-31',
    '2026-08-31',
    '2026-09-30',
    '2026-10-31',
    '2026-11-30',
  ]);
  // Winter time again: midnight in New York is five in the morning in Greenwich.
  expect(await subscriptionOf(world, id)).toMatchObject({
    currentPeriodStart: new Date('2026-11-30T05:00:00Z'),
    currentPeriodEnd: new Date('2026-12-31T05:00:00Z'),
  });
});

test('yearly from 29 February', async () => {
  const ada = await underClock(world, '2028-02-29T12:00:00Z');
  const id = await ada.subscribe(await world.plan([{ unitAmount: '365', intervalUnit: 'year' }]));
  await ada.advance('2033-01-01T00:00:00Z');
  expect(await starts(id)).toEqual(['2028-02-29', '2029-02-28', '2030-02-28', '2031-02-28', '2032-02-29']);
});

test('calendar billing in Berlin begins with a stub at full days', async () => {
  const ada = await underClock(world, '2026-03-20T22:30:00Z', { timeZone: 'Europe/Berlin' });
  const id = await ada.subscribe(await world.plan([{ unitAmount: '31' }]), { billing_cycle: 'calendar' });
  await ada.advance('2026-05-01T00:00:00Z');
  // The 20th counts, half an hour before midnight as it is: 12 of 31 days. Summer time begins on the 29th.
  expect(await billsOf(world, id)).toEqual([
    '2026-03-20 paid 12 2026-03-20..2026-03-31',
    '2026-03-31 paid 31 2026-03-31..2026-04-30',
    '2026-04-30 paid 31 2026-04-30..2026-05-31',
  ]);
  expect(await subscriptionOf(world, id)).toMatchObject({
    currentPeriodStart: new Date('2026-04-30T22:00:00Z'),
  });
});

test('by the second a stub is paid to the second, and the shorter month of summer time is no cheaper', async () => {
  const ada = await underClock(world, '2026-03-31T10:00:00Z', { timeZone: 'Europe/Berlin' });
  const id = await ada.subscribe(await world.plan([{ unitAmount: '743' }]), {
    billing_cycle: 'calendar',
    proration_basis: 'second',
  });
  await ada.advance('2026-04-30T22:00:00Z');
  // March has 743 hours in Berlin; 12 of them are left at noon of the 31st.
  expect(await billsOf(world, id)).toEqual([
    '2026-03-31 paid 12 2026-03-31..2026-03-31',
    '2026-03-31 paid 743 2026-03-31..2026-04-30',
    '2026-04-30 paid 743 2026-04-30..2026-05-31',
  ]);
});

test('by the second an anniversary keeps its wall time over daylight saving', async () => {
  const ada = await underClock(world, '2026-02-15T15:30:00Z', { timeZone: 'America/New_York' });
  const id = await ada.subscribe(await world.plan([{ unitAmount: '30' }]), { proration_basis: 'second' });
  await ada.advance('2026-04-01T00:00:00Z');
  expect(await subscriptionOf(world, id)).toMatchObject({
    currentPeriodStart: new Date('2026-03-15T14:30:00Z'),
    currentPeriodEnd: new Date('2026-04-15T14:30:00Z'),
  });
});

test('daily over both days of daylight saving: every day costs the same', async () => {
  const ada = await underClock(world, '2026-03-06T05:00:00Z', { timeZone: 'America/New_York' });
  const id = await ada.subscribe(await world.plan([{ unitAmount: '1', intervalUnit: 'day' }]));
  await ada.advance('2026-03-10T12:00:00Z');
  expect(await billsOf(world, id)).toEqual(
    ['2026-03-06', '2026-03-07', '2026-03-08', '2026-03-09', '2026-03-10'].map(
      (date, n) => `${date} paid 1 ${date}..2026-03-${String(n + 7).padStart(2, '0')}`,
    ),
  );
});

test('a start in the future begins then, with its trial', async () => {
  const ada = await underClock(world, '2026-01-10T00:00:00Z');
  const id = await ada.subscribe(await world.plan([{ unitAmount: '31' }]), {
    start_at: '2026-02-01T00:00:00.000Z',
    trial_days: 7,
  });
  await ada.advance('2026-02-03T00:00:00Z');
  expect(await subscriptionOf(world, id)).toMatchObject({
    status: 'trialing',
    startedAt: new Date('2026-02-01T00:00:00Z'),
  });
  await ada.advance('2026-02-08T00:00:00Z');
  expect(await billsOf(world, id)).toEqual(['2026-02-08 paid 31 2026-02-08..2026-03-08']);
});

test('what is free renews without a charge', async () => {
  const ada = await underClock(world, '2026-01-10T00:00:00Z', {}, null);
  const id = await ada.subscribe(await world.plan([{ unitAmount: '0' }]));
  await ada.advance('2026-03-10T00:00:00Z');
  expect((await billsOf(world, id)).map((bill) => bill.slice(0, 17))).toEqual([
    '2026-01-10 paid 0',
    '2026-02-10 paid 0',
    '2026-03-10 paid 0',
  ]);
});
