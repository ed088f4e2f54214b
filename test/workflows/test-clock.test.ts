import { beforeAll, expect, test } from '@jest/globals';
import { CustomerSchema } from '../../src/persistence/customers.ts';
import { EventSchema } from '../../src/persistence/events.ts';
import { InvoiceSchema } from '../../src/persistence/invoices.ts';
import { nudge } from '../../src/persistence/nudges.ts';
import { findRow, findRows, updateRows } from '../../src/persistence/rows.ts';
import { TestClockSchema } from '../../src/persistence/test-clocks.ts';
import { WORKFLOWS, workflowId } from '../../workflows/messages.ts';
import { keptWorld } from '../support/kept-world.ts';
import { record } from '../support/record.ts';
import {
  billsOf,
  eventually,
  onClock,
  subscriptionOf,
  toldOf,
  underClock,
  workflowOf,
} from '../support/stories.ts';
import type { World } from '../support/world.ts';

const theWorld = keptWorld();
let world: World;
beforeAll(() => {
  world = theWorld();
});

const fee = () => world.plan([{ unitAmount: '31' }]);
const clockOf = (id: string) => world.inTenant((tx) => findRow(tx, TestClockSchema, { id }));

test('a year of days in one go, in several runs of its workflow', async () => {
  // Three years of paid days, 1,095 charges, take about a minute and a half on two busy cores.
  const ada = await underClock(world, '2026-01-01T00:00:00Z');
  const id = await ada.subscribe(await world.plan([{ unitAmount: '0', intervalUnit: 'day' }]));
  await ada.advance('2026-12-31T12:00:00Z');
  const bills = await billsOf(world, id);
  expect(bills).toHaveLength(365);
  expect(bills.at(-1)).toBe('2026-12-31 paid 0 2026-12-31..2027-01-01');
  expect(await clockOf(ada.clockId)).toMatchObject({
    status: 'ready',
    nowAt: new Date('2026-12-31T12:00:00Z'),
    entitiesTotal: 1,
    entitiesDone: 1,
  });
  const { raw } = await workflowOf(world, id).describe();
  expect(raw.workflowExecutionInfo?.firstRunId).not.toBe(raw.workflowExecutionInfo?.execution?.runId);
});

test('several customers arrive together, each in order, and who is not on the clock stays in the present', async () => {
  const ada = await underClock(world, '2026-01-10T00:00:00Z');
  const plan = await fee();
  const others = await Promise.all(
    Array.from({ length: 11 }, async () =>
      onClock(world, ada.time, await world.customer({ testClockId: ada.clockId })),
    ),
  );
  const ids = await Promise.all([ada, ...others].map((customer) => customer.subscribe(plan)));
  const present = await world.subscribe(await world.customer(), plan);
  const before = await subscriptionOf(world, present);
  await ada.advance('2026-06-15T00:00:00Z');
  for (const id of ids) {
    expect((await billsOf(world, id)).map((bill) => bill.slice(0, 15))).toEqual(
      ['01', '02', '03', '04', '05', '06'].map((month) => `2026-${month}-10 paid`),
    );
  }
  expect(await subscriptionOf(world, present)).toEqual(before);
  expect(await clockOf(ada.clockId)).toMatchObject({ entitiesTotal: 12, entitiesDone: 12 });
});

test('several subscriptions of one customer take turns by the calendar', async () => {
  const ada = await underClock(world, '2026-01-01T00:00:00Z');
  const monthly = await ada.subscribe(await fee());
  await ada.advance('2026-01-15T00:00:00Z');
  const second = await ada.subscribe(await fee());
  await ada.advance('2026-04-20T00:00:00Z');
  const invoices = await world.inTenant((tx) =>
    findRows(tx, InvoiceSchema, { customerId: ada.customerId }, { orderBy: { number: 'asc' } }),
  );
  const days = invoices.map(({ createdAt }) => createdAt.toISOString().slice(0, 10));
  expect(days).toEqual([
    '2026-01-01',
    '2026-01-15',
    '2026-02-01',
    '2026-02-15',
    '2026-03-01',
    '2026-03-15',
    '2026-04-01',
    '2026-04-15',
  ]);
  expect([await billsOf(world, monthly), await billsOf(world, second)].map(({ length }) => length)).toEqual([
    4, 4,
  ]);
});

test('due at the same instant: the invoice comes before the subscription', async () => {
  // Sent on 1 January with 31 days to pay: overdue at the very instant of the renewal.
  const ada = await underClock(world, '2026-01-01T00:00:00Z');
  const id = await ada.subscribe(await fee(), { collection_method: 'send_invoice', net_days: 31 });
  await ada.advance('2026-02-01T00:00:00Z');
  expect(await toldOf(world, id)).toEqual([
    'subscription.created',
    'subscription.activated',
    'subscription.past_due',
    'billing.cycle.closed',
    'subscription.renewed',
  ]);
});

