import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ChangeCommand } from '../../src/contract/commands.ts';
import { pricesIn, readCommand } from '../../src/contract/read-command.ts';
import type { CommandKind } from '../../src/domain/command.ts';
import { Decimal } from '../../src/domain/money.ts';
import { balancesOf } from '../../src/persistence/balances.ts';
import { CreditNoteSchema } from '../../src/persistence/credit-notes.ts';
import { findTenant } from '../../src/persistence/find.ts';
import { askRows } from '../../src/persistence/invariants.ts';
import { InvoiceLineSchema, InvoiceSchema } from '../../src/persistence/invoices.ts';
import { previewCommand } from '../../src/persistence/preview-command.ts';
import { pricesOf } from '../../src/persistence/prices.ts';
import { recordUsage } from '../../src/persistence/reported-usage.ts';
import { findRows } from '../../src/persistence/rows.ts';
import { scheduledChangesOf } from '../../src/persistence/scheduled-changes.ts';
import { newId } from '../../src/platform/ids.ts';
import { type Plan, subscriptionOf, underClock } from '../support/stories.ts';
import { createWorld, type World } from '../support/world.ts';

/** Changes of a subscription as the engine makes them true, told by the invoices they leave. Test clocks, in UTC. */
let world: World;
beforeAll(async () => {
  world = await createWorld();
}, 60_000);
afterAll(() => world?.[Symbol.asyncDispose]());

const NO_CHANGE: ChangeCommand['change'] = {
  plan: null,
  set: [],
  remove: [],
  once: [],
  proration: null,
  anchor: null,
  billing_anchor: null,
  trial: 'keep',
};

const becoming = (
  change: Partial<ChangeCommand['change']>,
  rest: Partial<ChangeCommand> = {},
): ChangeCommand => ({
  effective: 'now',
  at: null,
  preview_token: null,
  prices: [],
  ...rest,
  change: { ...NO_CHANGE, ...change },
});

/** The change to all prices of another plan. */
const toPlan = ({ planId, prices }: Plan, changes: Partial<ChangeCommand['change']> = {}) => ({
  plan: { plan: planId, version: 1 },
  set: prices.map(({ key, id }) => ({ key, price: id, quantity: '1' })),
  ...changes,
});

const seats = ({ prices: [price] }: Plan, quantity: string) => ({
  set: [{ key: price?.key ?? '', price: price?.id ?? '', quantity }],
});

/** One row per invoice, oldest first: status, total, what is due by whom, and the amounts of its lines. */
async function bills(subscriptionId: string): Promise<string[]> {
  return world.inTenant(async (tx) => {
    const invoices = await findRows(tx, InvoiceSchema, { subscriptionId }, { orderBy: { id: 'asc' } });
    const lines = await findRows(
      tx,
      InvoiceLineSchema,
      { invoiceId: { $in: invoices.map(({ id }) => id) } },
      { orderBy: { n: 'asc' } },
    );
    return invoices.map(({ id, status, total, billingReason }) => {
      const own = lines.filter(({ invoiceId }) => invoiceId === id);
      return `${billingReason} ${status} ${total.toFixed()} = ${own.map(({ amount }) => amount.toFixed()).join(' + ')}`;
    });
  });
}

const promisesKept = async () => expect(await askRows(world.database, new Date())).toEqual([]);

test('an upgrade now credits the unused old, charges the rest of the new, and is paid at once', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const [small, big] = [await world.plan([{ unitAmount: '31' }]), await world.plan([{ unitAmount: '62' }])];
  const id = await ada.subscribe(small);
  await ada.advance('2026-03-11T00:00:00.000Z');
  expect(await ada.command(id, 'change', becoming(toPlan(big)))).toMatchObject({ outcome: 'applied' });
  await ada.advance('2026-04-01T00:00:00.000Z');
  expect(await bills(id)).toEqual([
    'subscription_create paid 31 = 31',
    'subscription_update paid 21 = -21 + 42',
    'subscription_cycle paid 62 = 62',
  ]);
  expect((await subscriptionOf(world, id)).planId).toBe(big.planId);
  await promisesKept();
});

