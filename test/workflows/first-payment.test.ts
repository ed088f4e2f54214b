import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { CreateCommand } from '../../src/contract/commands.ts';
import { EventSchema } from '../../src/persistence/events.ts';
import { payOutOfBand } from '../../src/persistence/invoice-writes.ts';
import { findRows } from '../../src/persistence/rows.ts';
import { moneyOf } from '../support/money.ts';
import { covered as coveredOf } from '../support/stories.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
let money: ReturnType<typeof moneyOf>;
beforeAll(async () => {
  world = await createWorld();
  money = moneyOf(world);
});
afterAll(() => world[Symbol.asyncDispose]());
afterEach(() => money.audit());

const START = '2026-03-01T12:00:00Z';
const EXPIRY = new Date('2026-03-02T11:00:00Z');

async function subscribe(token: string | null, terms: Partial<CreateCommand> = {}) {
  const clock = await world.clock(START);
  const customer = await world.customer({ testClockId: clock }, token);
  const plan = await world.plan([{ unitAmount: '20' }]);
  const id = await world.subscribe(customer, plan, { requestedAt: new Date(START), ...terms });
  return { clock, customer, id };
}

const covered = (subscriptionId: string) => coveredOf(world, subscriptionId);

describe('the first payment is declined', () => {
  test('allow_incomplete: the subscription waits, and a new method within 23 hours makes it active', async () => {
    const { clock, customer, id } = await subscribe('tok_insufficient_funds');
    expect(await money.subscription(id)).toMatchObject({
      status: 'incomplete',
      expiresAt: EXPIRY,
      nextStep: 'expire',
    });
    await world.advance(clock, '2026-03-02T10:00:00Z');
    await money.newMethod(customer, 'tok_succeeds');
    await world.advance(clock, '2026-04-02T00:00:00Z');
    expect(await money.charges(customer)).toEqual([
      '2026-03-01 12:00 #1 declined',
      '2026-03-02 10:00 #1 settled',
      '2026-04-01 00:00 #2 settled',
    ]);
    expect(await money.subscription(id)).toMatchObject({
      status: 'active',
      incompleteSince: null,
      expiresAt: null,
    });
    expect(await covered(id)).toEqual([
      'billed 03-01 12:00 – 04-01 00:00',
      'billed 04-01 00:00 – 05-01 00:00',
    ]);
  });

  test('allow_incomplete: after 23 hours it expires, its invoice is void and its period free', async () => {
    const { clock, customer, id } = await subscribe('tok_insufficient_funds');
    expect(await covered(id)).toHaveLength(1);
    await world.advance(clock, '2026-06-01T00:00:00Z');
    expect(await money.subscription(id)).toMatchObject({
      status: 'expired',
      endedAt: EXPIRY,
      endReason: 'expired',
    });
    expect(await money.charges(customer)).toEqual(['2026-03-01 12:00 #1 declined']);
    const [invoice] = await money.invoices(id);
    expect(invoice).toMatchObject({ status: 'void', voidedAt: EXPIRY });
    expect(await covered(id)).toEqual([]);
    expect(await money.events(invoice?.id ?? '')).toEqual([
      'invoice.created',
      'invoice.finalized',
      'invoice.payment_failed',
      'invoice.voided',
    ]);
  });

  test('a new method that is declined as well leaves it incomplete', async () => {
    const { clock, customer, id } = await subscribe('tok_insufficient_funds');
    await money.newMethod(customer, 'tok_stolen');
    await world.advance(clock, '2026-03-01T18:00:00Z');
    expect(await money.charges(customer)).toEqual([
      '2026-03-01 12:00 #1 declined',
      '2026-03-01 12:00 #1 declined',
    ]);
    expect(await money.subscription(id)).toMatchObject({ status: 'incomplete' });
  });

  test('default_active: it stays active while dunning tries again, and a retry that settles is the end of it', async () => {
    const { clock, customer, id } = await subscribe('tok_insufficient_funds_first_1', {
      payment_behavior: 'default_active',
    });
    expect(await money.subscription(id)).toMatchObject({
      status: 'active',
      incompleteSince: null,
      overdueCount: 0,
    });
    expect(await money.invoices(id)).toMatchObject([{ status: 'open', overdueSince: null }]);
    await world.advance(clock, '2026-03-03T00:00:00Z');
    expect(await money.charges(customer)).toEqual([
      '2026-03-01 12:00 #1 declined',
      '2026-03-02 09:00 #1 settled',
    ]);
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
  });

  test('default_active: a retry that fails as well makes it past due, and the policy ends it', async () => {
    const { clock, id } = await subscribe('tok_insufficient_funds', { payment_behavior: 'default_active' });
    await world.advance(clock, '2026-03-02T12:00:00Z');
    expect(await money.subscription(id)).toMatchObject({
      status: 'past_due',
      overdueCount: 1,
      pastDueSince: new Date('2026-03-02T09:00:00Z'),
    });
    await world.advance(clock, '2026-03-20T00:00:00Z');
    expect(await money.subscription(id)).toMatchObject({ status: 'canceled' });
    expect(await money.invoices(id)).toMatchObject([{ status: 'uncollectible' }]);
  });

  test('default_active with a policy without retries: there is nothing to wait for, so it is past due at once', async () => {
    const dunningPolicy = {
      retryDays: [],
      localHour: 9,
      endAction: 'unpaid',
      invoice: 'leave_open',
    } as const;
    await money.tenantSetting({ dunningPolicy });
    const { id } = await subscribe('tok_insufficient_funds', { payment_behavior: 'default_active' });
    expect(await money.subscription(id)).toMatchObject({ status: 'unpaid', overdueCount: 1 });
    await money.tenantSetting({ dunningPolicy: null });
  });

  test('default_active: when the dunning of an older invoice ends, the first one is overdue as well', async () => {
    const dunningPolicy = {
      retryDays: [1],
      localHour: 9,
      endAction: 'unpaid',
      invoice: 'leave_open',
    } as const;
    await money.tenantSetting({ dunningPolicy });
    const { clock, customer, id } = await subscribe('tok_insufficient_funds', {
      payment_behavior: 'default_active',
    });
    await world.advance(clock, '2026-03-01T18:00:00Z');
    const second = await world.subscribe(customer, await world.plan([{ unitAmount: '5' }]), {
      requestedAt: new Date('2026-03-01T18:00:00Z'),
      payment_behavior: 'default_active',
    });
    expect(await money.subscription(second)).toMatchObject({ status: 'active', overdueCount: 0 });
    await world.advance(clock, '2026-03-02T12:00:00Z');
    for (const one of [id, second])
      expect(await money.subscription(one)).toMatchObject({ status: 'unpaid', overdueCount: 1 });
    await money.tenantSetting({ dunningPolicy: null });
  });

  test('default_active: a customer who has to confirm the first payment leaves it active', async () => {
    const { clock, customer, id } = await subscribe('tok_requires_action', {
      payment_behavior: 'default_active',
    });
    expect(await money.subscription(id)).toMatchObject({ status: 'active', overdueCount: 0 });
    await money.answerAction(customer, 'succeed');
    await world.advance(clock, '2026-03-02T00:00:00Z');
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
    expect(await money.invoices(id)).toMatchObject([{ status: 'paid' }]);
  });

  test('error_if_incomplete: it ends with the creation, and nothing is owed', async () => {
    const { customer, id } = await subscribe('tok_insufficient_funds', {
      payment_behavior: 'error_if_incomplete',
    });
    expect(await money.subscription(id)).toMatchObject({ status: 'expired' });
    expect((await money.invoices(id)).map(({ status }) => status)).toEqual(['void']);
    expect(await covered(id)).toEqual([]);
    await money.newMethod(customer, 'tok_succeeds');
    expect(await money.charges(customer)).toHaveLength(1);
  });
});

