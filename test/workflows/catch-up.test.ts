import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { SubscriptionStatus } from '../../src/domain/subscription.ts';
import { InvoiceSchema } from '../../src/persistence/invoices.ts';
import { findRow, findRows } from '../../src/persistence/rows.ts';
import { SubscriptionSchema } from '../../src/persistence/subscriptions.ts';
import { workflowId } from '../../workflows/messages.ts';
import { record } from '../support/record.ts';
import { brokenPromises, eventually } from '../support/stories.ts';
import { createWorld, type World } from '../support/world.ts';

const DAY_MS = 86_400_000;

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

const find = (id: string) => world.inTenant((tx) => findRow(tx, SubscriptionSchema, { id }));
const invoicesOf = (subscriptionId: string) =>
  world.inTenant((tx) => findRows(tx, InvoiceSchema, { subscriptionId }, { orderBy: { number: 'asc' } }));

/** Waits until the subscription has that status and nothing of it is due any more. */
async function caughtUp(id: string, status: SubscriptionStatus = 'active'): Promise<void> {
  for (let look = 0; look < 600; look += 1) {
    const row = await find(id);
    if (row?.status === status && row.nextStepAt && row.nextStepAt > new Date()) return;
    await sleep(200);
  }
  throw new Error(`${id} is still behind after two minutes`);
}

test('a subscription that slept for ten days works through every day, in order, each billed once', async () => {
  const plan = await world.plan([{ unitAmount: '3', intervalUnit: 'day' }]);
  const requestedAt = new Date(Date.now() - 10.5 * DAY_MS);
  const terms = { requestedAt, proration_basis: 'second', payment_behavior: 'default_active' } as const;
  const id = await world.subscribe(await world.customer(), plan, terms);
  await caughtUp(id);
  const days = Array.from({ length: 11 }, (_, day) => new Date(requestedAt.getTime() + day * DAY_MS));
  expect((await invoicesOf(id)).map((invoice) => [invoice.periodStart, invoice.createdAt])).toEqual(
    days.map((day) => [day, day]),
  );
  expect(await find(id)).toMatchObject({ status: 'active', nextStep: 'close_period' });
  const { raw } = await world.client.workflow.getHandle(workflowId.subscription(id)).describe();
  const firstRun = raw.workflowExecutionInfo?.firstRunId ?? undefined;
  await record(world, 'catch-up-after-absence', workflowId.subscription(id), firstRun);
});

test('a trial that ended while nobody was there is charged, and the periods after it are billed', async () => {
  const plan = await world.plan([{ unitAmount: '3', intervalUnit: 'week' }]);
  const requestedAt = new Date(Date.now() - 12 * DAY_MS);
  const id = await world.subscribe(await world.customer(), plan, {
    requestedAt,
    trial_days: 2,
    proration_basis: 'second',
  });
  await caughtUp(id);
  expect(await find(id)).toMatchObject({ status: 'active', nextStep: 'close_period' });
  expect(await invoicesOf(id)).toMatchObject([
    { status: 'paid', billingReason: 'trial_end' },
    { billingReason: 'subscription_cycle' },
  ]);
});

test('whoever hears of his first payment ten days late still has 23 hours to make it', async () => {
  const plan = await world.plan([{ unitAmount: '3' }]);
  const customer = await world.customer({}, 'tok_insufficient_funds');
  const requestedAt = new Date(Date.now() - 12 * DAY_MS);
  const id = await world.subscribe(customer, plan, { requestedAt, trial_days: 2 });
  await caughtUp(id, 'incomplete');
  const row = await find(id);
  expect(row).toMatchObject({ nextStep: 'expire' });
  expect((row?.expiresAt?.getTime() ?? 0) - Date.now()).toBeGreaterThan(22 * 3_600_000);
});

test('whoever catches up breaks no promise', async () => {
  // Cards that were not charged by the way are charged by the invoices' own workflows, a moment later.
  await eventually(
    () => brokenPromises(world),
    ({ length }) => length === 0,
  );
});
