import { describe, expect, test } from '@jest/globals';
import { Decimal } from '../../src/domain/money.ts';
import { crossedThreshold } from '../../src/domain/threshold.ts';
import { aPrice, conceive, live, using, utc } from '../support/lives.ts';
import { amountsOf, billsOf, dateOf, lifeOf, metered, type PlanInput, plan } from '../support/simulations.ts';

/** Thresholds (billing rule 29c), told as lives: what is used at 1.00 a unit, by the day of January 2027. */

type Thresholds = NonNullable<PlanInput['usage_thresholds']>;

const use = (at: string, quantity: number, key = 'used') => ({ at, action: 'use', key, quantity });
const subscribe = { at: '2027-01-01', action: 'subscribe', plan: 'p' };

/** The days and amounts of the threshold invoices of a life, and of what closed its periods. */
function billed(
  thresholds: Thresholds,
  uses: [at: string, quantity: number][],
  price: PlanInput['prices'][number] = metered('1.00'),
  until = '2027-04-01',
) {
  const answer = lifeOf(
    [{ ...plan('p', price), usage_thresholds: thresholds }],
    [subscribe, ...uses.map(([at, quantity]) => use(at, quantity))],
    until,
  );
  expect(answer.refused).toEqual([]);
  return answer.invoices.map(({ at, billing_reason, total }) =>
    [dateOf(at), billing_reason === 'threshold' ? '!' : 'end', total.amount].join(' '),
  );
}