test('error_if_incomplete: a declined charge at the beginning of a trial ends it with the creation, too', async () => {
  const clock = await world.clock(START);
  const customer = await world.customer({ testClockId: clock }, 'tok_insufficient_funds');
  const plan = await world.plan([{ unitAmount: '20' }]);
  const [setup] = (
    await world.plan([{ key: 'setup', unitAmount: '99', intervalUnit: null, intervalCount: null }])
  ).prices;
  const id = await world.subscribe(customer, plan, {
    requestedAt: new Date(START),
    payment_behavior: 'error_if_incomplete',
    trial_days: 14,
    once: [{ key: 'setup', price: setup?.id ?? '', quantity: '1' }],
  });
  expect(await money.subscription(id)).toMatchObject({ status: 'expired', endedAt: new Date(START) });
  expect((await money.invoices(id)).map(({ status }) => status)).toEqual(['void']);
  await world.advance(clock, '2026-04-01T00:00:00Z');
  expect(await money.charges(customer)).toEqual(['2026-03-01 12:00 #1 declined']);
  expect(await covered(id)).toEqual([]);
});

test('a start that lies ahead and is declined says that it is incomplete', async () => {
  const { clock, id } = await subscribe('tok_insufficient_funds', { start_at: '2026-03-03T00:00:00.000Z' });
  await world.advance(clock, '2026-03-03T12:00:00Z');
  expect(await money.subscription(id)).toMatchObject({ status: 'incomplete' });
  expect(await statusTold(id)).toBe('incomplete');
});

