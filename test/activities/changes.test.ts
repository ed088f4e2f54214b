import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Decimal } from '../../src/domain/money.ts';
import { balancesOf } from '../../src/persistence/balances.ts';
import { CreditNoteSchema } from '../../src/persistence/credit-notes.ts';
import { payOutOfBand, voidInvoice } from '../../src/persistence/invoice-writes.ts';
import { recordUsage } from '../../src/persistence/reported-usage.ts';
import { findRows } from '../../src/persistence/rows.ts';
import { scheduledChangesOf } from '../../src/persistence/scheduled-changes.ts';
import { newId } from '../../src/platform/ids.ts';
import { becoming, bills, promisesKept, seats, toPlan } from '../support/change-commands.ts';
import { moneyOf } from '../support/money.ts';
import { covered, subscriptionOf, underClock } from '../support/stories.ts';
import { createWorld, type World } from '../support/world.ts';

/** Changes of a subscription as the engine makes them true, told by the invoices they leave. Test clocks, in UTC. */
let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

test('an upgrade now credits the unused old, charges the rest of the new, and is paid at once', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const [small, big] = [await world.plan([{ unitAmount: '31' }]), await world.plan([{ unitAmount: '62' }])];
  const id = await ada.subscribe(small);
  await ada.advance('2026-03-11T00:00:00.000Z');
  expect(await ada.command(id, 'change', becoming(toPlan(big)))).toMatchObject({ outcome: 'applied' });
  await ada.advance('2026-04-01T00:00:00.000Z');
  expect(await bills(world, id)).toEqual([
    'subscription_create paid 31 = 31',
    'subscription_update paid 21 = -21 + 42',
    'subscription_cycle paid 62 = 62',
  ]);
  expect((await subscriptionOf(world, id)).planId).toBe(big.planId);
  await promisesKept(world);
});

test('a downgrade waits for the end of the period, and is billed with what begins there', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const [small, big] = [await world.plan([{ unitAmount: '31' }]), await world.plan([{ unitAmount: '62' }])];
  const id = await ada.subscribe(big);
  await ada.advance('2026-03-11T00:00:00.000Z');
  await ada.command(id, 'change', becoming(toPlan(small), { effective: null }));
  expect(await subscriptionOf(world, id)).toMatchObject({ changeAt: new Date('2026-04-01T00:00:00.000Z') });
  await promisesKept(world);
  await ada.advance('2026-05-01T00:00:00.000Z');
  expect(await bills(world, id)).toEqual([
    'subscription_create paid 62 = 62',
    'subscription_cycle paid 31 = 31',
    'subscription_cycle paid 31 = 31',
  ]);
  const rows = await world.inTenant((tx) => scheduledChangesOf(tx, id));
  expect(rows.map(({ status }) => status)).toEqual(['applied']);
  await promisesKept(world);
});

test('seats for the next invoice wait as lines, which the renewal takes once', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const plan = await world.plan([{ unitAmount: '31', model: 'per_unit' }]);
  const id = await ada.subscribe(plan);
  await ada.advance('2026-03-11T00:00:00.000Z');
  await ada.command(id, 'change', becoming({ ...seats(plan, '3'), proration: 'next_invoice' }));
  await promisesKept(world);
  await ada.advance('2026-03-21T00:00:00.000Z');
  // What waits is given back a part of before anybody was billed for it.
  await ada.command(id, 'change', becoming({ ...seats(plan, '2'), proration: 'next_invoice' }));
  await promisesKept(world);
  await ada.advance('2026-04-01T00:00:00.000Z');
  expect(await bills(world, id)).toEqual([
    'subscription_create paid 31 = 31',
    'subscription_cycle paid 93 = 62 + -21 + 63 + -33 + 22',
  ]);
  await promisesKept(world);
});

test('what a downgrade gives back is the customer’s, and pays the next invoices', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const [small, big] = [await world.plan([{ unitAmount: '31' }]), await world.plan([{ unitAmount: '310' }])];
  const id = await ada.subscribe(big);
  await ada.advance('2026-03-11T00:00:00.000Z');
  await ada.command(id, 'change', becoming(toPlan(small, { proration: 'invoice_now' })));
  const balance = async () =>
    (await world.inTenant((tx) => balancesOf(tx, ada.customerId)))[0]?.balance.toFixed();
  expect(await balance()).toBe('189');
  await ada.advance('2026-04-01T00:00:00.000Z');
  expect(await balance()).toBe('158');
  expect(await bills(world, id)).toEqual([
    'subscription_create paid 310 = 310',
    'subscription_update paid -189 = -210 + 21',
    'subscription_cycle paid 31 = 31',
  ]);
  await promisesKept(world);
});

