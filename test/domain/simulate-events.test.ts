import { describe, expect, test } from '@jest/globals';
import {
  begins,
  event,
  gigabytes,
  type MeterInput,
  perGigabyte,
  type Timeline,
} from '../support/simulated-events.ts';
import { fee, plan, play, type SimulationInput } from '../support/simulations.ts';

/** Usage that meters count, simulated: dated stories with the arithmetic beside them. */

function billed(
  timeline: Timeline,
  until: string,
  meter: MeterInput = gigabytes,
  tenant: SimulationInput['tenant'] = {},
) {
  const catalogue = { plans: [plan('metered', fee('10.00'), perGigabyte)], meters: [meter] };
  const { invoices, refused } = play({ catalogue, timeline, until, tenant });
  return {
    refused: refused.map(({ action, code }) => `${action} ${code}`),
    lines: invoices.flatMap(({ at, billing_reason, lines }) =>
      lines
        .filter(({ key, amount }) => key === 'used' && amount.amount !== '0.00')
        .map(({ quantity, amount }) => `${at.slice(0, 10)} ${billing_reason} ${quantity} ${amount.amount}`),
    ),
  };
}

describe('events in a simulation', () => {
  test('are billed behind their period; late ones with the next invoice, for what the whole period comes to', () => {
    const late = event('2027-02-05', '3', { timestamp: '2027-01-31T23:59:59.999Z' });
    const { lines } = billed(
      [begins, event('2027-01-10', 12), event('2027-02-01', '100'), late],
      '2027-03-31',
    );
    // 12 × 0.50; then 100 × 0.50, and 15 × 0.50 less 6.00.
    expect(lines).toEqual([
      '2027-02-01 subscription_cycle 12 6.00',
      '2027-03-01 subscription_cycle 100 50.00',
      '2027-03-01 subscription_cycle 15 1.50',
    ]);
  });

  test('are amended and deprecated, also when they were billed', () => {
    const [first, second] = [event('2027-01-10', 10), event('2027-01-11', 5)];
    const amended = { ...first, at: '2027-02-03', action: 'amend_event', timestamp: '2027-01-10' };
    const timeline = [
      begins,
      first,
      second,
      { ...amended, properties: { gb: 2 } },
      { at: '2027-02-04', action: 'deprecate_event', idempotency_key: second.idempotency_key },
    ] as Timeline;
    // 15 × 0.50; then 2 × 0.50 less 7.50.
    expect(billed(timeline, '2027-03-01').lines).toEqual([
      '2027-02-01 subscription_cycle 15 7.50',
      '2027-03-01 subscription_cycle 2 -6.50',
    ]);
  });

  test('that come after the end are billed a day after it', () => {
    const timeline: Timeline = [
      begins,
      { at: '2027-01-20', action: 'cancel', subscription: 'main', mode: 'now' },
      event('2027-01-20T06:00:00Z', 8, { timestamp: '2027-01-19' }),
    ];
    expect(billed(timeline, '2027-06-01').lines).toEqual(['2027-01-21 late_usage 8 4.00']);
  });

  test('count on a draft until it goes out', () => {
    const late = event('2027-02-02', 4, { timestamp: '2027-01-15' });
    const tenant = { invoice_grace_hours: 48 };
    expect(billed([begins, event('2027-01-10', 6), late], '2027-03-10', gigabytes, tenant).lines).toEqual([
      '2027-02-01 subscription_cycle 10 5.00',
    ]);
  });

  test('are refused when they are too old, too far ahead, or another under the same key', () => {
    const first = event('2027-02-10', 1);
    const timeline = [
      begins,
      first,
      event('2027-02-10', 1, { timestamp: '2027-01-01' }),
      event('2027-02-10', 1, { timestamp: '2027-02-10T00:05:00.001Z' }),
      { ...first, at: '2027-02-11', timestamp: '2027-02-10', properties: { gb: 2 } },
      { ...first, at: '2027-02-11', timestamp: '2027-02-10' },
    ] as Timeline;
    const { refused, lines } = billed(timeline, '2027-03-01');
    expect(refused).toEqual(['2 usage_not_accepted', '3 usage_not_accepted', '4 usage_not_accepted']);
    expect(lines).toEqual(['2027-03-01 subscription_cycle 1 0.50']);
  });

  test.each<[string, Partial<MeterInput>, string]>([
    ['count', { aggregation: 'count', property: undefined }, '4'],
    ['max', { aggregation: 'max' }, '7.25'],
    ['min', { aggregation: 'min' }, '1.5'],
    ['latest', { aggregation: 'latest' }, '1.5'],
    ['unique_count', { aggregation: 'unique_count' }, '4'],
    ['sum_product', { aggregation: 'sum_product', factor_property: 'gb' }, '70.8125'],
    ['sum, rounded', { rounding: { mode: 'ceil' } }, '13'],
    ['sum, filtered', { filters: [{ property: 'gb', values: ['7.25', '4'] }] }, '11.25'],
  ])('make the %s of a meter', (_name, meter, quantity) => {
    const timeline = [
      begins,
      event('2027-01-03', 4),
      event('2027-01-04', '7.25'),
      event('2027-01-05', '1.5'),
    ] as Timeline;
    // Not a number: it is one event and one value, and nothing else.
    timeline.push(event('2027-01-02', 'many'));
    const { lines } = billed(timeline, '2027-02-01', { ...gigabytes, ...meter });
    expect(lines.map((line) => line.split(' ')[2])).toEqual([quantity]);
  });

  test('are billed by one subscription; another one counts what names it', () => {
    const second = { ...begins, at: '2027-01-02', subscription: 'second' } as const;
    expect(billed([begins, second], '2027-01-03').refused).toEqual(['1 meter_claimed']);
    const scoped = { ...second, usage_scope: 'subscription' } as const;
    const timeline = [
      begins,
      scoped,
      event('2027-01-05', 3),
      event('2027-01-06', 9, { subscription: 'second' }),
    ];
    expect(billed(timeline, '2027-02-02').lines).toEqual([
      '2027-02-01 subscription_cycle 3 1.50',
      '2027-02-02 subscription_cycle 9 4.50',
    ]);
  });

  test('are what a metered item is told; a reported quantity is refused', () => {
    const used = {
      at: '2027-01-02',
      action: 'use',
      subscription: 'main',
      key: 'used',
      quantity: '3',
    } as const;
    expect(billed([begins, used], '2027-02-01').refused).toEqual(['1 usage_not_accepted']);
  });
});
