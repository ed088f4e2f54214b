import { beforeAll, describe, expect, test } from '@jest/globals';
import { WORKFLOWS, workflowId } from '../../workflows/messages.ts';
import { keptWorld } from '../support/kept-world.ts';
import { moneyOf } from '../support/money.ts';
import { record } from '../support/record.ts';
import { billsOf, eventually, subscriptionOf, underClock } from '../support/stories.ts';
import type { World } from '../support/world.ts';

/** The lives that every version has to be able to go on with, told so that `npm run record` can keep them. */
const theWorld = keptWorld();
let world: World;
let money: ReturnType<typeof moneyOf>;
beforeAll(() => {
  world = theWorld();
  money = moneyOf(world);
});

const START = '2026-01-10T10:00:00Z';
const fee = () => world.plan([{ unitAmount: '31' }]);
const lastInvoiceOf = async (id: string) => (await money.invoices(id)).at(-1)?.id ?? '';

/** Waits until the latest run of a workflow tells of an event whose attributes have that name. */
const until = (id: string, name: 'timerStartedEventAttributes' | 'activityTaskScheduledEventAttributes') =>
  eventually(
    () =>
      world.client.workflow
        .getHandle(id)
        .fetchHistory()
        .then(
          ({ events }) => (events ?? []).filter((event) => event[name]).length,
          () => 0,
        ),
    (found) => found > 0,
  );

test('rows and workflows were compared when the worker began', async () => {
  const [comparison] = await eventually(
    () => completed(WORKFLOWS.reconcile),
    ({ length }) => length > 0,
  );
  await record(world, 'reconciled-at-boot', comparison ?? '');
});

test('months for usage were prepared when the worker began', async () => {
  const [prepared] = await eventually(
    () => completed(WORKFLOWS.partitions),
    ({ length }) => length > 0,
  );
  await record(world, 'partitions-at-boot', prepared ?? '');
});

test('what arrived late was looked for when the worker began', async () => {
  const [looked] = await eventually(
    () => completed(WORKFLOWS.customerWork),
    ({ length }) => length > 0,
  );
  await record(world, 'customer-work-at-boot', looked ?? '');
});

async function completed(type: string): Promise<string[]> {
  const ids: string[] = [];
  const query = `WorkflowType = '${type}' AND ExecutionStatus = 'Completed'`;
  for await (const { workflowId: id } of world.client.workflow.list({ query })) ids.push(id);
  return ids;
}

describe('under a test clock', () => {
  test('a trial becomes a paid year', async () => {
    const ada = await underClock(world, START);
    const id = await ada.subscribe(await fee(), { trial_days: 14 });
    await ada.advance('2027-01-20T00:00:00Z');
    const bills = await billsOf(world, id);
    expect(bills[0]).toBe('2026-01-24 paid 31 2026-01-24..2026-02-24');
    expect(bills.at(-1)).toBe('2026-12-24 paid 31 2026-12-24..2027-01-24');
    expect(bills).toHaveLength(12);
    await record(world, 'trial-to-paid-year', workflowId.subscription(id));
    await record(world, 'clock-of-a-year', workflowId.testClock(ada.clockId));
  });

  /** Paid at first; from the renewal of 10 February on the card is another. */
  async function unlucky(token: string) {
    const ada = await underClock(world, START);
    const id = await ada.subscribe(await fee());
    await money.newMethod(ada.customerId, token);
    await ada.advance('2026-02-10T12:00:00Z');
    expect(await subscriptionOf(world, id)).toMatchObject({ status: 'past_due' });
    return { ada, id, invoiceId: await lastInvoiceOf(id) };
  }

  test('declined twice, a renewal is recovered by its second retry', async () => {
    const { ada, id, invoiceId } = await unlucky('tok_insufficient_funds_first_2');
    await ada.advance('2026-03-01T00:00:00Z');
    expect(await money.charges(ada.customerId)).toEqual([
      '2026-01-10 10:00 #1 settled',
      '2026-02-10 00:00 #2 declined',
      '2026-02-11 09:00 #2 declined',
      '2026-02-13 09:00 #2 settled',
    ]);
    expect(await subscriptionOf(world, id)).toMatchObject({ status: 'active' });
    await record(world, 'declined-then-recovered', workflowId.subscription(id));
    await record(world, 'declined-then-recovered-invoice', workflowId.invoice(invoiceId));
  });

  test('declined to the end, it ends the subscription', async () => {
    const { ada, id, invoiceId } = await unlucky('tok_insufficient_funds');
    await ada.advance('2026-03-01T00:00:00Z');
    expect(await money.charges(ada.customerId)).toHaveLength(6);
    expect(await subscriptionOf(world, id)).toMatchObject({
      status: 'canceled',
      cancellationReason: 'payment failed',
    });
    await record(world, 'dunning-exhausted', workflowId.subscription(id));
    await record(world, 'dunning-exhausted-invoice', workflowId.invoice(invoiceId));
  });

  test('canceled at the end of the period, and then not', async () => {
    const ada = await underClock(world, START);
    const id = await ada.subscribe(await fee());
    await ada.command(id, 'cancel', { mode: 'period_end', at: null, reason: 'too dear' });
    await ada.advance('2026-02-01T00:00:00Z');
    expect(await ada.command(id, 'uncancel')).toMatchObject({ outcome: 'applied' });
    await ada.advance('2026-03-15T00:00:00Z');
    expect(await billsOf(world, id)).toHaveLength(3);
    await record(world, 'canceled-at-period-end-then-not', workflowId.subscription(id));
  });

  test('a clock is on its way', async () => {
    const ada = await underClock(world, START);
    await ada.subscribe(await world.plan([{ unitAmount: '0', intervalUnit: 'day' }]));
    const arrived = ada.advance('2026-06-10T00:00:00Z');
    await until(workflowId.testClock(ada.clockId), 'activityTaskScheduledEventAttributes');
    await record(world, 'clock-on-its-way', workflowId.testClock(ada.clockId));
    await arrived;
  });
});

describe('in real time, and not over yet', () => {
  test('a renewal was declined and waits for the morning of its first retry', async () => {
    const customer = await world.customer();
    const id = await world.subscribe(customer, await fee(), {
      billing_anchor: new Date(Date.now() + 2_000).toISOString(),
      proration_basis: 'second',
    });
    await world.paymentMethod(customer, 'tok_insufficient_funds');
    await eventually(
      () => subscriptionOf(world, id),
      ({ status }) => status === 'past_due',
    );
    const invoiceId = await lastInvoiceOf(id);
    await until(workflowId.invoice(invoiceId), 'timerStartedEventAttributes');
    await record(world, 'past-due-in-real-time', workflowId.subscription(id));
    await record(world, 'retry-waited-for', workflowId.invoice(invoiceId));
  });

  test('an invoice was sent and waits for its due date', async () => {
    const id = await world.subscribe(await world.customer({}, null), await fee(), {
      collection_method: 'send_invoice',
      net_days: 30,
    });
    const invoiceId = await lastInvoiceOf(id);
    await until(workflowId.invoice(invoiceId), 'timerStartedEventAttributes');
    await record(world, 'due-date-waited-for', workflowId.invoice(invoiceId));
  });
});
