import { describe, expect, test } from '@jest/globals';
import { roundToMinor } from '../../../src/domain/money.ts';
import { rate } from '../../../src/domain/rating/rate.ts';
import { d, used, usedEvents } from '../../support/rating.ts';

describe('a dynamic price', () => {
  const terms = { model: 'dynamic', multiplier: d('1.1') } as const;

  test.each([
    ['costs nothing where nothing happened', usedEvents(), '0'],
    ['multiplies what the events carry', usedEvents(10, '2.5'), '13.75'],
    ['takes a plain quantity for one event', used(10), '11'],
  ])('%s', (_, usage, expected) => {
    expect(rate(terms, usage).exact.toFixed()).toBe(expected);
  });

  test('is rounded once for the line, not once for each event', () => {
    const { exact, trace } = rate(terms, usedEvents('0.04', '0.04', '0.04'));
    expect(roundToMinor(exact, 'USD').toFixed()).toBe('0.13');
    expect(trace).toEqual({ model: 'dynamic', multiplier: '1.1', quantity: '0.12' });
  });
});
