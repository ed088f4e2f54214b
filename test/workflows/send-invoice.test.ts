import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { markUncollectible, payOutOfBand, voidInvoice } from '../../src/persistence/invoice-writes.ts';
import { moneyOf } from '../support/money.ts';
import { covered } from '../support/stories.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
let money: ReturnType<typeof moneyOf>;
beforeAll(async () => {
  world = await createWorld();
  money = moneyOf(world);
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(() => money.tenantSetting({ invoiceGraceHours: 0 }));
afterEach(() => money.audit());

const START = '2026-03-01T12:00:00Z';
const START_COMMAND = { requestedAt: new Date(START) };

/** Billed on 1 March, to be paid within 14 days: by 15 March, noon. The customer has a card that nobody may charge. */
async function sent() {
  const clock = await world.clock(START);
  const customer = await world.customer({ testClockId: clock });
  const plan = await world.plan([{ unitAmount: '20' }]);
  const id = await world.subscribe(customer, plan, {
    ...START_COMMAND,
    collection_method: 'send_invoice',
    net_days: 14,
  });
  const [invoice] = await money.invoices(id);
  return { clock, customer, id, invoiceId: invoice?.id ?? '' };
}

describe('an invoice that is sent', () => {
  test('is due after its net days, and its subscription is active meanwhile', async () => {
    const { clock, id } = await sent();
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
    await world.advance(clock, '2026-03-15T11:59:00Z');
    expect(await money.invoices(id)).toMatchObject([
      { status: 'open', dueAt: new Date('2026-03-15T12:00:00Z'), overdueSince: null },
    ]);
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
  });

  test('unpaid at its due date makes the subscription past due, and nothing is ever charged', async () => {
    const { clock, customer, id, invoiceId } = await sent();
    await world.advance(clock, '2026-04-10T00:00:00Z');
    expect(await money.subscription(id)).toMatchObject({
      status: 'past_due',
      overdueCount: 1,
      pastDueSince: new Date('2026-03-15T12:00:00Z'),
    });
    expect(await money.events(invoiceId)).toEqual([
      'invoice.created',
      'invoice.finalized',
      'invoice.overdue',
    ]);
    // Renewals go on: the one of 1 April is due on the 15th.
    expect(await money.invoices(id)).toMatchObject([
      { status: 'open' },
      { status: 'open', dueAt: new Date('2026-04-15T00:00:00Z') },
    ]);
    await money.newMethod(customer, 'tok_succeeds');
    await world.advance(clock, '2026-05-10T00:00:00Z');
    expect(await money.charges(customer)).toEqual([]);
    expect(await money.collection(invoiceId)).toBeNull();
    expect(await money.subscription(id)).toMatchObject({ status: 'past_due', overdueCount: 2 });
  });

  test('paid outside any gateway, the subscription is active again', async () => {
    const { clock, customer, id, invoiceId } = await sent();
    await world.advance(clock, '2026-03-20T00:00:00Z');
    const paid = await money.change(customer, (write) =>
      payOutOfBand(write, invoiceId, 'bank transfer 4711'),
    );
    expect(paid).toMatchObject({
      status: 'paid',
      paidOutOfBand: true,
      paidAt: new Date('2026-03-20T00:00:00Z'),
    });
    expect(await money.subscription(id)).toMatchObject({
      status: 'active',
      overdueCount: 0,
      pastDueSince: null,
    });
    await expect(
      money.change(customer, (write) => payOutOfBand(write, invoiceId, null)),
    ).rejects.toMatchObject({ code: 'invoice_not_open' });
    await world.advance(clock, '2026-03-25T00:00:00Z');
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
  });

  test('two overdue ones: only with the second payment it is active', async () => {
    const { clock, customer, id } = await sent();
    await world.advance(clock, '2026-04-20T00:00:00Z');
    for (const [index, status] of (['past_due', 'active'] as const).entries()) {
      const invoice = (await money.invoices(id))[index];
      await money.change(customer, (write) => payOutOfBand(write, invoice?.id ?? '', null));
      expect(await money.subscription(id)).toMatchObject({ status });
    }
  });

  test('paid by card because somebody says so; a decline changes nothing of its dates', async () => {
    const { clock, customer, id, invoiceId } = await sent();
    await world.paymentMethod(customer, 'tok_insufficient_funds_first_1');
    const declined = await world.command(invoiceId, 'pay', { payment_method: null }, START_COMMAND);
    expect(declined).toMatchObject({
      outcome: 'refused',
      result: { code: 'payment_declined', details: { decline_code: 'insufficient_funds' } },
    });
    expect(await money.collection(invoiceId)).toBeNull();
    expect(await money.subscription(id)).toMatchObject({ status: 'active', overdueCount: 0 });
    await world.advance(clock, '2026-03-16T00:00:00Z');
    expect(await money.subscription(id)).toMatchObject({ status: 'past_due' });
    const paid = await world.command(
      invoiceId,
      'pay',
      { payment_method: null },
      { requestedAt: new Date('2026-03-16T00:00:00Z') },
    );
    expect(paid).toMatchObject({ outcome: 'applied', result: { outcome: 'settled' } });
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
  });

  test('voided, it is owed no more, and the time that it billed is waived', async () => {
    const { clock, customer, id, invoiceId } = await sent();
    await world.advance(clock, '2026-03-20T00:00:00Z');
    await money.change(customer, (write) => voidInvoice(write, invoiceId));
    expect(await money.subscription(id)).toMatchObject({ status: 'active', overdueCount: 0 });
    expect(await covered(world, id)).toEqual(['waived 03-01 12:00 – 04-01 00:00']);
    await expect(money.change(customer, (write) => voidInvoice(write, invoiceId))).rejects.toMatchObject({
      code: 'invoice_not_open',
    });
    await expect(
      money.change(customer, (write) => payOutOfBand(write, invoiceId, null)),
    ).rejects.toMatchObject({ code: 'invoice_not_open' });
  });

  test('written off and paid after all: the loss is taken back', async () => {
    const { clock, customer, id, invoiceId } = await sent();
    await world.advance(clock, '2026-03-20T00:00:00Z');
    await money.change(customer, (write) => markUncollectible(write, invoiceId));
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
    expect(await money.ledger(invoiceId)).toEqual({
      receivable: '0.00',
      revenue: '-20.00',
      bad_debt: '20.00',
    });
    await money.change(customer, (write) => payOutOfBand(write, invoiceId, null));
    expect(await money.ledger(invoiceId)).toEqual({
      receivable: '0.00',
      revenue: '-20.00',
      bad_debt: '0.00',
      cash: '20.00',
    });
    expect(await money.invoices(id)).toMatchObject([{ status: 'paid', markedUncollectibleAt: null }]);
  });
});

describe('a grace period', () => {
  beforeEach(() => money.tenantSetting({ invoiceGraceHours: 24 }));

  test('keeps a renewal a draft until it is over; its net days count from then', async () => {
    const { clock, id } = await sent();
    await world.advance(clock, '2026-04-01T23:00:00Z');
    expect(await money.invoices(id)).toMatchObject([
      { status: 'open', billingReason: 'subscription_create' },
      { status: 'draft', number: null, finalizeAt: new Date('2026-04-02T00:00:00Z') },
    ]);
    await world.advance(clock, '2026-04-02T01:00:00Z');
    expect((await money.invoices(id))[1]).toMatchObject({
      status: 'open',
      number: expect.stringMatching(/^INV-/),
      finalizedAt: new Date('2026-04-02T00:00:00Z'),
      dueAt: new Date('2026-04-16T00:00:00Z'),
    });
  });

  test('delays the charge of a renewal, not that of a creation', async () => {
    const clock = await world.clock(START);
    const customer = await world.customer({ testClockId: clock });
    const id = await world.subscribe(customer, await world.plan([{ unitAmount: '20' }]), START_COMMAND);
    await world.advance(clock, '2026-05-03T00:00:00Z');
    expect(await money.charges(customer)).toEqual([
      '2026-03-01 12:00 #1 settled',
      '2026-04-02 00:00 #2 settled',
      '2026-05-02 00:00 #3 settled',
    ]);
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
  });

  test('a final invoice has it too, and is charged after the subscription has ended', async () => {
    const clock = await world.clock(START);
    const customer = await world.customer({ testClockId: clock });
    const plan = await world.plan([{ unitAmount: '30', timing: 'in_arrears' }]);
    const id = await world.subscribe(customer, plan, START_COMMAND);
    const at = new Date('2026-04-10T06:00:00Z');
    await world.advance(clock, at.toISOString());
    await world.command(id, 'cancel', { mode: 'now', at: null, reason: null }, { requestedAt: at });
    await world.advance(clock, '2026-04-15T00:00:00Z');
    // March whole, and 1 to 10 April: 10 of 30 days.
    expect(await money.charges(customer)).toEqual([
      '2026-04-02 00:00 #1 settled',
      '2026-04-11 06:00 #2 settled',
    ]);
    expect((await money.invoices(id)).map((invoice) => invoice.total.toFixed(2))).toEqual(['30.00', '10.00']);
  });

  test('a draft that cannot go out fails its clock by name, and goes out once the cause is mended', async () => {
    const { clock, id } = await sent();
    await world.advance(clock, '2026-04-01T12:00:00Z');
    const [, draft] = await money.invoices(id);
    await asOwner('revoke insert, update on counters from perennial_app');
    await expect(world.advance(clock, '2026-04-03T00:00:00Z')).rejects.toThrow(draft?.id);
    expect((await money.invoices(id))[1]).toMatchObject({ status: 'draft', number: null });
    await asOwner('grant insert, update on counters to perennial_app');
    await world.advance(clock, '2026-04-03T00:00:00Z');
    expect((await money.invoices(id))[1]).toMatchObject({
      status: 'open',
      finalizedAt: new Date('2026-04-02T00:00:00Z'),
    });
  });
});

async function asOwner(statement: string): Promise<void> {
  const owner = new Client({ connectionString: world.ownerUrl });
  await owner.connect();
  await owner.query(statement);
  await owner.end();
}
