import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { presenters } from '../../src/contract/presenters.ts';
import { pricesIn, readCommand } from '../../src/contract/read-command.ts';
import type { CommandKind } from '../../src/domain/command.ts';
import { balancesOf } from '../../src/persistence/balances.ts';
import { findTenant } from '../../src/persistence/find.ts';
import { voidInvoice } from '../../src/persistence/invoice-writes.ts';
import { InvoiceSchema } from '../../src/persistence/invoices.ts';
import { waitingRows } from '../../src/persistence/pending-items.ts';
import { previewCommand } from '../../src/persistence/preview-command.ts';
import { pricesOf } from '../../src/persistence/prices.ts';
import { findRows } from '../../src/persistence/rows.ts';
import { scheduledChangesOf } from '../../src/persistence/scheduled-changes.ts';
import { becoming, bills, promisesKept, seats } from '../support/change-commands.ts';
import { subscriptionOf, underClock } from '../support/stories.ts';
import { createWorld, type World } from '../support/world.ts';

/** Changes that were looked at before, wait for their instant, or meet a charge or an end. Test clocks, in UTC. */
let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

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
  expect((await bills(world, id)).at(-1)).toBe('subscription_update paid 42 = -21 + 63');
  await promisesKept(world);
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
  await promisesKept(world);
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
  expect((await bills(world, id)).at(-1)).toBe('subscription_cancel paid -19 = -40 + -21 + 42');
  await promisesKept(world);
});

test('a cancellation for an instant gives back what is unused then, unless it is taken back', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const monthly = await world.plan([{ unitAmount: '31' }]);
  const [kept, ended] = [await ada.subscribe(monthly), await ada.subscribe(monthly)];
  await ada.advance('2026-03-05T00:00:00.000Z');
  const end = { mode: 'at', at: '2026-03-11T12:00:00.000Z', reason: null, credit: 'prorate' };
  for (const id of [kept, ended]) {
    expect(await ada.command(id, 'cancel', end)).toMatchObject({ outcome: 'applied' });
    expect(await subscriptionOf(world, id)).toMatchObject({ status: 'active', cancelCredit: 'prorate' });
  }
  await ada.command(kept, 'uncancel');
  expect(await subscriptionOf(world, kept)).toMatchObject({ cancelAt: null, cancelCredit: 'none' });
  await ada.advance('2026-03-12T00:00:00.000Z');
  // The day of the end is billed, 20 of 31 days are not.
  expect(await bills(world, ended)).toEqual([
    'subscription_create paid 31 = 31',
    'subscription_cancel paid -20 = -20',
  ]);
  expect(await subscriptionOf(world, ended)).toMatchObject({ status: 'canceled', cancelCredit: 'none' });
  expect(await bills(world, kept)).toHaveLength(1);
  await promisesKept(world);
});

test('while a charge is under way nothing of its invoice is given back: a command is refused, a step leaves it for later', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const plan = await world.plan([{ unitAmount: '31', model: 'per_unit' }]);
  const id = await ada.subscribe(plan, {
    items: plan.prices.map((price) => ({ key: price.key, price: price.id, quantity: '2' })),
  });
  const half = seats(plan, '1');
  await ada.command(id, 'change', becoming(half, { effective: 'at', at: '2026-04-01T06:00:00.000Z' }));
  await world.paymentMethod(ada.customerId, 'tok_requires_action');
  await ada.advance('2026-04-01T05:00:00.000Z');
  expect((await bills(world, id)).at(-1)).toBe('subscription_cycle open 62 = 62');
  expect(await ada.command(id, 'change', becoming(half))).toMatchObject({
    outcome: 'refused',
    result: { code: 'payment_in_flight' },
  });
  await ada.advance('2026-04-01T07:00:00.000Z');
  expect((await bills(world, id)).at(-1)).toBe('subscription_update open 31 = 31');
  const waiting = await world.inTenant((tx) => waitingRows(tx, id));
  expect(waiting.map(({ amount }) => amount.toFixed())).toEqual(['-62']);
  await promisesKept(world);
});

