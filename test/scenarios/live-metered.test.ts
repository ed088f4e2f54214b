import { expect, test } from '@jest/globals';
import type { Body } from '../fuzz/catalogues.ts';
import { runLive } from '../fuzz/live.ts';

type Price = NonNullable<NonNullable<Body['catalogue']>['plans']>[number]['prices'][number];
type Timeline = Body['timeline'];

const used: Price = {
  key: 'used',
  model: 'per_unit',
  unit_amount: '0.50',
  currency: 'USD',
  interval: { unit: 'month' },
  meter: 'external:gb',
};
const fee: Price = {
  key: 'fee',
  model: 'flat',
  unit_amount: '10.00',
  currency: 'USD',
  interval: { unit: 'month' },
};
const catalogue = {
  meters: [
    {
      id: 'gb',
      event_name: 'request',
      aggregation: 'sum',
      property: 'gb',
      versions: [{ aggregation: 'max', property: 'gb', effective_at: '2027-03-01' }],
    },
  ],
  plans: [
    { id: 'metered', prices: [fee, used], usage_thresholds: [{ amount: '20.00', recurring: true }] },
    { id: 'plain', prices: [fee], invoice_grace_hours: 30 },
  ],
  add_ons: [{ id: 'more', prices: [{ ...used, key: 'more' }] }],
} satisfies Body['catalogue'];

const begins = { at: '2027-01-01', action: 'subscribe', subscription: 'main', plan: 'metered' } as const;
const second = { ...begins, at: '2027-01-02', subscription: 'second', plan: 'plain' } as const;
const change = { at: '2027-01-05', action: 'change', subscription: 'second', plan: 'metered' } as const;
const ends = { ...change, at: '2027-01-03', action: 'cancel', subscription: 'main', mode: 'at' } as const;

const event = (key: string, at: string, gb: number, more: object = {}) =>
  ({
    at,
    action: 'event',
    idempotency_key: key,
    event_name: 'request',
    properties: { gb },
    ...more,
  }) as const;

const { plan: _, ...atAnInstant } = ends;

const lives: Record<string, Timeline> = {
  'thresholds, corrections, late events and a new version of the meter': [
    begins,
    event('a', '2027-01-10', 30),
    event('b', '2027-01-12', 25),
    { ...event('a', '2027-01-14', 20), action: 'amend_event', timestamp: '2027-01-10' },
    event('c', '2027-01-15', 70, { timestamp: '2027-01-09' }),
    event('d', '2027-02-03', 9, { timestamp: '2027-01-31' }),
    { at: '2027-02-04', action: 'deprecate_event', idempotency_key: 'b' },
    event('e', '2027-03-05', 30),
    event('f', '2027-03-06', 41),
    { at: '2027-03-20', action: 'cancel', subscription: 'main', mode: 'now' },
    event('g', '2027-03-21', 60, { timestamp: '2027-03-19' }),
  ],
  'a meter that counts for one item, whatever is asked for': [
    begins,
    second,
    { at: '2027-01-03', action: 'add', subscription: 'main', add_ons: [{ add_on: 'more' }] },
    { ...change, effective: 'now' },
    { ...change, effective: 'period_end' },
  ],
  'a change that is in the way when it is due': [
    begins,
    second,
    { ...atAnInstant, cancel_at: '2027-01-20' },
    { ...change, effective: '2027-01-25' },
    { at: '2027-01-06', action: 'uncancel', subscription: 'main' },
    event('a', '2027-01-10', 4),
  ],
  'a meter that is handed over': [
    begins,
    second,
    { ...atAnInstant, cancel_at: '2027-01-20' },
    { ...change, effective: '2027-01-25' },
    event('a', '2027-01-10', 4),
    event('b', '2027-01-26', 8),
    event('c', '2027-01-28', 50),
    event('d', '2027-02-01', 3, { timestamp: '2027-01-12' }),
  ],
  'events that were there before their subscription': [
    event('a', '2027-02-09', 6, { timestamp: '2027-01-20' }),
    event('b', '2027-02-09', 5, { timestamp: '2027-02-05' }),
    { ...begins, at: '2027-02-10', start_at: '2027-01-10' },
    event('c', '2027-02-12', 60),
  ],
};

/** Usage that meters count, on the real stack: every life comes to what the simulation says, and every promise holds. */
test('metered usage is billed live as it is in a simulation', async () => {
  const customer = { time_zone: 'America/St_Johns' };
  const bodies = Object.entries(lives).map(([name, timeline]): [string, Body] => [
    name,
    { catalogue, customer, timeline, until: '2027-04-15' },
  ]);
  const report = await runLive({ runs: 0, seed: 1, say: () => {}, bodies: new Map(bodies), shrinkMs: 0 });
  expect(report.told).toEqual([]);
  expect([report.played, report.refusals]).toEqual([bodies.length, 3]);
  expect(report.invoices).toBeGreaterThan(25);
});