test('a downgrade waits for the end of the period, and is billed with what begins there', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const [small, big] = [await world.plan([{ unitAmount: '31' }]), await world.plan([{ unitAmount: '62' }])];
  const id = await ada.subscribe(big);
  await ada.advance('2026-03-11T00:00:00.000Z');
  await ada.command(id, 'change', becoming(toPlan(small), { effective: null }));
  expect(await subscriptionOf(world, id)).toMatchObject({ changeAt: new Date('2026-04-01T00:00:00.000Z') });
  await promisesKept();
  await ada.advance('2026-05-01T00:00:00.000Z');
  expect(await bills(id)).toEqual([
    'subscription_create paid 62 = 62',
    'subscription_cycle paid 31 = 31',
    'subscription_cycle paid 31 = 31',
  ]);
  const rows = await world.inTenant((tx) => scheduledChangesOf(tx, id));
  expect(rows.map(({ status }) => status)).toEqual(['applied']);
  await promisesKept();
});

test('seats for the next invoice wait as lines, which the renewal takes once', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const plan = await world.plan([{ unitAmount: '31', model: 'per_unit' }]);
  const id = await ada.subscribe(plan);
  await ada.advance('2026-03-11T00:00:00.000Z');
  await ada.command(id, 'change', becoming({ ...seats(plan, '3'), proration: 'next_invoice' }));
  await promisesKept();
  await ada.advance('2026-03-21T00:00:00.000Z');
  // What waits is given back a part of before anybody was billed for it.
  await ada.command(id, 'change', becoming({ ...seats(plan, '2'), proration: 'next_invoice' }));
  await promisesKept();
  await ada.advance('2026-04-01T00:00:00.000Z');
  expect(await bills(id)).toEqual([
    'subscription_create paid 31 = 31',
    'subscription_cycle paid 93 = 62 + -21 + 63 + -33 + 22',
  ]);
  await promisesKept();
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
  expect(await bills(id)).toEqual([
    'subscription_create paid 310 = 310',
    'subscription_update paid -189 = -210 + 21',
    'subscription_cycle paid 31 = 31',
  ]);
  await promisesKept();
});

test('what was not paid yet is taken off its open invoice and never becomes money', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const [small, big] = [await world.plan([{ unitAmount: '31' }]), await world.plan([{ unitAmount: '310' }])];
  const id = await ada.subscribe(big, { collection_method: 'send_invoice', net_days: 30 });
  await ada.advance('2026-03-11T00:00:00.000Z');
  await ada.command(id, 'change', becoming(toPlan(small, { proration: 'invoice_now' })));
  expect(await bills(id)).toEqual(['subscription_create open 310 = 310', 'subscription_update open 21 = 21']);
  const notes = await world.inTenant((tx) => findRows(tx, CreditNoteSchema, { customerId: ada.customerId }));
  expect(notes.map(({ amount, number }) => [number, amount.toFixed()])).toEqual([['CN-000001', '210']]);
  await promisesKept();
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
  await promisesKept();
  await ada.advance('2026-04-01T00:00:00.000Z');
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'active', pausedAt: null, changeAt: null });
  expect(await bills(id)).toEqual([
    'subscription_create paid 31 = 31',
    'subscription_update paid -20 = -21 + 1',
    'subscription_update paid 11 = 11',
    'subscription_cycle paid 32.1 = 31 + 1.1',
  ]);
  await promisesKept();
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
  expect(await bills(id)).toEqual(['subscription_update paid 10 = 10', 'subscription_cycle paid 21 = 21']);
  await promisesKept();
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
  expect(await bills(id)).toEqual([
    'subscription_create paid 31 = 31',
    'subscription_update paid 2.1 = 2.1',
    'subscription_update paid -2.1 = -2.1',
    'subscription_update paid 2.1 = 2.1',
    'subscription_cycle paid 34.1 = 31 + 3.1',
  ]);
  await promisesKept();
});

