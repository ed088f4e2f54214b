import { describe, expect, test } from '@jest/globals';
import {
  begins,
  event,
  gigabytes,
  type MeterInput,
  perGigabyte,
  second,
  type Timeline,
} from '../support/simulated-events.ts';
import { fee, type PlanInput, type PriceInput, play, type SimulationInput } from '../support/simulations.ts';

/** Usage that meters count, simulated with all that a plan and a meter can say: thresholds, grace, versions. */

type More = { plan?: Partial<PlanInput>; meter?: Partial<MeterInput>; tenant?: SimulationInput['tenant'] };

function simulated(timeline: Timeline, until: string, { plan = {}, meter = {}, tenant = {} }: More = {}) {
  const sold = { id: 'metered', prices: [fee('10.00'), perGigabyte], ...plan };
  return play({
    catalogue: { plans: [sold], meters: [{ ...gigabytes, ...meter }] },
    timeline,
    until,
    tenant,
  });
}

/** Each metered line: day and reason of its invoice, quantity, events, version of the meter, amount. */
const linesOf = ({ invoices }: ReturnType<typeof simulated>) =>
  invoices.flatMap(({ at, billing_reason, lines }) =>
    lines.flatMap(({ usage, quantity, amount }) =>
      usage
        ? `${at.slice(0, 10)} ${billing_reason} ${quantity} of ${usage.events} by ${usage.meter_version}: ${amount.amount}`
        : [],
    ),
  );

describe('events that come to a threshold', () => {
  const plan = { usage_thresholds: [{ amount: '10.00' }, { amount: '50.00', recurring: true }] };

  test('are billed at once, what is late for a period that is over comes on top', () => {
    const timeline = [
      begins,
      event('2027-01-05', 12),
      event('2027-01-10', 9),
      event('2027-01-12', 'many'),
      event('2027-01-20', 100),
      event('2027-02-03', 4, { timestamp: '2027-01-31' }),
    ];
    // 21 × 0.50 passes 10; 121 × 0.50 passes 60; nothing is left; then 125 × 0.50 less 60.50.
    expect(linesOf(simulated(timeline, '2027-03-01', { plan }))).toEqual([
      '2027-01-10 threshold 21 of 2 by 1: 10.50',
      '2027-01-20 threshold 121 of 3 by 1: 50.00',
      '2027-02-01 subscription_cycle 121 of 3 by 1: 0.00',
      '2027-03-01 subscription_cycle 0 of 0 by 1: 0.00',
      '2027-03-01 subscription_cycle 125 of 4 by 1: 2.00',
    ]);
  });

  test('count as they were amended, and those of another subscription do not count', () => {
    const first = event('2027-01-05', 2);
    const timeline = [
      begins,
      { ...begins, at: '2027-01-02', subscription: 'other', usage_scope: 'subscription' } as const,
      first,
      event('2027-01-06', 19, { subscription: 'other' }),
      { ...first, at: '2027-01-07', action: 'amend_event', timestamp: '2027-01-05', properties: { gb: 20 } },
      event('2027-01-08', 1, { subscription: 'other' }),
    ] as Timeline;
    const answer = simulated(timeline, '2027-01-09', { plan });
    expect(answer.invoices.slice(2).map(({ subscription }) => subscription)).toEqual(['main', 'other']);
    expect(linesOf(answer)).toEqual([
      '2027-01-07 threshold 20 of 1 by 1: 10.00',
      '2027-01-08 threshold 20 of 2 by 1: 10.00',
    ]);
  });

  test('do not use up what is late, however long ago its period was: the end of the next one bills it', () => {
    const timeline = [begins, event('2027-02-04', 7, { timestamp: '2027-01-30' }), event('2027-02-20', 30)];
    const answer = simulated(timeline, '2027-03-01', { plan, tenant: { late_window_days: 5 } });
    expect(linesOf(answer)).toEqual([
      '2027-02-01 subscription_cycle 0 of 0 by 1: 0.00',
      '2027-02-20 threshold 30 of 1 by 1: 15.00',
      '2027-03-01 subscription_cycle 30 of 1 by 1: 0.00',
      '2027-03-01 subscription_cycle 7 of 1 by 1: 3.50',
    ]);
  });
});

test('the invoice of a closed period waits as long as its plan says, else as its tenant does', () => {
  const late = event('2027-02-02', 4, { timestamp: '2027-01-15' });
  const goesOut = (hours: number | null) => {
    const plan = { invoice_grace_hours: hours };
    const answer = simulated([begins, late], '2027-02-20', { plan, tenant: { invoice_grace_hours: 12 } });
    return [answer.invoices[1]?.finalized_at, ...linesOf(answer)];
  };
  const seen = '2027-02-01 subscription_cycle 4 of 1 by 1: 2.00';
  expect(goesOut(48)).toEqual(['2027-02-03T00:00:00.000Z', seen]);
  expect(goesOut(null)[0]).toBe('2027-02-01T12:00:00.000Z');
  expect(goesOut(0)[0]).toBe('2027-02-01T00:00:00.000Z');
});

