import { describe, expect, test } from '@jest/globals';
import { totalOf } from '../../src/domain/build-invoice.ts';
import type { SubscriptionTerms } from '../../src/domain/decide-create.ts';
import { decideAbandon, decideCancel } from '../../src/domain/decide-end.ts';
import { Decimal } from '../../src/domain/money.ts';
import { after, aPrice, conceive, day, type Lived, live, utc } from '../support/lives.ts';

const one = new Decimal(1);
const advance = { key: 'fee', price: aPrice(), quantity: one };
const arrears = {
  key: 'used',
  price: aPrice({ key: 'used', timing: 'in_arrears', unitAmount: '62' }),
  quantity: one,
};
const yearly = {
  key: 'year',
  price: aPrice({ key: 'year', intervalUnit: 'year', unitAmount: '365' }),
  quantity: one,
};
const weekly = {
  key: 'week',
  price: aPrice({ key: 'week', intervalUnit: 'week', unitAmount: '7', timing: 'in_arrears' }),
  quantity: one,
};

/** What happened, one row per step: when, which, what was billed and for how much. */
const told = (lived: readonly Lived[]) =>
  lived.map(({ at, step, decision: { invoice } }) => [
    day(at),
    step,
    invoice ? totalOf(invoice).toFixed() : null,
    ...(invoice?.lines ?? []).map(({ period }) => `${day(period.start)}..${day(period.end)}`),
  ]);
const story = (terms: Partial<SubscriptionTerms>, from: string, to: string, pays = true) =>
  told(live(conceive(terms, from), to, pays).lived);

describe('a life', () => {
  test('in advance and in arrears close on one invoice', () => {
    expect(story({ items: [advance, arrears] }, '2026-01-10', '2026-03-10')).toEqual([
      ['2026-01-10', 'activate', '30', '2026-01-10..2026-02-10'],
      ['2026-02-10', 'close_period', '92', '2026-02-10..2026-03-10', '2026-01-10..2026-02-10'],
      ['2026-03-10', 'close_period', '92', '2026-03-10..2026-04-10', '2026-02-10..2026-03-10'],
    ]);
  });

  test('prices of different intervals meet on one invoice per instant', () => {
    // 29 January is the fourth week, 1 February the month.
    expect(story({ items: [advance, weekly, yearly] }, '2026-01-01', '2026-02-05')).toEqual([
      ['2026-01-01', 'activate', '395', '2026-01-01..2026-02-01', '2026-01-01..2027-01-01'],
      ['2026-01-08', 'close_period', '7', '2026-01-01..2026-01-08'],
      ['2026-01-15', 'close_period', '7', '2026-01-08..2026-01-15'],
      ['2026-01-22', 'close_period', '7', '2026-01-15..2026-01-22'],
      ['2026-01-29', 'close_period', '7', '2026-01-22..2026-01-29'],
      ['2026-02-01', 'close_period', '30', '2026-02-01..2026-03-01'],
      ['2026-02-05', 'close_period', '7', '2026-01-29..2026-02-05'],
    ]);
  });

  test('yearly from 29 February is on the 28th in common years and on the 29th again', () => {
    expect(story({ items: [yearly] }, '2028-02-29', '2033-01-01').map(([at]) => at)).toEqual([
      '2028-02-29',
      '2029-02-28',
      '2030-02-28',
      '2031-02-28',
      '2032-02-29',
    ]);
  });

  test('calendar billing begins with a stub', () => {
    // 12 of the 31 days from 20 January: 30 × 12/31 = 11.61.
    expect(story({ billingCycle: 'calendar' }, '2026-01-20T08:00:00Z', '2026-03-01')).toEqual([
      ['2026-01-20', 'activate', '11.61', '2026-01-20..2026-02-01'],
      ['2026-02-01', 'close_period', '30', '2026-02-01..2026-03-01'],
      ['2026-03-01', 'close_period', '30', '2026-03-01..2026-04-01'],
    ]);
  });

  test('nothing is billed before it begins', () => {
    expect(
      story({ startAt: utc('2026-02-01') }, '2026-01-01', '2026-02-10').map(([at, step]) => [at, step]),
    ).toEqual([['2026-02-01', 'activate']]);
  });
});