test('a start in the past is one invoice with a line per elapsed period', async () => {
  const ada = await underClock(world, '2026-03-11T00:00:00.000Z');
  const plan = await world.plan([{ unitAmount: '31' }]);
  const id = await ada.subscribe(plan, { start_at: '2026-01-01T00:00:00.000Z' });
  expect(await bills(id)).toEqual(['subscription_create paid 93 = 31 + 31 + 31']);
  await ada.advance('2026-04-01T00:00:00.000Z');
  expect(await bills(id)).toHaveLength(2);
  await promisesKept();
});

test('a fixed number of cycles ends by itself', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const id = await ada.subscribe(await world.plan([{ unitAmount: '31' }]), { cycles: 2 });
  await ada.advance('2026-06-01T00:00:00.000Z');
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'expired' });
  expect(await bills(id)).toHaveLength(2);
  await promisesKept();
});

test('a preview is what the command then does; a token is refused once the outcome is another', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const plan = await world.plan([{ unitAmount: '31', model: 'per_unit' }]);
  const id = await ada.subscribe(plan);
  await ada.advance('2026-03-11T00:00:00.000Z');
  const preview = async (quantity: string) => {
    const row: { id: string; kind: CommandKind; body: Record<string, unknown> } = {
      id: 'preview',
      kind: 'change',
      body: becoming(seats(plan, quantity)),
    };
    return world.inTenant(async (tx) => {
      const { command, datedTo } = readCommand(row, await pricesOf(tx, pricesIn(row).named));
      const tenant = await findTenant(tx, world.tenantId);
      return previewCommand(tx, tenant, id, { command, datedTo, own: [] }, new Date(ada.time.now));
    });
  };
  const [seen, other] = [await preview('3'), await preview('4')];
  expect(seen.decision.invoice?.lines.map(({ amount }) => amount.toFixed())).toEqual(['-21', '63']);
  expect(seen.class).toBe('upgrade');
  const execute = (quantity: string, preview_token: string) =>
    ada.command(id, 'change', becoming(seats(plan, quantity), { preview_token }));
  expect(await execute('3', other.token)).toMatchObject({
    outcome: 'refused',
    result: { code: 'preview_outdated' },
  });
  expect(await execute('3', seen.token)).toMatchObject({ outcome: 'applied' });
  expect(await execute('4', other.token)).toMatchObject({
    outcome: 'refused',
    result: { code: 'preview_outdated' },
  });
  expect((await bills(id)).at(-1)).toBe('subscription_update paid 42 = -21 + 63');
  await promisesKept();
});

test('a scheduled change is replaced by another one, or taken back', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const plan = await world.plan([{ unitAmount: '31', model: 'per_unit' }]);
  const id = await ada.subscribe(plan);
  const later = (quantity: string) => becoming(seats(plan, quantity), { effective: 'period_end' });
  await ada.command(id, 'change', later('2'));
  await ada.command(id, 'change', later('3'));
  const rows = () => world.inTenant((tx) => scheduledChangesOf(tx, id));
  expect((await rows()).map(({ status }) => status)).toEqual(['pending', 'replaced']);
  await ada.command(id, 'cancel_scheduled_change', { scheduled_change: (await rows())[0]?.id });
  expect((await rows()).map(({ status }) => status)).toEqual(['canceled', 'replaced']);
  expect(await subscriptionOf(world, id)).toMatchObject({ changeAt: null });
  await promisesKept();
});

test('a cancellation takes what waits, and with credit gives back what was paid ahead', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const plan = await world.plan([{ unitAmount: '31', model: 'per_unit' }]);
  const id = await ada.subscribe(plan);
  await ada.advance('2026-03-11T00:00:00.000Z');
  await ada.command(id, 'change', becoming({ ...seats(plan, '2'), proration: 'next_invoice' }));
  await ada.advance('2026-03-11T12:00:00.000Z');
  const end = { mode: 'now', at: null, reason: null, credit: 'prorate' };
  expect(await ada.command(id, 'cancel', end)).toMatchObject({ outcome: 'applied' });
  expect((await bills(id)).at(-1)).toBe('subscription_cancel paid -19 = -40 + -21 + 42');
  await promisesKept();
});
