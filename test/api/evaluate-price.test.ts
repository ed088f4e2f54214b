import { describe, expect, test } from '@jest/globals';
import type { z } from 'zod';
import { evaluate } from '../../api/evaluate-price.ts';
import { validate } from '../../api/validate.ts';
import { evaluationOut, priceEvaluate } from '../../src/contract/evaluations.ts';

/** What the route does with a price that is written out, from the body to the answer. */
function evaluated(body: Record<string, unknown>): z.input<typeof evaluationOut> {
  const checked = validate(priceEvaluate, body) as z.output<typeof priceEvaluate>;
  if (typeof checked.price === 'string') throw new Error('write the price out');
  return evaluationOut.parse(evaluate(null, checked.price, checked));
}

const usd = (price: Record<string, unknown>) => ({ currency: 'USD', ...price });
const tiers = [
  { up_to: 100, unit_amount: '2', flat_amount: '10' },
  { up_to: '200', unit_amount: '1' },
  { up_to: null, unit_amount: '0.5', flat_amount: '50' },
];

describe('a price comes to', () => {
  const cases: [string, Record<string, unknown>, string, string][] = [
    [
      'the same whatever the quantity when it is flat',
      { price: usd({ model: 'flat', unit_amount: '29.00' }) },
      '29.00',
      '29',
    ],
    [
      'a part of a flat fee for a part of a period',
      {
        price: usd({ model: 'flat', unit_amount: '31.00' }),
        fraction: { numerator: 17, denominator: 31 },
      },
      '17.00',
      '17',
    ],
    [
      'seats for the days that are left of the month',
      {
        price: usd({ model: 'per_unit', unit_amount: '9.00', name: 'Seats' }),
        quantity: 10,
        period: {
          start: '2027-03-15T04:00:00Z',
          end: '2027-04-01T04:00:00Z',
          whole: { start: '2027-03-01T05:00:00Z', end: '2027-04-01T04:00:00Z' },
          time_zone: 'America/New_York',
        },
      },
      '49.35',
      '49.35483870967741935483870967741935483871',
    ],
    [
      'begun packages, less what was billed before (A16)',
      {
        price: usd({ model: 'package', unit_amount: '15', package_size: '10' }),
        quantity: '22',
        already_billed_quantity: '17',
      },
      '15.00',
      '15',
    ],
    [
      'the tier that is reached',
      { price: usd({ model: 'volume', tiers }), quantity: '100.5' },
      '100.50',
      '100.5',
    ],
    [
      'a part of each amount, within bounds, plus a fixed fee, after free amount (A10)',
      {
        price: usd({
          model: 'percentage',
          rate: '2.99',
          event_minimum: '1.75',
          event_maximum: '12',
          free_amount: '30',
        }),
        events: [{ amount: '10' }, { amount: '80' }, { amount: '10000' }],
      },
      '13.79',
      '13.794',
    ],
    [
      'a multiple of the amounts, rounded once (A20)',
      { price: usd({ model: 'dynamic', multiplier: '1.33333' }), quantity: '10' },
      '13.33',
      '13.3333',
    ],
    [
      'what two properties of each event say',
      {
        price: usd({
          model: 'matrix',
          dimensions: ['region', 'size'],
          cells: [{ values: ['eu', 'l'], unit_amount: '3' }],
          default_unit_amount: '1',
        }),
        events: [
          { quantity: '2', properties: { region: 'eu', size: 'l' } },
          { quantity: '5', properties: { region: 'us', size: 'l' } },
        ],
      },
      '11.00',
      '11',
    ],
    [
      'every bucket for itself, then the sum (A29)',
      {
        price: usd({ model: 'per_unit', unit_amount: '0.10', billing: 'usage' }),
        buckets: ['9', '10'],
      },
      '1.90',
      '1.9',
    ],
    [
      'not less than the minimum of the part of the period',
      {
        price: usd({ model: 'per_unit', unit_amount: '1', billing: 'usage', minimum: '100.00' }),
        quantity: '3',
        fraction: { numerator: 10, denominator: 31 },
      },
      '32.26',
      '32.26',
    ],
    [
      'what is missing to a commitment',
      { price: usd({ model: 'minimum_commitment', unit_amount: '500.00' }), quantity: '320.5' },
      '179.50',
      '179.5',
    ],
    [
      'whole yen',
      { price: { currency: 'JPY', model: 'per_unit', unit_amount: '0.5' }, quantity: '3' },
      '2',
      '1.5',
    ],
  ];
  test.each(cases)('%s', (_name, body, amount, exact) => {
    const answer = evaluated(body);
    expect([answer.amount.amount, answer.exact]).toEqual([amount, exact]);
    expect(answer.trace).toMatchObject({ exact, rounded: expect.any(String) });
    expect(answer.explanation.length).toBeGreaterThan(0);
  });

  test('several results at once', () => {
    const { results } = evaluated({
      price: usd({ model: 'graduated', tiers }),
      quantities: ['0', 100, '300'],
    });
    expect(results?.map(({ amount }) => amount.amount)).toEqual(['10.00', '210.00', '410.00']);
  });

  test('a period without a civil day has no parts in days', () => {
    const hours = { start: '2027-03-15T10:00:00Z', end: '2027-03-15T12:00:00Z' };
    const price = usd({ model: 'flat', unit_amount: '1.00' });
    expect(() => evaluated({ price, period: hours })).toThrow('period: Not one civil day');
    const dear = usd({ model: 'per_unit', unit_amount: '10' });
    const many = '999999999999999';
    expect(() => evaluated({ price: dear, quantity: many })).toThrow('quantity: This comes to more than');
    expect(() => evaluated({ price: dear, quantities: ['1', many] })).toThrow('quantities[1]: This comes to');
    expect(evaluated({ price, period: { ...hours, proration_basis: 'second' } }).exact).toBe('1');
  });

  test('the days it is for are named in the explanation', () => {
    const [, seats] = cases.map(([, body]) => body).filter((body) => 'period' in body || 'fraction' in body);
    expect(evaluated(seats ?? {}).explanation).toContain(
      '10 seats × 9.00 for 17 of 31 days (15 Mar – 31 Mar): 49.35',
    );
  });
});