test('what was not paid yet is taken off its open invoice and never becomes money', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const [small, big] = [await world.plan([{ unitAmount: '31' }]), await world.plan([{ unitAmount: '310' }])];
  const id = await ada.subscribe(big, { collection_method: 'send_invoice', net_days: 30 });
  await ada.advance('2026-03-11T00:00:00.000Z');
  await ada.command(id, 'change', becoming(toPlan(small, { proration: 'invoice_now' })));
  expect(await bills(world, id)).toEqual([
    'subscription_create open 310 = 310',
    'subscription_update open 21 = 21',
  ]);
  const notes = await world.inTenant((tx) => findRows(tx, CreditNoteSchema, { customerId: ada.customerId }));
  expect(notes.map(({ amount, number }) => [number, amount.toFixed()])).toEqual([['CN-000001', '210']]);
  await promisesKept(world);
});

test('time paused is not billed: the unused days come back, and the resume bills the stub', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const plan = await world.plan([
    { unitAmount: '31' },
    { unitAmount: '3.1', model: 'per_unit', timing: 'in_arrears' },
  ]);
  const id = await ada.subscribe(plan);
  await ada.advance('2026-03-11T00:00:00.000Z');
  const pause = {
    effective: 'now',
    at: null,
    preview_token: null,
    credit: true,
    resume_at: '2026-03-21T00:00:00.000Z',
  };
  expect(await ada.command(id, 'pause', pause)).toMatchObject({ outcome: 'applied' });
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'paused', nextStep: 'apply_change' });
  await promisesKept(world);
  await ada.advance('2026-04-01T00:00:00.000Z');
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'active', pausedAt: null, changeAt: null });
  expect(await bills(world, id)).toEqual([
    'subscription_create paid 31 = 31',
    'subscription_update paid -20 = -21 + 1',
    'subscription_update paid 11 = 11',
    'subscription_cycle paid 32.1 = 31 + 1.1',
  ]);
  await promisesKept(world);
});

test('what was used is rated when its period closes, and at a change for the stretch alone', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const usage = { model: 'per_unit', billing: 'usage', timing: 'in_arrears' } as const;
  const plan = await world.plan([{ unitAmount: '2', ...usage }]);
  const dear = await world.plan([{ unitAmount: '3', ...usage }]);
  const id = await ada.subscribe(plan);
  const use = (at: string, quantity: string) =>
    world.inTenant((tx) =>
      recordUsage(tx, {
        id: newId('use'),
        tenantId: world.tenantId,
        subscriptionId: id,
        key: 'p0',
        at: new Date(at),
        quantity: new Decimal(quantity),
        properties: {},
        idempotencyKey: at,
        createdAt: new Date(at),
      }),
    );
  await use('2026-03-05T00:00:00.000Z', '5');
  await use('2026-03-20T00:00:00.000Z', '7');
  expect(await use('2026-03-20T00:00:00.000Z', '9')).toMatchObject({ isNew: false });
  await ada.advance('2026-03-11T00:00:00.000Z');
  await ada.command(id, 'change', becoming(toPlan(dear)));
  await ada.advance('2026-04-01T00:00:00.000Z');
  expect(await bills(world, id)).toEqual([
    'subscription_update paid 10 = 10',
    'subscription_cycle paid 21 = 21',
  ]);
  await promisesKept(world);
});

test('items join and leave, and a key may come again as a new item', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const plan = await world.plan([{ unitAmount: '31' }]);
  const extra = await world.plan([{ key: 'extra', unitAmount: '3.1' }]);
  const add = { set: [{ key: 'extra', price: extra.prices[0]?.id ?? '', quantity: '1' }] };
  const id = await ada.subscribe(plan);
  await ada.advance('2026-03-11T00:00:00.000Z');
  await ada.command(id, 'change', becoming(add));
  await ada.command(id, 'change', becoming({ remove: ['extra'], proration: 'invoice_now' }));
  await ada.command(id, 'change', becoming(add));
  await ada.advance('2026-04-01T00:00:00.000Z');
  expect(await bills(world, id)).toEqual([
    'subscription_create paid 31 = 31',
    'subscription_update paid 2.1 = 2.1',
    'subscription_update paid -2.1 = -2.1',
    'subscription_update paid 2.1 = 2.1',
    'subscription_cycle paid 34.1 = 31 + 3.1',
  ]);
  await promisesKept(world);
});