/** The status of the subscription by the last event about it. */
async function statusTold(id: string): Promise<unknown> {
  const events = await world.inTenant((tx) =>
    findRows(tx, EventSchema, { objectId: id }, { orderBy: { sequence: 'asc' } }),
  );
  return events.at(-1)?.data.object['status'];
}

describe('the first invoice is sent', () => {
  const sent = {
    collection_method: 'send_invoice',
    net_days: 5,
    payment_behavior: 'default_incomplete',
  } as const;

  test.each([
    ['at once', {}, '2026-03-01T12:00:00Z'],
    ['at the end of a trial', { trial_days: 3 }, '2026-03-04T13:00:00Z'],
  ])(
    'default_incomplete: %s it waits for the payment, and is active with it',
    async (_when, terms, paidAt) => {
      const { clock, customer, id } = await subscribe(null, { ...sent, ...terms });
      await world.advance(clock, paidAt);
      expect(await money.subscription(id)).toMatchObject({ status: 'incomplete', overdueCount: 0 });
      expect(await statusTold(id)).toBe('incomplete');
      const [invoice] = await money.invoices(id);
      await money.change(customer, (write) => payOutOfBand(write, invoice?.id ?? '', 'bank transfer'));
      expect(await money.subscription(id)).toMatchObject({
        status: 'active',
        incompleteSince: null,
        expiresAt: null,
      });
    },
  );

  test('default_incomplete: unpaid 23 hours after it was due the subscription expires, and its invoice is void', async () => {
    const { clock, id } = await subscribe(null, sent);
    await world.advance(clock, '2026-03-06T18:00:00Z');
    expect(await money.subscription(id)).toMatchObject({
      status: 'incomplete',
      overdueCount: 1,
      expiresAt: new Date('2026-03-07T11:00:00Z'),
    });
    await world.advance(clock, '2026-03-10T00:00:00Z');
    expect(await money.subscription(id)).toMatchObject({
      status: 'expired',
      endedAt: new Date('2026-03-07T11:00:00Z'),
    });
    expect(await money.invoices(id)).toMatchObject([{ status: 'void' }]);
    expect(await covered(id)).toEqual([]);
  });
});

