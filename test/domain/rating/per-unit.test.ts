import { describe, expect, test } from '@jest/globals';
import { rate } from '../../../src/domain/rating/rate.ts';
import { d, used } from '../../support/rating.ts';

describe('a price per unit', () => {
  test.each([
    ['costs nothing for nothing', '9', '0', '0'],
    ['multiplies', '9', '10', '90'],
    ['prices a part of a unit by its part', '9', '0.5', '4.5'],
    ['keeps every decimal of a small price', '0.000000000001', '3', '0.000000000003'],
    ['keeps every digit of a large quantity', '0.000000001', '123456789012345', '123456.789012345'],
    ['may be free', '0', '1000', '0'],
  ])('%s', (_, unitAmount, quantity, expected) => {
    const { exact, trace } = rate({ model: 'per_unit', unitAmount: d(unitAmount) }, used(quantity));
    expect(exact.toFixed()).toBe(expected);
    expect(trace).toEqual({ model: 'per_unit', unitAmount, quantity });
  });
});
