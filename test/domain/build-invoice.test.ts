import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { feeLine, totalOf } from '../../src/domain/build-invoice.ts';
import type { SubscriptionTerms } from '../../src/domain/decide-create.ts';
import { Decimal, sum } from '../../src/domain/money.ts';
import { aPrice, conceive, live, utc } from '../support/lives.ts';

type Priced = Parameters<typeof aPrice>[0];

/** The line of one fee for a stretch of time, on a subscription that began on 1 January 2026. */
function line(
  price: Priced,
  from: string,
  to: string,
  terms: Partial<SubscriptionTerms> = {},
  throughDayOf?: string,
) {
  const item = { key: 'fee', price: aPrice(price), quantity: new Decimal('3') };
  const { subscription, priced } = live(
    conceive({ items: [item], ...terms }, '2026-01-01'),
    '2026-01-01',
  ).life;
  const [first] = priced;
  if (!first) throw new Error('no item');
  return feeLine(
    subscription,
    first,
    { start: utc(from), end: utc(to) },
    throughDayOf ? { throughDayOf: utc(throughDayOf) } : {},
  );
}

describe('a fee', () => {
  test('of a whole period is the price', () => {
    expect(line({}, '2026-01-01', '2026-02-01')).toMatchObject({
      amount: new Decimal(30),
      quantity: new Decimal(1),
      proration: false,
      description: 'Fee',
    });
  });

  test('per unit is price × quantity, rounded once', () => {
    const { amount, trace, description } = line(
      { model: 'per_unit', unitAmount: '0.335' },
      '2026-01-01',
      '2026-02-01',
    );
    // 3 × 0.335 = 1.005, half away from zero; rounding each unit would give 1.02.
    expect(amount.toFixed()).toBe('1.01');
    expect(trace).toEqual({
      model: 'per_unit',
      unitAmount: '0.335',
      quantity: '3',
      exact: '1.005',
      rounded: '1.01',
    });
    expect(description).toBe('Fee × 3');
  });

  test('of a stub counts days of the whole period that ends with it', () => {
    // Calendar billing from 1 January; 10 days of the 31 of January.
    const stub = line({}, '2026-01-22', '2026-02-01', { billingCycle: 'calendar' });
    expect(stub.amount.toFixed()).toBe('9.68');
    expect(stub.trace.fraction).toEqual({ numerator: 10, denominator: 31, unit: 'day' });
    expect(stub.description).toBe('Fee (10 of 31 days)');
    expect(stub.proration).toBe(true);
  });

  test('in seconds counts them, and says so', () => {
    const stub = line({}, '2026-01-31T12:00:00.500Z', '2026-02-01', {
      billingCycle: 'calendar',
      prorationBasis: 'second',
    });
    expect(stub.trace.fraction).toEqual({ numerator: 43_199.5, denominator: 31 * 86_400, unit: 'second' });
    expect(stub.amount.toFixed()).toBe('0.48');
    expect(stub.description).toBe('Fee (1.61 % of the period)');
  });

  test('of a year that has a 29 February counts 366 days', () => {
    expect(line({ intervalUnit: 'year' }, '2028-12-31', '2029-01-01').trace.fraction).toMatchObject({
      denominator: 366,
    });
  });

  test.each([
    ['bills the day of a cancellation', '2026-01-10T09:00:00Z', 10],
    ['bills no day that has just begun', '2026-01-10T00:00:00Z', 9],
    ['bills one day when it ends on its first', '2026-01-01T00:00:01Z', 1],
    ['bills all days on the last', '2026-01-31T23:59:59Z', 31],
  ])('%s', (_sentence, end, days) => {
    const { amount, period } = line({ timing: 'in_arrears' }, '2026-01-01', end, {}, end);
    expect(amount.toFixed()).toBe(new Decimal(30).times(days).div(31).toDecimalPlaces(2).toFixed());
    expect(period.end).toEqual(utc(end));
  });

  test('knows the minor unit of its currency', () => {
    const { amount } = line({ unitAmount: '1000' }, '2026-01-22', '2026-02-01', {
      currency: 'JPY',
      billingCycle: 'calendar',
    });
    expect(amount.toFixed()).toBe('323');
  });

  test('of more than its period is refused', () => {
    expect(() => line({}, '2026-01-01', '2026-02-02')).toThrow('more than the period until 2026-02-01');
    expect(() => line({}, '2026-01-20', '2026-02-02', {}, '2026-02-02')).toThrow(RangeError);
    expect(() => line({}, '2026-01-05', '2026-01-04')).toThrow(RangeError);
  });
});

describe('a total', () => {
  const price: fc.Arbitrary<Priced> = fc.record({
    unitAmount: fc.integer({ min: 0, max: 10 ** 9 }).map((n) => new Decimal(n).div(10 ** 6).toFixed()),
    model: fc.constantFrom('flat' as const, 'per_unit' as const),
    timing: fc.constantFrom('in_advance' as const, 'in_arrears' as const),
  });

  test('is the sum of its rounded lines, whatever the prices and the days', () => {
    fc.assert(
      fc.property(
        fc.array(price, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 364 }),
        fc.constantFrom('USD', 'JPY', 'KWD'),
        (prices, days, currency) => {
          const items = prices.map((one, index) => ({
            key: `k${index}`,
            price: aPrice({ ...one, key: `k${index}` }),
            quantity: new Decimal('1.75'),
          }));
          const start = new Date(utc('2026-01-01').getTime() + days * 86_400_000 + 3_600_000);
          const { lived } = live(
            conceive({ items, currency, billingCycle: 'calendar' }, start.toISOString()),
            '2027-06-01',
          );
          for (const { decision } of lived) {
            if (!decision.invoice) continue;
            expect(totalOf(decision.invoice).toFixed()).toBe(
              sum(decision.invoice.lines.map(({ amount }) => amount)).toFixed(),
            );
            for (const { amount, trace } of decision.invoice.lines)
              expect(trace.rounded).toBe(amount.toFixed());
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
