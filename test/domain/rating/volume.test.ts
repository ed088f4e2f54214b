import { describe, expect, test } from '@jest/globals';
import { rate } from '../../../src/domain/rating/rate.ts';
import { tiers, used } from '../../support/rating.ts';

describe('a volume price', () => {
  const terms = { model: 'volume', tiers: tiers([100, '2', 10], [200, '1'], [null, '0.5', 50]) } as const;

  test.each([
    ["charges the first tier's flat amount for nothing", '0', '10'],
    ['prices all units by the tier of a bound that is just met', '100', '210'],
    ['prices all units by the next tier when a bound is passed by a part of a unit', '100.5', '100.5'],
    ["adds the reached tier's flat amount and no other", '300', '200'],
  ])('%s', (_, quantity, expected) => {
    expect(rate(terms, used(quantity)).exact.toFixed()).toBe(expected);
  });

  test('shows the tier that was reached', () => {
    expect(rate(terms, used('150')).trace).toEqual({
      model: 'volume',
      quantity: '150',
      tier: { from: '100', upTo: '200', quantity: '150', unitAmount: '1', flatAmount: '0', amount: '150' },
    });
  });

  test('with a last tier that ends is a mistake of the program', () => {
    expect(() => rate({ model: 'volume', tiers: tiers([10, 1]) }, used(11))).toThrow(RangeError);
  });
});
