import { describe, expect, test } from '@jest/globals';
import type { TermsOf } from '../../../src/domain/price-terms.ts';
import { rate } from '../../../src/domain/rating/rate.ts';
import { type PercentageTrace, TRACE_ROWS_MAX } from '../../../src/domain/rating/trace.ts';
import { d, type Num, used, usedEvents } from '../../support/rating.ts';

type Terms = TermsOf<'percentage'>;

/** 2 % of each event plus 1, changed as the case says. */
function terms(change: Partial<Terms> = {}): Terms {
  return {
    model: 'percentage',
    rate: d(2),
    fixedPerEvent: d(1),
    freeEvents: null,
    freeAmount: null,
    eventMinimum: null,
    eventMaximum: null,
    ...change,
  };
}

describe('a price in percent', () => {
  test.each<[string, Partial<Terms>, Num[], string]>([
    ['costs nothing where nothing happened', {}, [], '0'],
    ['takes its rate of every event and its fee for every event', {}, [100, 50], '5'],
    ['charges the fee also where the rate is zero', { rate: d(0) }, [100, 50], '2'],
    ['charges the fee also for an event of nothing', {}, [0], '1'],
    ['lets the first events go free, fee and all', { freeEvents: 2 }, [100, 50, 30], '1.6'],
    ['is free as long as there are no more than the free events', { freeEvents: 3 }, [100, 50, 30], '0'],
    ['lets the first of the amount go free', { freeAmount: d(100) }, [100, 50], '2'],
    ['takes the whole fee for an event that is free in part', { freeAmount: d(120) }, [100, 50], '1.6'],
    ['ends both allowances with the events', { freeEvents: 1, freeAmount: d(500) }, [100, 50], '2'],
    ['ends both allowances with the amount', { freeEvents: 9, freeAmount: d(80) }, [100, 50], '3.4'],
    ['takes a free allowance of zero as none', { freeEvents: 0, freeAmount: d(120) }, [100, 50], '1.6'],
    ['raises a paid event to the minimum, fee included', { eventMinimum: d('2.5') }, [10, 100], '5.5'],
    ['cuts a paid event to the maximum, fee included', { eventMaximum: d('2.5') }, [10, 100], '3.7'],
    ['asks no minimum of an event that is free', { freeEvents: 1, eventMinimum: d(2) }, [10, 10], '2'],
  ])('%s', (_, change, events, expected) => {
    expect(rate(terms(change), usedEvents(...events)).exact.toFixed()).toBe(expected);
  });

  test('lets amounts below zero, such as refunds, lower the whole, but to no less than nothing', () => {
    expect(rate(terms(), usedEvents(100, -50)).exact.toFixed()).toBe('3');
    // A meter counts no less than zero, whatever its events add up to.
    expect(rate(terms(), { ...usedEvents(100, -300), quantity: d(0) }).exact.toFixed()).toBe('0');
  });

  test('takes a plain quantity for one event', () => {
    expect(rate(terms(), used(100)).exact.toFixed()).toBe('3');
    expect(rate(terms(), used(0)).exact.toFixed()).toBe('0');
  });

  test('shows what was free, what was priced, what the limits priced, and every event', () => {
    const limits = { freeAmount: d(30), eventMinimum: d('1.5'), eventMaximum: d(12) };
    expect(rate(terms(limits), usedEvents(20, 20, 100, 5000)).trace).toEqual({
      model: 'percentage',
      quantity: '5140',
      rate: '2',
      fixedPerEvent: '1',
      eventMinimum: '1.5',
      eventMaximum: '12',
      free: { count: 1, quantity: '30' },
      priced: { count: 1, quantity: '100', amount: '3' },
      atMinimum: { count: 1, quantity: '10', amount: '1.5' },
      atMaximum: { count: 1, quantity: '5000', amount: '12' },
      events: [
        { at: null, quantity: '20', free: '20', amount: '0' },
        { at: null, quantity: '20', free: '10', amount: '1.5' },
        { at: null, quantity: '100', amount: '3' },
        { at: null, quantity: '5000', amount: '12' },
      ],
    });
  });

  test('shows so many events and the others as one', () => {
    const events = Array.from({ length: TRACE_ROWS_MAX + 50 }, () => 100);
    const { exact, trace } = rate(terms(), usedEvents(...events));
    expect(exact.toFixed()).toBe('450');
    const { events: rows, moreEvents } = trace as PercentageTrace;
    expect(rows).toHaveLength(TRACE_ROWS_MAX);
    expect(moreEvents).toEqual({ count: 50, quantity: '5000', amount: '150' });
  });
});
