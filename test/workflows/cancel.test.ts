import { beforeAll, expect, test } from '@jest/globals';
import { InvoiceSchema } from '../../src/persistence/invoices.ts';
import { findRows } from '../../src/persistence/rows.ts';
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
const fee = () => world.plan([{ unitAmount: '31' }]);
const feeAndUse = () => world.plan([{ unitAmount: '31' }, { unitAmount: '62', timing: 'in_arrears' }]);
const cancel = (mode: 'now' | 'period_end' | 'at', at: string | null = null) => ({
  mode,
  at,
  reason: 'moving away',
});

test('now: what ran in arrears is billed with the day of the cancellation, what was paid in advance stays paid', async () => {
  const ada = await underClock(world, START);
  const id = await ada.subscribe(await feeAndUse());
  await ada.advance('2026-01-20T17:00:00Z');
  expect(await ada.command(id, 'cancel', cancel('now'))).toMatchObject({ outcome: 'applied' });
  // 10 to 20 January are 11 of 31 days of 62.
  expect(await billsOf(world, id)).toEqual([
    '2026-01-10 paid 31 2026-01-10..2026-02-10',
    '2026-01-20 paid 22 2026-01-10..2026-01-20',
  ]);
  expect(await subscriptionOf(world, id)).toMatchObject({
    status: 'canceled',
    endedAt: new Date('2026-01-20T17:00:00Z'),
    cancellationReason: 'moving away',
  });
  await record(world, 'canceled-now', workflowId.subscription(id));
  await ada.advance('2026-06-01T00:00:00Z');
  expect(await billsOf(world, id)).toHaveLength(2);
});

test('at period end: it runs out, what ran in arrears is billed whole, and nothing is renewed', async () => {
  const ada = await underClock(world, START);
  const id = await ada.subscribe(await feeAndUse());
  await ada.command(id, 'cancel', cancel('period_end'));
  expect(await subscriptionOf(world, id)).toMatchObject({
    status: 'active',
    cancelMode: 'period_end',
    cancelAt: new Date('2026-02-10T00:00:00Z'),
    nextStep: 'cancel',
  });
  await ada.advance('2026-06-01T00:00:00Z');
  expect(await billsOf(world, id)).toEqual([
    '2026-01-10 paid 31 2026-01-10..2026-02-10',
    '2026-02-10 paid 62 2026-01-10..2026-02-10',
  ]);
  expect(await toldOf(world, id)).toEqual([
    'subscription.created',
    'subscription.activated',
    'subscription.cancel_scheduled',
    'subscription.canceled',
  ]);
});

test('at an instant: months go by until then', async () => {
  const ada = await underClock(world, START);
  const id = await ada.subscribe(await feeAndUse());
  await ada.command(id, 'cancel', cancel('at', '2026-03-14T12:00:00.000Z'));
  await ada.advance('2026-06-01T00:00:00Z');
  // The last month runs from 10 March: 5 of 31 days of 62.
  expect((await billsOf(world, id)).slice(1)).toEqual([
    '2026-02-10 paid 93 2026-02-10..2026-03-10 2026-01-10..2026-02-10',
    '2026-03-10 paid 93 2026-03-10..2026-04-10 2026-02-10..2026-03-10',
    '2026-03-14 paid 10 2026-03-10..2026-03-14',
  ]);
});

test('a cancellation that was part of the creation', async () => {
  const ada = await underClock(world, START);
  const id = await ada.subscribe(await fee(), { cancel_at: '2026-02-20T00:00:00.000Z' });
  await ada.advance('2026-06-01T00:00:00Z');
  expect(await subscriptionOf(world, id)).toMatchObject({
    status: 'canceled',
    endedAt: new Date('2026-02-20T00:00:00Z'),
  });
  expect(await billsOf(world, id)).toHaveLength(2);
});

test('taken back in time it goes on as if nothing had been said; too late it is refused', async () => {
  const ada = await underClock(world, START);
  const id = await ada.subscribe(await fee());
  await ada.command(id, 'cancel', cancel('period_end'));
  await ada.advance('2026-02-09T23:59:59Z');
  expect(await ada.command(id, 'uncancel')).toMatchObject({ outcome: 'applied' });
  await ada.advance('2026-02-10T00:00:00Z');
  expect(await billsOf(world, id)).toHaveLength(2);
  await ada.command(id, 'cancel', cancel('period_end'));
  await ada.advance('2026-03-10T00:00:00Z');
  const before = await subscriptionOf(world, id);
  expect(await ada.command(id, 'uncancel')).toMatchObject({
    outcome: 'refused',
    result: { code: 'subscription_ended' },
  });
  expect(await subscriptionOf(world, id)).toEqual(before);
});

