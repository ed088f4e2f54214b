import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DEFAULT_DUNNING_POLICY } from '../../src/domain/dunning.ts';
import { PaymentMethodSchema } from '../../src/persistence/customers.ts';
import { markUncollectible, voidInvoice } from '../../src/persistence/invoice-writes.ts';
import { updateRows } from '../../src/persistence/rows.ts';
import { moneyOf } from '../support/money.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
let money: ReturnType<typeof moneyOf>;
beforeAll(async () => {
  world = await createWorld();
  money = moneyOf(world);
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(() => money.tenantSetting({ dunningPolicy: null }));
afterEach(() => money.audit());

const START = '2026-03-01T12:00:00Z';

/** A customer in New York whose subscriptions began, paid, on 1 March at noon UTC; from then on the card is `token`. */
async function subscribed(token: string, count = 1, currency: string[] = []) {
  const clock = await world.clock(START);
  const customer = await world.customer({ testClockId: clock, timeZone: 'America/New_York' });
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const plan = await world.plan([{ unitAmount: '20', currency: currency[index] ?? 'USD' }]);
    ids.push(await world.subscribe(customer, plan, { requestedAt: new Date(START) }));
  }
  await money.newMethod(customer, token);
  const [first = '', second = ''] = ids;
  return { clock, customer, first, second };
}

describe('one unpaid renewal', () => {
  // Nine o'clock in New York is 13:00 UTC in April. Renewals fall on local midnight, 04:00 UTC.
  test.each([
    [1, ['2026-04-02 13:00 #2 settled']],
    [2, ['2026-04-02 13:00 #2 declined', '2026-04-04 13:00 #2 settled']],
    [
      4,
      [
        '2026-04-02 13:00 #2 declined',
        '2026-04-04 13:00 #2 declined',
        '2026-04-06 13:00 #2 declined',
        '2026-04-08 13:00 #2 settled',
      ],
    ],
  ])('declined %i times, it is recovered at nine in the morning of its day', async (times, retries) => {
    const { clock, customer, first } = await subscribed(`tok_insufficient_funds_first_${times}`);
    await world.advance(clock, '2026-04-02T12:00:00Z');
    expect(await money.subscription(first)).toMatchObject({
      status: 'past_due',
      overdueCount: 1,
      pastDueSince: new Date('2026-04-01T04:00:00Z'),
    });

    await world.advance(clock, '2026-05-15T00:00:00Z');
    expect(await money.charges(customer)).toEqual([
      '2026-03-01 12:00 #1 settled',
      '2026-04-01 04:00 #2 declined',
      ...retries,
      '2026-05-01 04:00 #3 settled',
    ]);
    expect(await money.subscription(first)).toMatchObject({
      status: 'active',
      overdueCount: 0,
      pastDueSince: null,
    });
    expect((await money.events(first)).filter((type) => /past_due|recovered/.test(type))).toEqual([
      'subscription.past_due',
      'subscription.recovered',
    ]);
    const [, renewal] = await money.invoices(first);
    expect(renewal).toMatchObject({ status: 'paid', overdueSince: null });
    expect(await money.collection(renewal?.id ?? '')).toMatchObject({ outcome: 'paid', nextAttemptAt: null });
  });

  const everyRetry = [
    '2026-04-01 04:00',
    '2026-04-02 13:00',
    '2026-04-04 13:00',
    '2026-04-06 13:00',
    '2026-04-08 13:00',
  ];
  const declined = (invoice: number) => everyRetry.map((at) => `${at} #${invoice} declined`);

  test('never recovered, the subscription is canceled with the last retry and the invoice given up', async () => {
    const { clock, customer, first } = await subscribed('tok_insufficient_funds');
    await world.advance(clock, '2026-07-01T00:00:00Z');
    expect(await money.charges(customer)).toEqual(['2026-03-01 12:00 #1 settled', ...declined(2)]);
    expect(await money.subscription(first)).toMatchObject({
      status: 'canceled',
      endedAt: new Date('2026-04-08T13:00:00Z'),
      cancellationReason: 'payment failed',
      overdueCount: 0,
    });
    const invoices = await money.invoices(first);
    expect(invoices.map(({ status }) => status)).toEqual(['paid', 'uncollectible']);
    expect(await money.collection(invoices[1]?.id ?? '')).toMatchObject({ outcome: 'exhausted', attempt: 5 });
    expect(await money.events(invoices[1]?.id ?? '')).toEqual([
      'invoice.created',
      'invoice.finalized',
      ...Array<string>(5).fill('invoice.payment_failed'),
      'invoice.marked_uncollectible',
    ]);
  });

  test('a canceled subscription owes its arrears, and nobody charges them at the door', async () => {
    const clock = await world.clock(START);
    const customer = await world.customer({ testClockId: clock });
    const plan = await world.plan([{ unitAmount: '20' }, { unitAmount: '31', timing: 'in_arrears' }]);
    const id = await world.subscribe(customer, plan, { requestedAt: new Date(START) });
    await money.newMethod(customer, 'tok_insufficient_funds');
    await world.advance(clock, '2026-07-01T00:00:00Z');
    // 1 to 8 April are 8 of 30 days of 31.00 = 8.27.
    expect(
      (await money.invoices(id)).map(
        (invoice) => `${invoice.billingReason} ${invoice.total.toFixed(2)} ${invoice.status}`,
      ),
    ).toEqual([
      'subscription_create 20.00 paid',
      'subscription_cycle 51.00 uncollectible',
      'subscription_cancel 8.27 open',
    ]);
  });

  test('unpaid: the invoice stays open, renewals stay drafts, and all of it goes out when it is paid', async () => {
    await money.tenantSetting({
      dunningPolicy: { ...DEFAULT_DUNNING_POLICY, endAction: 'unpaid', invoice: 'leave_open' },
    });
    const { clock, customer, first } = await subscribed('tok_insufficient_funds');
    await world.advance(clock, '2026-06-10T12:00:00Z');
    expect(await money.subscription(first)).toMatchObject({
      status: 'unpaid',
      unpaidSince: new Date('2026-04-08T13:00:00Z'),
    });
    const waiting = await money.invoices(first);
    expect(waiting.map(({ status, number }) => [status, number !== null])).toEqual([
      ['paid', true],
      ['open', true],
      ['draft', false],
      ['draft', false],
    ]);

    await money.newMethod(customer, 'tok_succeeds');
    await world.advance(clock, '2026-06-11T12:00:00Z');
    expect(await money.charges(customer)).toEqual([
      '2026-03-01 12:00 #1 settled',
      ...declined(2),
      '2026-06-10 12:00 #2 settled',
      '2026-06-10 12:00 #3 settled',
      '2026-06-10 12:00 #4 settled',
    ]);
    expect(await money.subscription(first)).toMatchObject({ status: 'active', unpaidSince: null });
    expect((await money.invoices(first)).map(({ status }) => status)).toEqual([
      'paid',
      'paid',
      'paid',
      'paid',
    ]);
    expect((await money.events(first)).filter((type) => /unpaid|recovered/.test(type))).toEqual([
      'subscription.unpaid',
      'subscription.recovered',
    ]);
  });

  test('pause: what is left of the period comes off the invoice, the rest stays owed, and a resume goes on', async () => {
    await money.tenantSetting({
      dunningPolicy: { ...DEFAULT_DUNNING_POLICY, endAction: 'pause', invoice: 'leave_open' },
    });
    const { clock, customer, first } = await subscribed('tok_insufficient_funds');
    await world.advance(clock, '2026-06-10T12:00:00Z');
    expect(await money.charges(customer)).toEqual(['2026-03-01 12:00 #1 settled', ...declined(2)]);
    expect(await money.subscription(first)).toMatchObject({
      status: 'paused',
      pausedAt: new Date('2026-04-08T13:00:00Z'),
      overdueCount: 1,
      currentPeriodEnd: null,
    });
    expect((await money.events(first)).filter((type) => /past_due|paused/.test(type))).toEqual([
      'subscription.past_due',
      'subscription.paused',
    ]);
    // Of 30 days of 20.00 the first 7 were had: 20.00 - 15.33 = 4.67.
    const [, renewal, ...others] = await money.invoices(first);
    expect(renewal).toMatchObject({ status: 'open' });
    expect(renewal?.amountCredited.toFixed(2)).toBe('15.33');
    expect(others).toEqual([]);

    // Paying does not resume it: that is asked for, and bills up to the next boundary.
    await money.newMethod(customer, 'tok_succeeds');
    await world.advance(clock, '2026-06-11T12:00:00Z');
    expect(await money.subscription(first)).toMatchObject({ status: 'paused', overdueCount: 0 });
    const now = { effective: 'now', at: null, preview_token: null } as const;
    const asked = { requestedAt: new Date('2026-06-11T12:00:00Z') };
    expect(await world.command(first, 'resume', now, asked)).toMatchObject({ outcome: 'applied' });
    await world.advance(clock, '2026-07-02T00:00:00Z');
    expect((await money.charges(customer)).slice(-3)).toEqual([
      '2026-06-10 12:00 #2 settled',
      '2026-06-11 12:00 #3 settled',
      '2026-07-01 04:00 #4 settled',
    ]);
    expect(await money.subscription(first)).toMatchObject({ status: 'active' });
    // 11 to 30 June are 20 of 30 days.
    const totals = (await money.invoices(first)).map(({ total }) => total.toFixed(2));
    expect(totals).toEqual(['20.00', '20.00', '13.33', '20.00']);
  });

  test('pause: what ran in arrears is billed until then and left open', async () => {
    await money.tenantSetting({
      dunningPolicy: { ...DEFAULT_DUNNING_POLICY, endAction: 'pause', invoice: 'leave_open' },
    });
    const clock = await world.clock(START);
    const customer = await world.customer({ testClockId: clock });
    const plan = await world.plan([{ unitAmount: '20' }, { unitAmount: '31', timing: 'in_arrears' }]);
    const id = await world.subscribe(customer, plan, { requestedAt: new Date(START) });
    await money.newMethod(customer, 'tok_insufficient_funds');
    await world.advance(clock, '2026-07-01T00:00:00Z');
    // The day of the pause is not billed any more: 7 of 30 days of 31.00 = 7.23.
    expect(
      (await money.invoices(id)).map(
        (invoice) => `${invoice.billingReason} ${invoice.total.toFixed(2)} ${invoice.status}`,
      ),
    ).toEqual([
      'subscription_create 20.00 paid',
      'subscription_cycle 51.00 open',
      'subscription_update 7.23 open',
    ]);
    expect(await money.subscription(id)).toMatchObject({ status: 'paused' });
  });

  test('leave past due: renewals go on, each with a dunning of its own', async () => {
    await money.tenantSetting({
      dunningPolicy: {
        ...DEFAULT_DUNNING_POLICY,
        retryDays: [2],
        endAction: 'leave_past_due',
        invoice: 'leave_open',
      },
    });
    const { clock, customer, first } = await subscribed('tok_insufficient_funds');
    await world.advance(clock, '2026-05-20T00:00:00Z');
    expect(await money.charges(customer)).toEqual([
      '2026-03-01 12:00 #1 settled',
      '2026-04-01 04:00 #2 declined',
      '2026-04-03 13:00 #2 declined',
      '2026-05-01 04:00 #3 declined',
      '2026-05-03 13:00 #3 declined',
    ]);
    expect(await money.subscription(first)).toMatchObject({
      status: 'past_due',
      overdueCount: 2,
      pastDueSince: new Date('2026-04-01T04:00:00Z'),
    });

    // A new method takes both up again, the older one first.
    await money.newMethod(customer, 'tok_succeeds');
    await world.advance(clock, '2026-05-21T00:00:00Z');
    expect((await money.charges(customer)).slice(-2)).toEqual([
      '2026-05-20 00:00 #2 settled',
      '2026-05-20 00:00 #3 settled',
    ]);
    expect(await money.subscription(first)).toMatchObject({ status: 'active', overdueCount: 0 });
  });

  test('a renewal that the customer has to confirm is past due until that is done', async () => {
    const { clock, customer, first } = await subscribed('tok_requires_action');
    await world.advance(clock, '2026-04-10T00:00:00Z');
    expect(await money.subscription(first)).toMatchObject({
      status: 'past_due',
      pastDueSince: new Date('2026-04-01T04:00:00Z'),
    });
    await money.answerAction(customer, 'succeed');
    await world.advance(clock, '2026-04-12T00:00:00Z');
    expect(await money.charges(customer)).toEqual([
      '2026-03-01 12:00 #1 settled',
      '2026-04-01 04:00 #2 settled',
    ]);
    expect(await money.subscription(first)).toMatchObject({ status: 'active' });
  });

  test('refused by the customer, it goes into dunning from then on', async () => {
    const { clock, customer, first } = await subscribed('tok_requires_action');
    await world.advance(clock, '2026-04-03T00:00:00Z');
    await money.answerAction(customer, 'fail');
    await world.paymentMethod(customer, 'tok_succeeds');
    await world.advance(clock, '2026-04-06T00:00:00Z');
    // Asked after an hour, then once a day: 1 April 05:00, 2, 3 April 05:00. The first retry is the morning after.
    expect((await money.charges(customer)).slice(1)).toEqual([
      '2026-04-01 04:00 #2 declined',
      '2026-04-04 13:00 #2 settled',
    ]);
    expect(await money.subscription(first)).toMatchObject({ status: 'active', overdueCount: 0 });
  });

  test('what a person tries in between, with whatever card, uses up no retry and suppresses none', async () => {
    const { clock, customer, first } = await subscribed('tok_insufficient_funds_first_4');
    const stolen = await world.paymentMethod(await world.customer({}, null), 'tok_stolen');
    await world.inTenant((tx) =>
      updateRows(tx, PaymentMethodSchema, { id: stolen }, { customerId: customer, isDefault: false }),
    );
    await world.advance(clock, '2026-04-02T20:00:00Z');
    const [, renewal] = await money.invoices(first);
    const now = { requestedAt: new Date('2026-04-02T20:00:00Z') };
    for (const payment_method of [null, stolen]) {
      expect(await world.command(renewal?.id ?? '', 'pay', { payment_method }, now)).toMatchObject({
        outcome: 'refused',
      });
    }
    await world.advance(clock, '2026-04-20T00:00:00Z');
    expect((await money.charges(customer)).slice(1)).toEqual([
      '2026-04-01 04:00 #2 declined',
      '2026-04-02 13:00 #2 declined',
      '2026-04-02 20:00 #2 declined',
      '2026-04-02 20:00 #2 declined',
      '2026-04-04 13:00 #2 declined',
      '2026-04-06 13:00 #2 settled',
    ]);
    expect(await money.subscription(first)).toMatchObject({ status: 'active' });
  });

  test('the policy is the one of the first failure, though the tenant changes it meanwhile', async () => {
    const { clock, customer, first } = await subscribed('tok_insufficient_funds');
    await world.advance(clock, '2026-04-01T18:00:00Z');
    await money.tenantSetting({
      dunningPolicy: {
        ...DEFAULT_DUNNING_POLICY,
        retryDays: [30],
        endAction: 'unpaid',
        invoice: 'leave_open',
      },
    });
    await world.advance(clock, '2026-04-20T00:00:00Z');
    expect(await money.charges(customer)).toHaveLength(6);
    expect(await money.subscription(first)).toMatchObject({ status: 'canceled' });
  });
});

describe('hard declines', () => {
  test('one suppresses every charge of the customer in that currency, and the end comes all the same', async () => {
    const { clock, customer, first, second } = await subscribed('tok_stolen', 2);
    await world.advance(clock, '2026-07-01T00:00:00Z');
    expect(await money.charges(customer)).toEqual([
      '2026-03-01 12:00 #1 settled',
      '2026-03-01 12:00 #2 settled',
      '2026-04-01 04:00 #3 declined',
    ]);
    for (const id of [first, second]) {
      expect(await money.subscription(id)).toMatchObject({
        status: 'canceled',
        endedAt: new Date('2026-04-08T13:00:00Z'),
      });
    }
    const [exhausted] = (await money.invoices(first)).slice(-1);
    const [superseded] = (await money.invoices(second)).slice(-1);
    expect(await money.collection(exhausted?.id ?? '')).toMatchObject({ outcome: 'exhausted' });
    expect(await money.collection(superseded?.id ?? '')).toMatchObject({ outcome: 'superseded' });
    // What is not tried is no news a second time.
    expect(
      (await money.events(exhausted?.id ?? '')).filter((type) => type === 'invoice.payment_failed'),
    ).toHaveLength(1);
    expect(
      (await money.events(superseded?.id ?? '')).filter((type) => type === 'invoice.payment_failed'),
    ).toHaveLength(1);
  });

  test('another currency is another queue', async () => {
    const { clock, customer } = await subscribed('tok_stolen', 2, ['USD', 'EUR']);
    await world.advance(clock, '2026-04-05T00:00:00Z');
    expect((await money.charges(customer)).slice(-2)).toEqual([
      '2026-04-01 04:00 #3 declined',
      '2026-04-01 04:00 #4 declined',
    ]);
  });

  test('a new method ends the suppression and is charged at once, the oldest invoice first', async () => {
    const { clock, customer, first, second } = await subscribed('tok_stolen', 2);
    await world.advance(clock, '2026-04-03T10:00:00Z');
    await money.newMethod(customer, 'tok_succeeds');
    await world.advance(clock, '2026-04-04T00:00:00Z');
    expect((await money.charges(customer)).slice(3)).toEqual([
      '2026-04-03 10:00 #3 settled',
      '2026-04-03 10:00 #4 settled',
    ]);
    for (const id of [first, second])
      expect(await money.subscription(id)).toMatchObject({ status: 'active' });
  });

  test('no method at all is like a hard decline: nothing to charge, and the end comes', async () => {
    const clock = await world.clock(START);
    const customer = await world.customer({ testClockId: clock }, null);
    const plan = await world.plan([{ unitAmount: '20' }]);
    const id = await world.subscribe(customer, plan, {
      requestedAt: new Date(START),
      payment_behavior: 'default_active',
    });
    await world.advance(clock, '2026-04-20T00:00:00Z');
    expect(await money.charges(customer)).toEqual([]);
    expect(await money.subscription(id)).toMatchObject({
      status: 'canceled',
      endedAt: new Date('2026-03-08T09:00:00Z'),
    });
  });
});

describe('several unpaid invoices of one customer', () => {
  test('only the oldest is retried, and its success calls the next at once', async () => {
    const { clock, customer, first, second } = await subscribed('tok_insufficient_funds_first_3', 2);
    await world.advance(clock, '2026-04-20T00:00:00Z');
    expect((await money.charges(customer)).slice(2)).toEqual([
      '2026-04-01 04:00 #3 declined',
      '2026-04-01 04:00 #4 declined',
      '2026-04-02 13:00 #3 declined',
      '2026-04-04 13:00 #3 settled',
      '2026-04-04 13:00 #4 settled',
    ]);
    for (const id of [first, second])
      expect(await money.subscription(id)).toMatchObject({ status: 'active', overdueCount: 0 });
  });

  test('a new method that is declined too uses up no retry', async () => {
    const { clock, customer } = await subscribed('tok_insufficient_funds', 2);
    await world.advance(clock, '2026-04-03T10:00:00Z');
    await money.newMethod(customer, 'tok_insufficient_funds');
    await world.advance(clock, '2026-04-20T00:00:00Z');
    expect((await money.charges(customer)).slice(4)).toEqual(
      [
        '2026-04-02 13:00 #3 declined',
        '2026-04-03 10:00 #3 declined',
        '2026-04-04 13:00 #3 declined',
        '2026-04-06 13:00 #3 declined',
        '2026-04-08 13:00 #3 declined',
      ].slice(0),
    );
  });

  test.each([
    ['voided', voidInvoice, 'voided'],
    ['written off', markUncollectible, 'uncollectible'],
  ])('when the oldest is %s by a person, the next takes its own days', async (_word, take, outcome) => {
    const { clock, customer, first, second } = await subscribed('tok_insufficient_funds', 2);
    await world.advance(clock, '2026-04-01T15:00:00Z');
    const [, oldest] = await money.invoices(first);
    await money.change(customer, (write) => take(write, oldest?.id ?? ''));
    expect(await money.collection(oldest?.id ?? '')).toMatchObject({ outcome });
    expect(await money.subscription(first)).toMatchObject({ status: 'active' });

    await world.advance(clock, '2026-04-20T00:00:00Z');
    expect((await money.charges(customer)).slice(4)).toEqual([
      '2026-04-02 13:00 #4 declined',
      '2026-04-04 13:00 #4 declined',
      '2026-04-06 13:00 #4 declined',
      '2026-04-08 13:00 #4 declined',
    ]);
    expect(await money.subscription(second)).toMatchObject({ status: 'canceled' });
    expect(await money.subscription(first)).toMatchObject({ status: 'active' });
  });
});
