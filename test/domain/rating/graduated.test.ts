import { describe, expect, test } from '@jest/globals';
import { rate } from '../../../src/domain/rating/rate.ts';
import { tiers, used } from '../../support/rating.ts';

describe('a graduated price', () => {
  const terms = { model: 'graduated', tiers: tiers([10, '1', 5], [20, '0.5', 3], [null, '0.1', 2]) } as const;

  test.each([
    ["charges the first tier's flat amount for nothing", '0', '5'],
    ['prices the first tier alone up to its bound', '10', '15'],
    ['passes into the next tier with the least part of a unit', '10.5', '18.25'],
    ['counts a bound to the tier that it ends', '20', '23'],
    ['adds a flat amount for every tier that was reached', '21', '25.1'],
    ['goes on in the open tier for ever', '1000020', '100025'],
  ])('%s', (_, quantity, expected) => {
    expect(rate(terms, used(quantity)).exact.toFixed()).toBe(expected);
  });

  test('shows each tier that was reached, with its part and what that costs', () => {
    expect(rate(terms, used('12')).trace).toEqual({
      model: 'graduated',
      quantity: '12',
      tiers: [
        { from: '0', upTo: '10', quantity: '10', unitAmount: '1', flatAmount: '5', amount: '15' },
        { from: '10', upTo: '20', quantity: '2', unitAmount: '0.5', flatAmount: '3', amount: '4' },
      ],
    });
  });

  test('with a last tier that ends is a mistake of the program', () => {
    expect(() => rate({ model: 'graduated', tiers: tiers([10, 1]) }, used(11))).toThrow(RangeError);
  });
});