test('several changes of one instant take place one after the other', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const plan = await world.plan([{ unitAmount: '31', model: 'per_unit' }]);
  const id = await ada.subscribe(plan);
  const at = { effective: 'at', at: '2026-03-11T00:00:00.000Z' } as const;
  await ada.command(id, 'change', becoming(seats(plan, '2'), at));
  await ada.command(id, 'pause', { ...at, preview_token: null, credit: true, resume_at: null });
  await ada.advance('2026-03-12T00:00:00.000Z');
  const rows = await world.inTenant((tx) => scheduledChangesOf(tx, id));
  expect(rows.map(({ kind, status }) => `${kind} ${status}`)).toEqual(['pause applied', 'change applied']);
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'paused', changeAt: null });
  await promisesKept(world);
});

test('a canceled subscription drops what lies after, and its scheduled end what comes too late', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const plan = await world.plan([{ unitAmount: '31', model: 'per_unit' }]);
  const id = await ada.subscribe(plan);
  await ada.command(
    id,
    'change',
    becoming(seats(plan, '2'), { effective: 'at', at: '2026-06-11T00:00:00.000Z' }),
  );
  await ada.command(id, 'cancel', { mode: 'period_end', at: null, reason: null });
  await ada.advance('2026-04-02T00:00:00.000Z');
  const rows = await world.inTenant((tx) => scheduledChangesOf(tx, id));
  expect(rows.map(({ status }) => status)).toEqual(['canceled']);
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'canceled', changeAt: null });
  await promisesKept(world);
});

test('a voided invoice gives back what it took from the balance', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const [small, big] = [await world.plan([{ unitAmount: '31' }]), await world.plan([{ unitAmount: '310' }])];
  const id = await ada.subscribe(small);
  const other = await ada.subscribe(big, { collection_method: 'send_invoice', net_days: 30 });
  await ada.advance('2026-03-11T00:00:00.000Z');
  await ada.command(id, 'cancel', { mode: 'now', at: null, reason: null, credit: 'prorate' });
  await ada.advance('2026-04-01T00:00:00.000Z');
  const balance = async () =>
    (await world.inTenant((tx) => balancesOf(tx, ada.customerId)))[0]?.balance.toFixed();
  expect(await balance()).toBe('0');
  const write = writeAt(ada.time.now);
  await world.inTenant(async (tx) => {
    const [, renewal] = await findRows(
      tx,
      InvoiceSchema,
      { subscriptionId: other },
      { orderBy: { id: 'asc' } },
    );
    expect(renewal?.balanceApplied.toFixed()).toBe('20');
    await voidInvoice({ ...write, tx }, renewal?.id ?? '');
  });
  expect(await balance()).toBe('20');
  await promisesKept(world);
});

const writeAt = (now: string) => ({
  tenantId: world.tenantId,
  at: new Date(now),
  wallNow: new Date(),
  cause: { correlationId: null, causationId: null },
  present: presenters,
});

test('what is charged once waits for a start that lies ahead, and in a trial it does not wait', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const plan = await world.plan([{ unitAmount: '31' }]);
  const setup = await world.plan([
    { unitAmount: '7', key: 'setup', intervalUnit: null, intervalCount: null },
  ]);
  const once = setup.prices.map((price) => ({ key: price.key, price: price.id, quantity: '1' }));
  const ahead = await ada.subscribe(plan, { once, start_at: '2026-03-05T00:00:00.000Z' });
  const trial = await ada.subscribe(plan, { once, trial_days: 10 });
  expect(
    (await world.inTenant((tx) => waitingRows(tx, ahead))).map(({ amount }) => amount.toFixed()),
  ).toEqual(['7']);
  expect(await bills(world, trial)).toEqual(['subscription_create paid 7 = 7']);
  await promisesKept(world);
  await ada.advance('2026-03-12T00:00:00.000Z');
  expect(await bills(world, ahead)).toEqual(['subscription_create paid 38 = 31 + 7']);
  expect(await bills(world, trial)).toEqual(['subscription_create paid 7 = 7', 'trial_end paid 31 = 31']);
  await promisesKept(world);
});