describe('nobody was charged', () => {
  test('default_incomplete: it waits for "pay now"; even a new method is left alone', async () => {
    const { clock, customer, id } = await subscribe('tok_succeeds', {
      payment_behavior: 'default_incomplete',
    });
    expect(await money.subscription(id)).toMatchObject({ status: 'incomplete' });
    await money.newMethod(customer, 'tok_succeeds');
    await world.advance(clock, '2026-03-01T20:00:00Z');
    expect(await money.charges(customer)).toEqual([]);

    const [invoice] = await money.invoices(id);
    const paid = await world.command(
      invoice?.id ?? '',
      'pay',
      { payment_method: null },
      { requestedAt: new Date('2026-03-01T20:00:00Z') },
    );
    expect(paid).toEqual({ outcome: 'applied', result: { outcome: 'settled' } });
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
    expect(await money.charges(customer)).toEqual(['2026-03-01 20:00 #1 settled']);
  });

  test('without a payment method it is incomplete without a try, and expires', async () => {
    const { clock, customer, id } = await subscribe(null);
    expect(await money.subscription(id)).toMatchObject({ status: 'incomplete' });
    await world.advance(clock, '2026-03-05T00:00:00Z');
    expect(await money.charges(customer)).toEqual([]);
    expect(await money.subscription(id)).toMatchObject({ status: 'expired', endedAt: EXPIRY });
  });

  test('a free first period needs no payment', async () => {
    const clock = await world.clock(START);
    const customer = await world.customer({ testClockId: clock }, null);
    const id = await world.subscribe(customer, await world.plan([{ unitAmount: '0' }]), {
      requestedAt: new Date(START),
    });
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
    expect(await money.invoices(id)).toMatchObject([{ status: 'paid' }]);
  });
});

describe('the first payment falls on the end of a trial', () => {
  // Three days: 4 March, 12:00 UTC.
  test.each(['allow_incomplete', 'error_if_incomplete', 'default_incomplete'] as const)(
    'declined, with %s it is incomplete for 23 hours',
    async (payment_behavior) => {
      const { clock, customer, id } = await subscribe('tok_insufficient_funds', {
        payment_behavior,
        trial_days: 3,
      });
      await world.advance(clock, '2026-03-04T18:00:00Z');
      expect(await money.subscription(id)).toMatchObject({
        status: 'incomplete',
        expiresAt: new Date('2026-03-05T11:00:00Z'),
      });
      await world.advance(clock, '2026-03-10T00:00:00Z');
      expect(await money.charges(customer)).toEqual(['2026-03-04 12:00 #1 declined']);
      expect(await money.subscription(id)).toMatchObject({ status: 'expired' });
      expect(await covered(id)).toEqual(['trial 03-01 12:00 – 03-04 12:00']);
    },
  );

  test('without a method and told to activate, it is active and its invoice waits for one', async () => {
    const { clock, customer, id } = await subscribe(null, { trial_days: 3 });
    await world.advance(clock, '2026-03-10T00:00:00Z');
    expect(await money.subscription(id)).toMatchObject({ status: 'active', overdueCount: 0 });
    expect(await money.invoices(id)).toMatchObject([{ status: 'open', collectAt: null }]);
    await money.newMethod(customer, 'tok_succeeds');
    await world.advance(clock, '2026-03-11T00:00:00Z');
    expect(await money.charges(customer)).toEqual(['2026-03-10 00:00 #1 settled']);
  });
});