test('nothing can be done to what has ended, and nothing changes', async () => {
  const ada = await underClock(world, START);
  const id = await ada.subscribe(await fee());
  await ada.command(id, 'cancel', cancel('now'));
  const [before, told] = [await subscriptionOf(world, id), await toldOf(world, id)];
  const orders = [
    ['cancel', cancel('now')],
    ['cancel', cancel('period_end')],
    ['uncancel', {}],
    ['end_trial', {}],
    ['extend_trial', { trial_end: '2026-03-01T00:00:00.000Z' }],
  ] as const;
  for (const [kind, body] of orders) {
    expect(await ada.command(id, kind, body)).toMatchObject({
      outcome: 'refused',
      result: { code: 'subscription_ended' },
    });
  }
  expect([await subscriptionOf(world, id), await toldOf(world, id)]).toEqual([before, told]);
});

test('before its start it ends without a bill', async () => {
  const ada = await underClock(world, START);
  const [now, atStart] = [
    await ada.subscribe(await fee(), { start_at: '2026-02-01T00:00:00.000Z' }),
    await ada.subscribe(await fee(), { start_at: '2026-02-01T00:00:00.000Z' }),
  ];
  expect(await subscriptionOf(world, now)).toMatchObject({ status: 'scheduled', nextStep: 'activate' });
  await ada.command(now, 'cancel', cancel('now'));
  await ada.command(atStart, 'cancel', cancel('period_end'));
  await ada.advance('2026-03-01T00:00:00Z');
  expect(await subscriptionOf(world, now)).toMatchObject({
    status: 'canceled',
    startedAt: null,
    endedAt: new Date(START),
  });
  expect(await subscriptionOf(world, atStart)).toMatchObject({
    status: 'canceled',
    startedAt: null,
    endedAt: new Date('2026-02-01T00:00:00Z'),
  });
  expect([...(await billsOf(world, now)), ...(await billsOf(world, atStart))]).toEqual([]);
});

test('while it owes its first payment the invoice goes with it', async () => {
  const ada = await underClock(world, START, {}, 'tok_insufficient_funds');
  const id = await ada.subscribe(await feeAndUse());
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'incomplete' });
  await ada.command(id, 'cancel', cancel('now'));
  expect(await billsOf(world, id)).toEqual(['2026-01-10 void 31 2026-01-10..2026-02-10']);
});

test('past due: the final invoice is made, and dunning of the open one goes on', async () => {
  const ada = await underClock(world, START);
  const id = await ada.subscribe(await feeAndUse());
  await world.paymentMethod(ada.customerId, 'tok_insufficient_funds');
  await ada.advance('2026-02-10T12:00:00Z');
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'past_due' });
  await ada.command(id, 'cancel', cancel('now'));
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'canceled' });
  // One of 28 days from 10 February of 62 is 2.21.
  expect((await billsOf(world, id)).slice(1)).toEqual([
    '2026-02-10 open 93 2026-02-10..2026-03-10 2026-01-10..2026-02-10',
    '2026-02-10 open 2.21 2026-02-10..2026-02-10',
  ]);
  const [, renewal] = await world.inTenant((tx) =>
    findRows(tx, InvoiceSchema, { subscriptionId: id }, { orderBy: { id: 'asc' } }),
  );
  await ada.advance('2026-02-12T00:00:00Z');
  await record(world, 'invoice-in-dunning', workflowId.invoice(renewal?.id ?? ''));
});

test('canceled twice at once, it ends once', async () => {
  const ada = await underClock(world, START);
  const id = await ada.subscribe(await feeAndUse());
  await ada.advance('2026-01-12T00:00:00Z');
  const answers = await Promise.all([
    ada.command(id, 'cancel', cancel('now')),
    ada.command(id, 'cancel', cancel('now')),
  ]);
  expect(answers.map(({ outcome }) => outcome).sort()).toEqual(['applied', 'refused']);
  expect(await billsOf(world, id)).toHaveLength(2);
});