describe('a trial', () => {
  test('is free, and by anniversary billing starts at its end', () => {
    const { life, lived } = live(
      conceive({ trialDays: 14, items: [advance, arrears] }, '2026-01-10'),
      '2026-02-24',
    );
    expect(told(lived)).toEqual([
      ['2026-01-10', 'activate', null],
      ['2026-01-24', 'end_trial', '30', '2026-01-24..2026-02-24'],
      ['2026-02-24', 'close_period', '92', '2026-02-24..2026-03-24', '2026-01-24..2026-02-24'],
    ]);
    expect(life.subscription.anchorAt).toEqual(utc('2026-01-24'));
    const free = lived
      .flatMap(({ decision }) => decision.coverage)
      .filter(({ reason }) => reason === 'trial');
    expect(free.map(({ period }) => [day(period.start), day(period.end)])).toEqual([
      ['2026-01-10', '2026-01-24'],
      ['2026-01-10', '2026-01-24'],
    ]);
  });

  test('by calendar its end is followed by a stub', () => {
    // 8 of 31 days from 24 January: 7.74.
    expect(story({ trialDays: 14, billingCycle: 'calendar' }, '2026-01-10', '2026-02-01').slice(1)).toEqual([
      ['2026-01-24', 'end_trial', '7.74', '2026-01-24..2026-02-01'],
      ['2026-02-01', 'close_period', '30', '2026-02-01..2026-03-01'],
    ]);
  });

  test('does not move an explicit anchor', () => {
    expect(
      story({ trialDays: 14, billingAnchor: utc('2026-01-15') }, '2026-01-10', '2026-02-15').slice(1),
    ).toEqual([
      ['2026-01-24', 'end_trial', '21.29', '2026-01-24..2026-02-15'],
      ['2026-02-15', 'close_period', '30', '2026-02-15..2026-03-15'],
    ]);
  });

  test.each([
    ['cancel', 'canceled', null],
    ['pause', 'paused', null],
    ['activate', 'active', '30'],
  ] as const)(
    'that ends without a payment method does as it was told: %s',
    (trialEndBehavior, status, billed) => {
      const { life, lived } = live(
        conceive({ trialDays: 14, trialEndBehavior, paymentBehavior: 'allow_incomplete' }, '2026-01-10'),
        '2026-01-24',
        false,
      );
      expect(life.subscription.status).toBe(status);
      expect(lived.at(-1)?.decision).toMatchObject({ collect: false });
      expect(told(lived).at(-1)?.[2]).toBe(billed);
    },
  );

  test('of a customer who pays by bank transfer needs no payment method', () => {
    const { life } = live(
      conceive(
        { trialDays: 14, trialEndBehavior: 'cancel', collectionMethod: 'send_invoice', netDays: 30 },
        '2026-01-10',
      ),
      '2026-01-24',
      false,
    );
    expect(life.subscription.status).toBe('active');
  });

  test('owes its first payment when it ends, and expires without it', () => {
    const { life, lived } = live(
      conceive({ trialDays: 14, paymentBehavior: 'allow_incomplete' }, '2026-01-10'),
      '2026-01-25',
    );
    expect(lived.map(({ step, life: { subscription } }) => [step, subscription.status])).toEqual([
      ['activate', 'trialing'],
      ['end_trial', 'incomplete'],
      ['expire', 'expired'],
    ]);
    expect(lived.at(-1)?.decision.voidOpenInvoices).toBe(true);
    expect(life.subscription.endedAt).toEqual(utc('2026-01-24T23:00:00Z'));
  });

  test('is announced once', () => {
    const { lived } = live(conceive({ trialDays: 14, trialReminderDays: 3 }, '2026-01-10'), '2026-03-01');
    expect(
      lived
        .filter(({ step }) => step === 'remind_trial')
        .map(({ at, decision }) => [day(at), decision.events]),
    ).toEqual([['2026-01-21', ['subscription.trial_will_end']]]);
  });
});

describe('the first payment', () => {
  test.each<[string, Partial<SubscriptionTerms>, string, boolean]>([
    ['is waited for', { paymentBehavior: 'allow_incomplete' }, 'incomplete', true],
    ['is everything or nothing', { paymentBehavior: 'error_if_incomplete' }, 'incomplete', true],
    ['is left to the customer', { paymentBehavior: 'default_incomplete' }, 'incomplete', false],
    ['is not waited for', { paymentBehavior: 'default_active' }, 'active', true],
    [
      'is not charged when invoices are sent',
      { paymentBehavior: 'allow_incomplete', collectionMethod: 'send_invoice', netDays: 10 },
      'active',
      false,
    ],
    [
      'is waited for when it is sent and said to come first',
      { paymentBehavior: 'default_incomplete', collectionMethod: 'send_invoice', netDays: 10 },
      'incomplete',
      false,
    ],
    [
      'of nothing is no payment',
      { paymentBehavior: 'allow_incomplete', items: [{ ...advance, price: aPrice({ unitAmount: '0' }) }] },
      'active',
      true,
    ],
    ['in arrears comes later', { paymentBehavior: 'allow_incomplete', items: [arrears] }, 'active', true],
  ])('%s', (_sentence, terms, status, collect) => {
    const { life, lived } = live(conceive(terms, '2026-01-10'), '2026-01-10');
    expect([life.subscription.status, lived[0]?.decision.collect]).toEqual([status, collect]);
  });
});

