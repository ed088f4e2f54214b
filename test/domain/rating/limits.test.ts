import { describe, expect, test } from '@jest/globals';
import { type Limits, limit } from '../../../src/domain/rating/limits.ts';
import { d } from '../../support/rating.ts';

const none: Limits = { minimum: null, maximum: null, fraction: null, alreadyBilled: null, currency: 'USD' };
const half = { numerator: 1, denominator: 2 };
const third = { numerator: 1, denominator: 3 };

describe('the limits of a price for a period', () => {
  test.each<[string, string, Partial<Limits>, string]>([
    ['change nothing where there are none', '12.345', {}, '12.345'],
    ['raise an amount to the minimum', '12.345', { minimum: d(20) }, '20'],
    ['leave an amount above the minimum as it is', '20.001', { minimum: d(20) }, '20.001'],
    ['cut an amount to the maximum', '12.345', { maximum: d(10) }, '10'],
    ['leave an amount below the maximum as it is', '9.999', { maximum: d(10) }, '9.999'],
    ['hold half the minimum for half a period', '3', { minimum: d(10), fraction: half }, '5'],
    ['hold half the maximum for half a period', '9', { maximum: d(10), fraction: half }, '5'],
    ['are rounded before they are compared', '3.333', { minimum: d(10), fraction: third }, '3.333'],
    [
      'are rounded half away from zero',
      '1',
      { minimum: d('0.01'), maximum: d('0.01'), fraction: half },
      '0.01',
    ],
    [
      'are rounded to the digits of the currency',
      '0',
      { minimum: d(10), fraction: third, currency: 'JPY' },
      '3',
    ],
    ['let the maximum win where they contradict each other', '0', { minimum: d(10), maximum: d(5) }, '5'],
    ['bill only what was not billed before', '45', { alreadyBilled: d(30) }, '15'],
    ['never give back what was billed before', '20', { alreadyBilled: d(30) }, '0'],
    ['bill what is missing to the minimum', '120', { minimum: d(1000), alreadyBilled: d(100) }, '900'],
    ['bill what is left below the maximum', '500', { maximum: d(170), alreadyBilled: d(160) }, '10'],
    ['bill nothing once the maximum was billed', '500', { maximum: d(170), alreadyBilled: d(170) }, '0'],
  ])('%s', (_, exact, limits, expected) => {
    expect(limit(d(exact), { ...none, ...limits }).exact.toFixed()).toBe(expected);
  });

  test('leave no trace where there are none', () => {
    expect(limit(d(1), none).trace).toBeNull();
  });

  test('show what was agreed, what it is for this part, which was reached and what was billed before', () => {
    const limits = { ...none, minimum: d(10), maximum: d(90), fraction: third, alreadyBilled: d(2) };
    expect(limit(d('1.5'), limits).trace).toEqual({
      rated: '1.5',
      minimum: { agreed: '10', applied: '3.33' },
      maximum: { agreed: '90', applied: '30' },
      reached: 'minimum',
      alreadyBilled: '2',
    });
  });
});
