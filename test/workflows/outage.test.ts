import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { InvoiceSchema } from '../../src/persistence/invoices.ts';
import { nudgeInvoice } from '../../src/persistence/nudge-workflows.ts';
import { updateRows } from '../../src/persistence/rows.ts';
import { goldenCase } from '../golden/read-cases.ts';
import { eventually, minuteOf, moneyOf } from '../support/money.ts';
import { createWorld, type World } from '../support/world.ts';

const DAY_MS = 86_400_000;

let world: World;
let money: ReturnType<typeof moneyOf>;
beforeAll(async () => {
  world = await createWorld();
  money = moneyOf(world);
});
afterAll(() => world[Symbol.asyncDispose]());
afterEach(() => money.audit());

const periods = async (subscriptionId: string) =>
  (await money.invoices(subscriptionId)).map(
    ({ periodStart, periodEnd }) => `${minuteOf(periodStart)} – ${minuteOf(periodEnd)}`,
  );

test('golden case C31: nobody works from 1 to 11 April, and the invoice of the 10th is made once, with its period', async () => {
  const { inputs, expected } = goldenCase<
    { down: [string, string]; due: string },
    { invoices_after_restart: number }
  >('C31');
  const clock = await world.clock('2024-03-10T00:00:00Z');
  const customer = await world.customer({ testClockId: clock });
  const id = await world.subscribe(customer, await world.plan([{}]), {
    requestedAt: new Date('2024-03-10T00:00:00Z'),
  });
  await world.advance(clock, `${inputs.down[0]}T00:00:00Z`);
  const before = await money.invoices(id);

  await world.stopWorker();
  const advanced = world.advance(clock, `${inputs.down[1]}T00:00:00Z`);
  await sleep(500);
  expect(await money.invoices(id)).toHaveLength(before.length);
  await world.startWorker();
  await advanced;

  const made = (await money.invoices(id)).slice(before.length);
  expect(made).toHaveLength(expected.invoices_after_restart);
  expect(made).toMatchObject([
    {
      status: 'paid',
      periodStart: new Date(`${inputs.due}T00:00:00Z`),
      periodEnd: new Date('2024-05-10T00:00:00Z'),
    },
  ]);
});

test('golden case C30: looked at twice around local midnight in Paris, a week is billed once', async () => {
  const { inputs, expected } = goldenCase<
    { tz: string; created: string; billing_runs: string[] },
    { invoices: number }
  >('C30');
  const start = `${inputs.created}T08:00:00Z`;
  const clock = await world.clock(start);
  const customer = await world.customer({ testClockId: clock, timeZone: inputs.tz });
  const plan = await world.plan([{ intervalUnit: 'week' }]);
  const id = await world.subscribe(customer, plan, { requestedAt: new Date(start) });
  for (const run of inputs.billing_runs) await world.advance(clock, run);
  const [, ...renewals] = await periods(id);
  expect(renewals).toHaveLength(expected.invoices);
  expect(renewals).toEqual(['2023-05-29 22:00 – 2023-06-05 22:00']);
});