describe('a cancellation', () => {
  const begun = live(
    conceive({ items: [advance, arrears, weekly] }, '2026-01-01'),
    '2026-01-10T00:00:00Z',
  ).life;
  const canceled = (at: string) => decideCancel(begun, utc(at));

  test('bills what ran in arrears up to and with its day, and nothing in advance', () => {
    // Month: 13 of 31 days of 62 = 26; week from the 8th: 6 of 7 days of 7 = 6.
    expect(
      canceled('2026-01-13T17:00:00Z').invoice?.lines.map(({ itemId, amount }) => [itemId, amount.toFixed()]),
    ).toEqual([
      ['si_2', '26'],
      ['si_3', '6'],
    ]);
  });

  test('at the end of a period bills it whole and closes nothing else', () => {
    const { lived } = live(
      after(begun, {
        ...canceled('2026-01-13'),
        subscription: { ...begun.subscription, cancelAt: utc('2026-01-15') },
        items: begun.priced.map(({ item }) => item),
      }),
      '2026-03-01',
    );
    expect(lived.map(({ step }) => step)).toEqual(['cancel']);
    // 14 of 31 days of 62 = 28, and the whole second week.
    expect(lived[0]?.decision.invoice?.lines.map(({ amount }) => amount.toFixed())).toEqual(['28', '7']);
  });

  test('of what was only paid in advance makes no invoice', () => {
    const { life } = live(conceive({}, '2026-01-01'), '2026-01-01');
    expect(decideCancel(life, utc('2026-01-13')).invoice).toBeNull();
  });

  test('at the instant of the beginning makes no invoice of nothing', () => {
    const { life } = live(conceive({ items: [arrears] }, '2026-01-01'), '2026-01-01');
    expect(decideCancel(life, utc('2026-01-01'))).toMatchObject({
      invoice: null,
      coverage: [],
    });
  });

  test.each<[string, Partial<SubscriptionTerms>, string[], boolean]>([
    ['before the start ends it without a trace', { startAt: utc('2026-02-01') }, [], false],
    ['in the trial accounts for the trial only', { trialDays: 30 }, ['trial'], false],
    ['while incomplete takes the invoice along', { paymentBehavior: 'allow_incomplete' }, [], true],
  ])('%s', (_sentence, terms, reasons, voids) => {
    const { life } = live(conceive({ items: [advance, arrears], ...terms }, '2026-01-01'), '2026-01-01');
    const decision = decideCancel(life, utc('2026-01-13'));
    expect([...new Set(decision.coverage.map(({ reason }) => reason))]).toEqual(reasons);
    expect(decision).toMatchObject({
      invoice: null,
      voidOpenInvoices: voids,
      subscription: { endReason: 'canceled', canceledAt: utc('2026-01-13') },
    });
  });

  test('keeps the instant at which it was asked for', () => {
    const { life } = live(conceive({ cancelAt: utc('2026-01-20') }, '2026-01-01'), '2026-02-01');
    expect(life.subscription).toMatchObject({
      status: 'canceled',
      endedAt: utc('2026-01-20'),
      cancelAt: null,
      cancelMode: null,
    });
  });
});

describe('abandoned with its test clock', () => {
  test('what ran in arrears is waived, nothing is billed, what is open is voided', () => {
    const { life } = live(conceive({ items: [advance, arrears] }, '2026-01-01'), '2026-01-01');
    const decision = decideAbandon(life, utc('2026-01-13'), 'test clock deleted');
    expect(decision).toMatchObject({
      invoice: null,
      voidOpenInvoices: true,
      coverage: [
        {
          itemId: 'si_2',
          reason: 'waived',
          line: null,
          period: { start: utc('2026-01-01'), end: utc('2026-01-13') },
        },
      ],
      subscription: { endReason: 'canceled', cancellationReason: 'test clock deleted' },
    });
  });

  test('in its trial the trial is accounted for', () => {
    const { life } = live(conceive({ trialDays: 30 }, '2026-01-01'), '2026-01-01');
    expect(decideAbandon(life, utc('2026-01-13'), 'x').coverage).toMatchObject([{ reason: 'trial' }]);
  });
});
