import { describe, expect, test } from '@jest/globals';
import { rate } from '../../../src/domain/rating/rate.ts';
import { d, used } from '../../support/rating.ts';

describe('a price per package', () => {
  test.each([
    ['has no package for no unit', 10, '0', '0', '0'],
    ['pays a whole package for its first unit', 10, '1', '1', '15'],
    ['pays a whole package for the least part of a unit', 10, '0.000000001', '1', '15'],
    ['pays one package when it is full', 10, '10', '1', '15'],
    ['begins the next one with whatever is more', 10, '10.01', '2', '30'],
    ['counts packages of a part of a unit exactly', '0.1', '0.3', '3', '45'],
    ['counts packages of a third of nothing round exactly', '0.7', '2.1', '3', '45'],
  ])('%s', (_, size, quantity, packages, expected) => {
    const { exact, trace } = rate({ model: 'package', unitAmount: d(15), size: d(size) }, used(quantity));
    expect(exact.toFixed()).toBe(expected);
    expect(trace).toEqual({ model: 'package', unitAmount: '15', size: String(size), quantity, packages });
  });
});
