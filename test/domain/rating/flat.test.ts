import { describe, expect, test } from '@jest/globals';
import { rateFlat } from '../../../src/domain/rating/flat.ts';
import { rate } from '../../../src/domain/rating/rate.ts';
import { d, used } from '../../support/rating.ts';

describe('a flat price', () => {
  test.each([
    ['is due when nothing was used', '0'],
    ['is due once for one', '1'],
    ['is the same for many', '1000000'],
  ])('%s', (_, quantity) => {
    const { exact } = rate({ model: 'flat', unitAmount: d('49.90') }, used(quantity));
    expect(exact.toFixed()).toBe('49.9');
  });

  test('shows the quantity one, whatever was used', () => {
    expect(rateFlat({ model: 'flat', unitAmount: d('49.90') }).trace).toEqual({
      model: 'flat',
      unitAmount: '49.9',
      quantity: '1',
    });
  });
});
