import { describe, expect, test } from '@jest/globals';
import { trueUp } from '../../../src/domain/rating/minimum-commitment.ts';
import { rate } from '../../../src/domain/rating/rate.ts';
import { d, used } from '../../support/rating.ts';

describe('a minimum commitment', () => {
  const terms = { model: 'minimum_commitment', unitAmount: d(100) } as const;

  test.each([
    ['is due whole where nothing else is billed', '0', '100'],
    ['is due as far as the other lines do not reach it', '60.01', '39.99'],
    ['asks nothing more where they just reach it', '100', '0'],
    ['gives nothing back where they come to more', '250', '0'],
  ])('%s', (_, billed, expected) => {
    expect(rate(terms, used(billed)).exact.toFixed()).toBe(expected);
  });

  test('is prorated and rounded before the rounded lines are taken off', () => {
    const part = { fraction: { numerator: 5, denominator: 7 }, currency: 'USD' };
    const { exact, trace } = trueUp(terms, d('7.14'), part);
    expect(exact.toFixed()).toBe('64.29');
    expect(trace).toEqual({
      model: 'minimum_commitment',
      unitAmount: '100',
      applied: '71.43',
      quantity: '7.14',
    });
  });
});