const byEvent: PriceInput = {
  key: 'used',
  model: 'dynamic',
  multiplier: '2',
  currency: 'USD',
  interval: { unit: 'month' },
  meter: 'external:gb',
};

describe('what a meter counts for the customer is billed by one item', () => {
  const catalogue = {
    meters: [gigabytes],
    plans: [
      { id: 'metered', prices: [perGigabyte] },
      { id: 'plain', prices: [fee('10.00')] },
    ],
    add_ons: [{ id: 'more', prices: [{ ...perGigabyte, key: 'more' }] }],
  } satisfies SimulationInput['catalogue'];
  const change = { at: '2027-01-05', action: 'change', subscription: 'second', plan: 'metered' } as const;

  test('also within a subscription, and when it is planned', () => {
    const timeline: Timeline = [
      begins,
      second,
      { at: '2027-01-03', action: 'add', subscription: 'main', add_ons: [{ add_on: 'more' }] },
      { ...change, effective: 'now' },
      { ...change, effective: 'period_end' },
    ];
    const { refused } = play({ catalogue, timeline, until: '2027-02-01' });
    expect(refused.map(({ action, code }) => `${action} ${code}`)).toEqual([
      '2 meter_claimed',
      '3 meter_claimed',
      '4 meter_claimed',
    ]);
  });

  test('and by another one once that has ended; what was planned and is in the way then is dropped', () => {
    const timeline: Timeline = [
      begins,
      second,
      { at: '2027-01-03', action: 'cancel', subscription: 'main', mode: 'at', cancel_at: '2027-01-20' },
      { ...change, effective: '2027-01-25' },
      { at: '2027-01-06', action: 'uncancel', subscription: 'main' },
      event('2027-01-10', 4),
    ];
    const planned = play({ catalogue, timeline, until: '2027-02-02' });
    expect(planned.refused).toEqual([]);
    expect(planned.subscriptions[1]?.items.map(({ key }) => key)).toEqual(['fee']);
    const handedOver = play({
      catalogue,
      timeline: [...timeline.toSpliced(4, 1), event('2027-01-26', 8)],
      until: '2027-02-02',
    });
    expect(linesOf(handedOver)).toEqual([
      '2027-01-20 subscription_cancel 4 of 1 by 1: 2.00',
      '2027-02-02 subscription_cycle 8 of 1 by 1: 4.00',
    ]);
  });
});

describe('the versions of a meter', () => {
  const counting = { aggregation: 'count', effective_at: '2027-01-20' } as const;

  test('count the periods that begin while they are in force, also what comes late for them', () => {
    const timeline = [
      begins,
      event('2027-01-10', 12),
      event('2027-01-25', 8),
      event('2027-02-10', 30),
      event('2027-02-11', 1, { timestamp: '2027-01-30' }),
      event('2027-03-02', 70, { timestamp: '2027-02-27' }),
    ];
    expect(linesOf(simulated(timeline, '2027-04-01', { meter: { versions: [counting] } }))).toEqual([
      '2027-02-01 subscription_cycle 20 of 2 by 1: 10.00',
      '2027-03-01 subscription_cycle 1 of 1 by 2: 0.50',
      '2027-03-01 subscription_cycle 21 of 3 by 1: 0.50',
      '2027-04-01 subscription_cycle 0 of 0 by 2: 0.00',
      '2027-04-01 subscription_cycle 2 of 2 by 2: 0.50',
    ]);
  });

  test('follow each other, and each fits the prices', () => {
    const refused = (versions: MeterInput['versions'], price: PriceInput = perGigabyte) => {
      try {
        simulated([begins], '2027-02-01', {
          meter: { versions },
          plan: { prices: [price] },
        });
        return null;
      } catch (error) {
        const { details } = error as { details: { errors: { path: string; code: string }[] } };
        return details.errors.map(({ path, code }) => `${path} ${code}`);
      }
    };
    expect(refused([counting])).toBeNull();
    expect(refused([counting, { ...counting, effective_at: '2027-01-20T00:00:00Z' }])).toEqual([
      'catalogue.meters[0].versions[1].effective_at effective_at_too_early',
    ]);
    expect(refused([{ ...counting, bucket: 'day' }], byEvent)).toEqual([
      'catalogue.plans[0].prices[0].meter meter_bucket_conflict',
    ]);
  });
});

test('a start in the past counts what was sent before it was asked for, and the answer says what is used since', () => {
  const timeline = [
    event('2027-02-09', 6, { timestamp: '2027-01-20' }),
    event('2027-02-09', 5, { timestamp: '2027-02-05' }),
    { ...begins, at: '2027-02-10', start_at: '2027-01-10' },
  ];
  const answer = simulated(timeline, '2027-02-20');
  expect(linesOf(answer)).toEqual(['2027-02-10 subscription_create 11 of 2 by 1: 5.50']);
  const begun = simulated([begins, event('2027-01-20', 7)], '2027-01-20');
  expect(begun.subscriptions[0]?.usage).toEqual([{ key: 'used', quantity: '7' }]);
});