describe('the first payment has no outcome yet', () => {
  test('the subscription does not expire while it is not known what became of the charge', async () => {
    // Asked again after 5 s, 35 s, 5½ min, 1 h and then a day: the sixth answer, 25 hours later, settles.
    const { clock, customer, id } = await subscribe('tok_server_error_first_5');
    expect(await money.subscription(id)).toMatchObject({ status: 'incomplete' });
    await world.advance(clock, '2026-03-02T12:30:00Z');
    expect(await money.subscription(id)).toMatchObject({
      status: 'incomplete',
      expiresAt: new Date('2026-03-02T13:00:00Z'),
    });
    await world.advance(clock, '2026-03-03T00:00:00Z');
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
    expect(await money.charges(customer)).toEqual(['2026-03-01 12:00 #1 settled']);
  });

  // The answer is waited for in real time: six seconds each.
  test.each(['tok_times_out_after_charging', 'tok_prepare_answer_lost'])(
    '%s: nothing is heard, then the gateway is asked, and there is one charge',
    async (token) => {
      const { clock, customer, id } = await subscribe(token);
      expect(await money.charges(customer)).toEqual(['2026-03-01 12:00 #1 unknown']);
      await world.advance(clock, '2026-03-01T12:01:00Z');
      expect(await money.charges(customer)).toEqual(['2026-03-01 12:00 #1 settled']);
      expect(await money.subscription(id)).toMatchObject({ status: 'active' });
    },
  );

  test('pending counts as received: active at once, and paid a day later', async () => {
    const { clock, customer, id } = await subscribe('tok_pending_succeeds');
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
    expect(await money.invoices(id)).toMatchObject([{ status: 'open' }]);
    await world.advance(clock, '2026-03-03T00:00:00Z');
    expect(await money.charges(customer)).toEqual(['2026-03-01 12:00 #1 settled']);
    expect(await money.invoices(id)).toMatchObject([
      { status: 'paid', paidAt: new Date('2026-03-02T12:00:00Z') },
    ]);
  });

  test('pending and then returned by the bank: past due, with dunning from the day of the return', async () => {
    const { clock, customer, id } = await subscribe('tok_pending_fails');
    await world.advance(clock, '2026-03-02T18:00:00Z');
    expect(await money.subscription(id)).toMatchObject({
      status: 'past_due',
      pastDueSince: new Date('2026-03-02T12:00:00Z'),
    });
    await world.advance(clock, '2026-03-03T12:00:00Z');
    expect(await money.charges(customer)).toEqual([
      '2026-03-01 12:00 #1 declined',
      '2026-03-03 09:00 #1 pending',
    ]);
  });

  test('a customer who has to confirm it and does so makes it active', async () => {
    const { clock, customer, id } = await subscribe('tok_requires_action');
    expect(await money.subscription(id)).toMatchObject({ status: 'incomplete' });
    const [invoice] = await money.invoices(id);
    expect(await money.events(invoice?.id ?? '')).toContain('invoice.payment_action_required');
    await money.answerAction(customer, 'succeed');
    await world.advance(clock, '2026-03-02T00:00:00Z');
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
    expect(await money.charges(customer)).toEqual(['2026-03-01 12:00 #1 settled']);
  });

  test('a customer who never confirms it has 23 hours', async () => {
    const { clock, id } = await subscribe('tok_requires_action');
    await world.advance(clock, '2026-03-04T00:00:00Z');
    expect(await money.subscription(id)).toMatchObject({ status: 'expired', endedAt: EXPIRY });
  });

  // What was to be confirmed may still be: the invoice waits for the answer and says truly what became of the money.
  test.each([
    ['settles after all: the money is shown where it went', 'succeed', 'paid', 1],
    ['is declined: the invoice is void and its period free', 'fail', 'void', 0],
  ] as const)(
    'canceled while its payment is under way, which then %s',
    async (_sentence, answer, status, stretches) => {
      const { clock, customer, id } = await subscribe('tok_requires_action');
      const now = { requestedAt: new Date(START) };
      await world.command(id, 'cancel', { mode: 'now', at: null, reason: null }, now);
      expect(await money.invoices(id)).toMatchObject([{ status: 'open' }]);
      await money.answerAction(customer, answer);
      await world.advance(clock, '2026-03-02T00:00:00Z');
      expect(await money.subscription(id)).toMatchObject({ status: 'canceled' });
      expect(await money.invoices(id)).toMatchObject([{ status }]);
      expect(await covered(id)).toHaveLength(stretches);
    },
  );
});
