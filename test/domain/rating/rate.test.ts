import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Decimal } from '../../../src/domain/money.ts';
import type { PriceTerms, Tier } from '../../../src/domain/price-terms.ts';
import { rate } from '../../../src/domain/rating/rate.ts';
import { type BucketsTrace, TRACE_ROWS_MAX } from '../../../src/domain/rating/trace.ts';
import { d, tiers, used, usedBuckets } from '../../support/rating.ts';

describe('a meter that is priced per hour or day', () => {
  const graduated: PriceTerms = { model: 'graduated', tiers: tiers([10, '1'], [null, '0.5']) };

  test.each([
    ['prices each bucket alone, then sums', graduated, usedBuckets(12, 12), '22'],
    [
      'begins a package in each bucket',
      { model: 'package', unitAmount: d(5), size: d(10) } as const,
      usedBuckets(1, 0, 1),
      '10',
    ],
    ['costs nothing without buckets', graduated, usedBuckets(), '0'],
  ])('%s', (_, terms, usage, expected) => {
    expect(rate(terms, usage).exact.toFixed()).toBe(expected);
  });

  test('shows every bucket with its own trace', () => {
    const { trace } = rate({ model: 'per_unit', unitAmount: d('0.1') }, usedBuckets(9, 10));
    expect(trace).toEqual({
      model: 'buckets',
      of: 'per_unit',
      quantity: '19',
      count: 2,
      buckets: [
        { quantity: '9', amount: '0.9', trace: { model: 'per_unit', unitAmount: '0.1', quantity: '9' } },
        { quantity: '10', amount: '1', trace: { model: 'per_unit', unitAmount: '0.1', quantity: '10' } },
      ],
    });
  });

  test('shows so many buckets and the others as one', () => {
    const hours = Array.from({ length: 744 }, () => 2);
    const { exact, trace } = rate({ model: 'per_unit', unitAmount: d(3) }, usedBuckets(...hours));
    expect(exact.toFixed()).toBe('4464');
    const { count, buckets, moreBuckets } = trace as BucketsTrace;
    expect([count, buckets.length]).toEqual([744, TRACE_ROWS_MAX]);
    expect(moreBuckets).toEqual({ count: 644, quantity: '1288', amount: '3864' });
  });
});

test.each([
  ['a quantity', used('-1')],
  ['a bucket', usedBuckets(1, '-1')],
])('%s below zero is a mistake of the program', (_, usage) => {
  expect(() => rate({ model: 'per_unit', unitAmount: d(1) }, usage)).toThrow(RangeError);
});

describe('whatever the numbers', () => {
  const price = fc.nat({ max: 10 ** 9 }).map((units) => new Decimal(units).div(10 ** 6));
  const quantity = fc.nat({ max: 10 ** 9 }).map((units) => new Decimal(units).div(1_000));
  const bounds = fc
    .uniqueArray(fc.integer({ min: 1, max: 10 ** 6 }), { maxLength: 6 })
    .map((list) => list.toSorted((a, b) => a - b));
  /** Tiers without flat amounts. */
  const steps: fc.Arbitrary<Tier[]> = fc
    .tuple(bounds, fc.array(price, { minLength: 7, maxLength: 7 }))
    .map(([list, prices]) =>
      [...list.map(d), null].map((upTo, index) => ({
        upTo,
        unitAmount: prices[index] ?? d(0),
        flatAmount: d(0),
      })),
    );
  const amountOf = (terms: PriceTerms, of: Decimal) =>
    rate(terms, { quantity: of, events: [], buckets: null }).exact;

  test('more of a graduated price never costs less', () => {
    fc.assert(
      fc.property(steps, quantity, quantity, (list, a, b) => {
        const terms: PriceTerms = { model: 'graduated', tiers: list };
        const [less, more] = [Decimal.min(a, b), Decimal.max(a, b)];
        return amountOf(terms, less).lte(amountOf(terms, more));
      }),
    );
  });

  test('a graduated price without flat amounts does not jump at its bounds', () => {
    const little = d('0.000000001');
    fc.assert(
      fc.property(steps, (list) => {
        const terms: PriceTerms = { model: 'graduated', tiers: list };
        for (const [index, { upTo }] of list.entries()) {
          if (upTo === null) continue;
          const jump = amountOf(terms, upTo.plus(little)).minus(amountOf(terms, upTo));
          expect(jump.toFixed()).toBe(little.times(list[index + 1]?.unitAmount ?? 0).toFixed());
        }
      }),
    );
  });

  test('the tiers of a graduated price hold the whole quantity and all of the amount', () => {
    fc.assert(
      fc.property(steps, quantity, (list, of) => {
        const { exact, trace } = rate({ model: 'graduated', tiers: list }, used(of.toFixed()));
        const rows = trace.model === 'graduated' ? trace.tiers : [];
        expect(Decimal.sum(0, ...rows.map((row) => row.quantity)).toFixed()).toBe(of.toFixed());
        expect(Decimal.sum(0, ...rows.map((row) => row.amount)).toFixed()).toBe(exact.toFixed());
      }),
    );
  });

  test('whole packages cost at least what their units would, and less than one package more', () => {
    fc.assert(
      fc.property(price, fc.integer({ min: 1, max: 10_000 }), quantity, (perUnit, size, of) => {
        const unitAmount = perUnit.times(size);
        const packages = amountOf({ model: 'package', unitAmount, size: d(size) }, of);
        const units = amountOf({ model: 'per_unit', unitAmount: perUnit }, of);
        return packages.gte(units) && packages.minus(units).lte(unitAmount);
      }),
    );
  });

  test('buckets cost what each costs alone', () => {
    fc.assert(
      fc.property(steps, fc.array(quantity, { maxLength: 20 }), (list, buckets) => {
        for (const model of ['graduated', 'volume'] as const) {
          const terms: PriceTerms = { model, tiers: list };
          const together = rate(terms, { quantity: Decimal.sum(0, ...buckets), events: [], buckets });
          const alone = Decimal.sum(0, ...buckets.map((of) => amountOf(terms, of)));
          expect(together.exact.toFixed()).toBe(alone.toFixed());
        }
      }),
    );
  });
});