describe('a threshold', () => {
  test('is reached by its very amount, and not a cent before', () => {
    const uses: [string, number][] = [
      ['2027-01-05', 99],
      ['2027-01-06', 1],
    ];
    expect(billed([{ amount: '100.00' }], uses)).toEqual([
      '2027-01-06 ! 100.00',
      '2027-02-01 end 0.00',
      '2027-03-01 end 0.00',
      '2027-04-01 end 0.00',
    ]);
  });

  test('that was jumped over together with others is one invoice', () => {
    const thresholds = [{ amount: '10.00' }, { amount: '20.00' }, { amount: '30.00' }];
    expect(billed(thresholds, [['2027-01-05', 25]], metered('1.00'), '2027-02-01')).toEqual([
      '2027-01-05 ! 25.00',
      '2027-02-01 end 0.00',
    ]);
  });

  test('comes once in a life, the next one when its turn comes', () => {
    const thresholds = [{ amount: '10.00' }, { amount: '30.00' }];
    const uses: [string, number][] = [
      ['2027-01-05', 15],
      ['2027-02-05', 15],
      ['2027-03-05', 31],
    ];
    expect(billed(thresholds, uses)).toEqual([
      '2027-01-05 ! 15.00',
      '2027-02-01 end 0.00',
      '2027-03-01 end 15.00',
      '2027-03-05 ! 31.00',
      '2027-04-01 end 0.00',
    ]);
  });

  test('that recurs comes again beyond the last of the others, in every period anew', () => {
    const thresholds = [{ amount: '10.00' }, { amount: '20.00', recurring: true }];
    const uses: [string, number][] = [
      ['2027-01-05', 12],
      ['2027-01-06', 17],
      ['2027-01-07', 1],
      ['2027-01-08', 45],
      ['2027-02-05', 29],
      ['2027-02-06', 6],
    ];
    expect(billed(thresholds, uses, metered('1.00'), '2027-03-01')).toEqual([
      '2027-01-05 ! 12.00',
      '2027-01-07 ! 18.00',
      '2027-01-08 ! 45.00',
      '2027-02-01 end 0.00',
      '2027-02-06 ! 35.00',
      '2027-03-01 end 0.00',
    ]);
  });

  test('counts what a maximum leaves; a minimum is asked for at the end only', () => {
    const limited = { ...metered('1.00'), minimum: '50.00', maximum: '60.00' };
    const thresholds = [{ amount: '20.00', recurring: true }];
    const uses: [string, number][] = [
      ['2027-01-05', 21],
      ['2027-02-05', 45],
      ['2027-02-06', 40],
      ['2027-02-07', 40],
    ];
    expect(billed(thresholds, uses, limited, '2027-03-01')).toEqual([
      '2027-01-05 ! 21.00',
      '2027-02-01 end 29.00',
      '2027-02-05 ! 45.00',
      '2027-02-06 ! 15.00',
      '2027-03-01 end 0.00',
    ]);
  });

  test('never makes the end of a period negative: a whole that became cheaper leaves nothing', () => {
    const volume: PlanInput['prices'][number] = {
      key: 'used',
      model: 'volume',
      billing: 'usage',
      currency: 'USD',
      interval: { unit: 'month' },
      tiers: [
        { up_to: 100, unit_amount: '1' },
        { up_to: null, unit_amount: '0.1' },
      ],
    };
    const uses: [string, number][] = [
      ['2027-01-05', 100],
      ['2027-01-06', 1],
    ];
    expect(billed([{ amount: '50.00' }], uses, volume, '2027-02-01')).toEqual([
      '2027-01-05 ! 100.00',
      '2027-02-01 end 0.00',
    ]);
  });

  test('of one instant comes once; what crosses the next one then is billed right after it', () => {
    const thresholds = [{ amount: '10.00' }, { amount: '20.00' }];
    const uses: [string, number][] = [
      ['2027-01-05', 10],
      ['2027-01-05', 10],
    ];
    expect(billed(thresholds, uses, metered('1.00'), '2027-02-01')).toEqual([
      '2027-01-05 ! 10.00',
      '2027-01-05 ! 10.00',
      '2027-02-01 end 0.00',
    ]);
  });

  test('bills everything that is used, item by item, with what is billed of each before', () => {
    const answer = lifeOf(
      [
        {
          ...plan('p', metered('1.00', 'month', 'calls'), metered('2.00', 'month', 'disk')),
          usage_thresholds: [{ amount: '10.00' }, { amount: '20.00' }],
        },
      ],
      [
        subscribe,
        use('2027-01-05', 6, 'calls'),
        use('2027-01-06', 2, 'disk'),
        use('2027-01-07', 5, 'disk'),
        use('2027-01-20', 3, 'calls'),
      ],
      '2027-02-01',
    );
    expect(billsOf(answer)).toEqual([
      ['2027-01-06', '6.00', '4.00'],
      ['2027-01-07', '10.00'],
      ['2027-02-01', '3.00', '0.00'],
    ]);
    const [line] = answer.invoices[1]?.lines ?? [];
    expect(line).toMatchObject({ description: 'disk (so far)', quantity: '7', proration: false });
    expect(line?.explanation.at(-1)).toBe('Of this, 4.00 was billed before; what is left is on this line.');
  });

  test('takes along what waits for the next invoice', () => {
    const seats: PlanInput['prices'][number] = {
      key: 'seats',
      model: 'per_unit',
      currency: 'USD',
      unit_amount: '31.00',
      interval: { unit: 'month' },
    };
    const answer = lifeOf(
      [
        {
          ...plan('p', seats, metered('1.00')),
          usage_thresholds: [{ amount: '10.00' }],
        },
      ],
      [
        { ...subscribe, items: [{ key: 'seats', quantity: 1 }, { key: 'used' }] },
        { at: '2027-01-11', action: 'set_quantity', key: 'seats', quantity: 2, proration: 'next_invoice' },
        use('2027-01-12', 10),
      ],
      '2027-02-01',
    );
    expect(answer.refused).toEqual([]);
    expect(amountsOf(answer.invoices[1])).toEqual(['10.00', '-21.00', '42.00']);
    expect(answer.invoices.map(({ total }) => total.amount)).toEqual(['31.00', '31.00', '62.00']);
  });

  test('whose invoice is void is billed by the end of the period after all', () => {
    const answer = lifeOf(
      [{ ...plan('p', metered('1.00')), usage_thresholds: [{ amount: '10.00' }] }],
      [
        { ...subscribe, collection_method: 'send_invoice' },
        use('2027-01-05', 12),
        { at: '2027-01-06', action: 'void' },
        use('2027-01-07', 3),
      ],
      '2027-02-01',
    );
    expect(answer.refused).toEqual([]);
    expect(answer.invoices.map(({ status, total }) => [status, total.amount])).toEqual([
      ['void', '12.00'],
      ['open', '15.00'],
    ]);
  });

  test('is no concern while it rests, and its trial is free', () => {
    const answer = lifeOf(
      [{ ...plan('p', metered('1.00')), usage_thresholds: [{ amount: '10.00' }] }],
      [
        { ...subscribe, trial_days: 10 },
        use('2027-01-05', 500),
        use('2027-01-15', 9),
        { at: '2027-01-16', action: 'pause' },
        { at: '2027-01-20', action: 'resume' },
        use('2027-01-21', 9),
        use('2027-01-22', 1),
      ],
      '2027-02-11',
    );
    expect(billsOf(answer)).toEqual([
      ['2027-01-16', '9.00'],
      ['2027-01-22', '10.00'],
      ['2027-02-11', '0.00'],
    ]);
  });
});

test('what was not loaded is not taken for nothing', () => {
  const price = aPrice({
    key: 'used',
    model: 'per_unit',
    unitAmount: '1',
    billing: 'usage',
    timing: 'in_arrears',
  });
  const items = [{ key: 'used', price, quantity: new Decimal(1) }];
  const { life } = live(conceive({ items }, '2027-01-01'), '2027-01-01');
  expect(() => crossedThreshold(life, utc('2027-01-05'))).toThrow('thresholds of a subscription');
  const thresholds = [{ amount: new Decimal(5), currency: 'USD', recurring: false }];
  expect(() => crossedThreshold({ ...life, thresholds }, utc('2027-01-05'))).toThrow('usage of a price');
  const known = { ...using(life, { used: '7' }), thresholds };
  expect(crossedThreshold(known, utc('2027-01-05'))).toMatchObject({
    lines: [{ itemId: expect.any(String) }],
  });
  const billedBefore = { ...known.subscription, thresholdBilledAt: utc('2027-01-03') };
  expect(() => crossedThreshold({ ...known, subscription: billedBefore }, utc('2027-01-05'))).toThrow(
    'billed of a running period',
  );
});
