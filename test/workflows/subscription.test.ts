import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { InvoiceSchema } from '../../src/persistence/invoices.ts';
import { findRow, findRows } from '../../src/persistence/rows.ts';
import { SubscriptionSchema } from '../../src/persistence/subscriptions.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const subscriptionOf = (id: string) => world.inTenant((tx) => findRow(tx, SubscriptionSchema, { id }));
const invoicesOf = (subscriptionId: string) =>
  world.inTenant((tx) => findRows(tx, InvoiceSchema, { subscriptionId }, { orderBy: { id: 'asc' } }));

test('a creation with a good card is active with a paid invoice', async () => {
  const plan = await world.plan([{ unitAmount: '19.99' }]);
  const id = await world.subscribe(await world.customer(), plan);
  expect(await subscriptionOf(id)).toMatchObject({ status: 'active', nextStep: 'close_period' });
  expect(await invoicesOf(id)).toMatchObject([{ status: 'paid', number: 'INV-000001' }]);
});

test('under a test clock months go by in order', async () => {
  const clockId = await world.clock('2026-01-31T15:00:00Z');
  const customer = await world.customer({ testClockId: clockId, timeZone: 'America/New_York' });
  const plan = await world.plan([{ unitAmount: '19.99' }]);
  const id = await world.subscribe(customer, plan, {
    requestedAt: new Date('2026-01-31T15:00:00Z'),
    trial_days: null,
  });
  await world.advance(clockId, '2026-05-15T00:00:00Z');
  const invoices = await invoicesOf(id);
  expect(invoices.map((invoice) => [invoice.status, invoice.periodStart.toISOString().slice(0, 13)])).toEqual(
    [
      ['paid', '2026-01-31T15'],
      ['paid', '2026-02-28T05'],
      ['paid', '2026-03-31T04'],
      ['paid', '2026-04-30T04'],
    ],
  );
});