test('what is told has clock time, and happened now', async () => {
  const ada = await underClock(world, '2026-01-10T00:00:00Z');
  const id = await ada.subscribe(await fee());
  const advancedMs = Date.now();
  await ada.advance('2026-02-10T00:00:00Z');
  const [renewed] = await world.inTenant((tx) =>
    findRows(tx, EventSchema, { objectId: id, type: 'subscription.renewed' }),
  );
  expect(renewed?.createdAt).toEqual(new Date('2026-02-10T00:00:00Z'));
  // Servers on one machine have one clock, but for the last milliseconds.
  expect(renewed?.recordedAt.getTime()).toBeGreaterThan(advancedMs - 1_000);
  expect(renewed?.recordedAt.getTime()).toBeLessThan(Date.now() + 1_000);
});

test('a first payment that arrives late is followed by the periods that have gone by', async () => {
  // The stub ends at midnight, two hours after the beginning; the bank answers the next day.
  const ada = await underClock(world, '2026-01-31T22:00:00Z', {}, 'tok_insufficient_funds');
  const id = await ada.subscribe(await fee(), { billing_cycle: 'calendar' });
  await ada.advance('2026-02-01T10:00:00Z');
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'incomplete', nextStep: 'expire' });
  await world.paymentMethod(ada.customerId, 'tok_succeeds');
  const { latestInvoiceId } = await subscriptionOf(world, id);
  await ada.command(latestInvoiceId ?? '', 'pay', { payment_method: null });
  await ada.advance('2026-02-02T00:00:00Z');
  expect(await billsOf(world, id)).toEqual([
    '2026-01-31 paid 1 2026-01-31..2026-02-01',
    '2026-02-01 paid 31 2026-02-01..2026-03-01',
  ]);
});

test('a clock that is advanced while nobody works arrives when somebody does', async () => {
  const ada = await underClock(world, '2026-01-10T00:00:00Z');
  const id = await ada.subscribe(await fee());
  await world.stopWorker();
  const arrived = ada.advance('2026-03-15T00:00:00Z');
  await new Promise((resolve) => setTimeout(resolve, 500));
  await world.startWorker();
  await arrived;
  expect(await billsOf(world, id)).toHaveLength(3);
});

test('deleting a clock ends what hangs on it, without a last bill', async () => {
  const ada = await underClock(world, '2026-01-10T00:00:00Z');
  const plan = await world.plan([{ unitAmount: '31' }, { unitAmount: '31', timing: 'in_arrears' }]);
  const [active, trialing, scheduled] = [
    await ada.subscribe(plan),
    await ada.subscribe(plan, { trial_days: 90 }),
    await ada.subscribe(plan, { start_at: '2027-01-01T00:00:00.000Z' }),
  ];
  const bob = onClock(world, ada.time, await world.customer({ testClockId: ada.clockId }));
  const owing = await bob.subscribe(plan);
  await world.paymentMethod(bob.customerId, 'tok_insufficient_funds');
  await ada.advance('2026-02-12T00:00:00Z');
  expect(await subscriptionOf(world, owing)).toMatchObject({ status: 'past_due' });

  await world.inTenant(async (tx) => {
    await updateRows(tx, TestClockSchema, { id: ada.clockId }, { status: 'deleted' });
    await nudge(tx, {
      tenantId: world.tenantId,
      kind: 'test_clock',
      entityId: ada.clockId,
      notBefore: new Date(),
    });
  });
  for (const id of [active, trialing, scheduled, owing]) {
    const ended = await eventually(
      () => subscriptionOf(world, id),
      ({ endedAt }) => endedAt !== null,
    );
    expect(ended).toMatchObject({
      status: 'canceled',
      cancellationReason: 'test clock deleted',
      endedAt: new Date('2026-02-12T00:00:00Z'),
    });
    await workflowOf(world, id).result();
  }
  expect((await billsOf(world, owing)).map((bill) => bill.slice(0, 15))).toEqual([
    '2026-01-10 paid',
    '2026-02-10 void',
  ]);
  expect(await billsOf(world, active)).toHaveLength(2);
  await record(world, 'ended-with-its-clock', workflowId.subscription(owing));
  for (const id of [ada.customerId, bob.customerId]) {
    const { deletedAt } =
      (await eventually(
        () => world.inTenant((tx) => findRow(tx, CustomerSchema, { id })),
        (customer) => customer?.deletedAt !== null,
      )) ?? {};
    expect(deletedAt).toEqual(new Date('2026-02-12T00:00:00Z'));
    expect(await toldOf(world, id)).toEqual(['customer.deleted']);
  }
  // Nobody is left waiting for a time that never comes.
  for (const { id } of await world.inTenant((tx) => findRows(tx, InvoiceSchema, { subscriptionId: owing }))) {
    const handle = world.client.workflow.getHandle(workflowId.invoice(id));
    await eventually(
      () =>
        handle.describe().then(
          ({ status }) => status.name,
          () => 'NONE',
        ),
      (status) => status !== 'RUNNING',
    );
  }
  await eventually(
    () => world.client.workflow.getHandle(workflowId.testClock(ada.clockId)).describe(),
    ({ status }) => status.name === 'COMPLETED',
  );
  await record(world, 'clock-deleted', workflowId.testClock(ada.clockId));
  // Whoever asks again finds nothing to do.
  await world.client.workflow.execute(WORKFLOWS.testClock, {
    workflowId: workflowId.testClock(ada.clockId),
    taskQueue: 'billing',
    args: [{ tenantId: world.tenantId, clockId: ada.clockId }],
  });
});