test('a start in the past is one invoice with a line per elapsed period', async () => {
  const ada = await underClock(world, '2026-03-11T00:00:00.000Z');
  const plan = await world.plan([{ unitAmount: '31' }]);
  const id = await ada.subscribe(plan, { start_at: '2026-01-01T00:00:00.000Z' });
  expect(await bills(world, id)).toEqual(['subscription_create paid 93 = 31 + 31 + 31']);
  await ada.advance('2026-04-01T00:00:00.000Z');
  expect(await bills(world, id)).toHaveLength(2);
  await promisesKept(world);
});

test('a fixed number of cycles ends by itself', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const id = await ada.subscribe(await world.plan([{ unitAmount: '31' }]), { cycles: 2 });
  await ada.advance('2026-06-01T00:00:00.000Z');
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'expired' });
  expect(await bills(world, id)).toHaveLength(2);
  await promisesKept(world);
});

test('what is given back of a draft reduces the draft, and is never spendable', async () => {
  const setGrace = (invoiceGraceHours: number) => moneyOf(world).tenantSetting({ invoiceGraceHours });
  await setGrace(24);
  const ada = await underClock(world, '2026-04-01T00:00:00.000Z');
  const [small, big] = [await world.plan([{ unitAmount: '31' }]), await world.plan([{ unitAmount: '62' }])];
  const id = await ada.subscribe(big);
  await ada.advance('2026-05-01T12:00:00.000Z');
  expect(await ada.command(id, 'change', becoming(toPlan(small)))).toMatchObject({ outcome: 'applied' });
  expect(await bills(world, id)).toEqual([
    'subscription_create paid 62 = 62',
    'subscription_cycle draft 0 = 62 + -62',
    'subscription_update paid 31 = 31',
  ]);
  await promisesKept(world);
  await ada.advance('2026-06-01T12:00:00.000Z');
  expect((await bills(world, id)).slice(1)).toEqual([
    'subscription_cycle paid 0 = 62 + -62',
    'subscription_update paid 31 = 31',
    'subscription_cycle draft 31 = 31',
  ]);
  // 1 June is billed, 29 of its 30 days are not.
  await ada.command(id, 'cancel', { mode: 'now', at: null, reason: null, credit: 'prorate' });
  await ada.advance('2026-06-10T00:00:00.000Z');
  expect((await bills(world, id)).slice(3)).toEqual(['subscription_cycle paid 1.03 = 31 + -29.97']);
  expect(await world.inTenant((tx) => balancesOf(tx, ada.customerId))).toEqual([]);
  expect(
    await world.inTenant((tx) => findRows(tx, CreditNoteSchema, { customerId: ada.customerId })),
  ).toEqual([]);
  await promisesKept(world);
  await setGrace(0);
});

test('the invoice of a change that is voided is waived: nothing bills that time, and nothing is given back of it', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const [small, big] = [await world.plan([{ unitAmount: '31' }]), await world.plan([{ unitAmount: '62' }])];
  const id = await ada.subscribe(small, { collection_method: 'send_invoice', net_days: 14 });
  const money = moneyOf(world);
  const [first] = await money.invoices(id);
  await money.change(ada.customerId, (write) => payOutOfBand(write, first?.id ?? '', null));
  await ada.advance('2026-03-11T00:00:00.000Z');
  await ada.command(id, 'change', becoming(toPlan(big)));
  const [, upgrade] = await money.invoices(id);
  await money.change(ada.customerId, (write) => voidInvoice(write, upgrade?.id ?? ''));
  expect(await covered(world, id)).toEqual([
    'billed 03-01 00:00 – 03-11 00:00',
    'waived 03-11 00:00 – 04-01 00:00',
  ]);
  await promisesKept(world);
  // Another change gives nothing back of it and bills the rest of the month.
  await ada.advance('2026-03-22T00:00:00.000Z');
  await ada.command(id, 'change', becoming(toPlan(small)));
  await ada.advance('2026-04-01T00:00:00.000Z');
  expect(await bills(world, id)).toEqual([
    'subscription_create paid 31 = 31',
    'subscription_update void 21 = -21 + 42',
    'subscription_update open 10 = 10',
    'subscription_cycle open 31 = 31',
  ]);
  expect(await covered(world, id)).toEqual([
    'billed 03-01 00:00 – 03-11 00:00',
    'waived 03-11 00:00 – 03-22 00:00',
    'billed 03-22 00:00 – 04-01 00:00',
    'billed 04-01 00:00 – 05-01 00:00',
  ]);
  await promisesKept(world);
});