test('four periods late: one invoice each in order, charged one a day, the oldest first', async () => {
  const requestedAt = new Date(Date.now() - 21.5 * DAY_MS);
  const customer = await world.customer();
  const plan = await world.plan([{ intervalUnit: 'week' }]);
  const terms = { requestedAt, proration_basis: 'second', payment_behavior: 'default_active' } as const;
  const id = await world.subscribe(customer, plan, terms);
  await eventually(async () => (await money.invoices(id)).length === 4);
  const weeks = [0, 7, 14, 21].map((days) => new Date(requestedAt.getTime() + days * DAY_MS));
  const invoices = await money.invoices(id);
  expect(invoices.map(({ periodStart, createdAt }) => [periodStart, createdAt])).toEqual(
    weeks.map((week) => [week, week]),
  );

  // Each day but the first is brought about by letting the dates of those that wait come a day nearer.
  for (let day = 1; day <= 4; day += 1) {
    await eventually(
      async () =>
        (await money.charges(customer)).length === day &&
        (await money.charges(customer)).at(-1)?.endsWith('settled'),
    );
    await sleep(300);
    const paid = (await money.charges(customer)).map((charge) => charge.slice(charge.indexOf('#')));
    expect(paid).toEqual([1, 2, 3, 4].slice(0, day).map((n) => `#${n} settled`));
    const waiting = (await money.invoices(id)).filter((invoice) => invoice.status === 'open');
    for (const invoice of waiting) {
      const nearer = new Date((invoice.collectAt ?? new Date()).getTime() - DAY_MS);
      await world.inTenant((tx) => updateRows(tx, InvoiceSchema, { id: invoice.id }, { collectAt: nearer }));
      await money.change(customer, (write) => nudgeInvoice(write, invoice));
    }
  }
  expect(await money.subscription(id)).toMatchObject({ status: 'active', overdueCount: 0 });
});

test('two subscriptions of one customer catch up at once: still one charge a day, the oldest of all first', async () => {
  const customer = await world.customer();
  const plan = await world.plan([{ intervalUnit: 'week' }]);
  const terms = { proration_basis: 'second', payment_behavior: 'default_active' } as const;
  const begins = [21.5, 24.5, 27.5].map((days) => new Date(Date.now() - days * DAY_MS));
  const ids = await Promise.all(
    begins.map((requestedAt) => world.subscribe(customer, plan, { ...terms, requestedAt })),
  );
  const all = async () => (await Promise.all(ids.map(money.invoices))).flat();
  await eventually(async () => (await all()).length === 12);

  // Days are brought about as above. Whoever was charged when the first one was made keeps his day.
  const settled = async () => (await money.charges(customer)).filter((charge) => charge.endsWith('settled'));
  const paid: string[] = [];
  for (let day = 1; day <= 12; day += 1) {
    await eventually(async () => (await settled()).length === day);
    await sleep(300);
    expect(await settled()).toHaveLength(day);
    const invoices = await all();
    const [today] = invoices.filter(({ id, status }) => status === 'paid' && !paid.includes(id));
    const waiting = invoices.filter(({ status }) => status === 'open');
    paid.push(today?.id ?? 'none');
    if (day > 1)
      for (const invoice of waiting)
        expect(invoice.createdAt.getTime()).toBeGreaterThan(today?.createdAt.getTime() ?? 0);
    await world.inTenant(async (tx) => {
      for (const { id, collectAt } of waiting)
        await updateRows(
          tx,
          InvoiceSchema,
          { id },
          { collectAt: new Date((collectAt ?? new Date()).getTime() - DAY_MS) },
        );
    });
    for (const invoice of waiting) await money.change(customer, (write) => nudgeInvoice(write, invoice));
  }
});

test('a renewal that is on time waits behind the customer’s older invoices', async () => {
  const customer = await world.customer();
  const weekly = await world.plan([{ intervalUnit: 'week' }]);
  const late = {
    requestedAt: new Date(Date.now() - 15 * DAY_MS),
    proration_basis: 'second',
    payment_behavior: 'default_active',
  } as const;
  const slept = await world.subscribe(customer, weekly, late);
  await eventually(async () => (await money.invoices(slept)).length === 3);
  const last = (await money.invoices(slept)).at(-1)?.collectAt;

  const daily = await world.plan([{ intervalUnit: 'day' }]);
  const soon = { ...late, requestedAt: new Date(Date.now() - DAY_MS + 1_500) };
  const awake = await world.subscribe(customer, daily, soon);
  const renewal = await eventually(async () => (await money.invoices(awake))[1]);
  expect(renewal.collectAt?.getTime()).toBeGreaterThan(
    (last?.getTime() ?? Number.POSITIVE_INFINITY) + DAY_MS,
  );
  expect(await money.charges(customer)).toHaveLength(1);
});
