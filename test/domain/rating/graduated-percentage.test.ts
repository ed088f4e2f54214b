import { describe, expect, test } from '@jest/globals';
import { rate } from '../../../src/domain/rating/rate.ts';
import { rateTiers, used } from '../../support/rating.ts';

describe('a graduated price in percent', () => {
  const terms = {
    model: 'graduated_percentage',
    tiers: rateTiers([10, 1, 200], [20, 2, 300], [null, 3, 400]),
  } as const;

  test.each([
    ["charges the first tier's flat amount for nothing", '0', '200'],
    ['takes the first rate up to the bound', '10', '200.1'],
    ['adds the flat amount of the next tier when it is reached', '11', '500.12'],
    ['takes each rate of its own part only', '21', '900.33'],
  ])('%s', (_, quantity, expected) => {
    expect(rate(terms, used(quantity)).exact.toFixed()).toBe(expected);
  });

  test('shows each tier that was reached', () => {
    expect(rate(terms, used('12')).trace).toEqual({
      model: 'graduated_percentage',
      quantity: '12',
      tiers: [
        { from: '0', upTo: '10', quantity: '10', rate: '1', flatAmount: '200', amount: '200.1' },
        { from: '10', upTo: '20', quantity: '2', rate: '2', flatAmount: '300', amount: '300.04' },
      ],
    });
  });
});
