import { expect, test } from '@jest/globals';
import type { Body } from '../fuzz/catalogues.ts';
import { runLive } from '../fuzz/live.ts';
import { begins, gigabytes, keyed, perGigabyte, second, type Timeline } from '../support/simulated-events.ts';
import { fee } from '../support/simulations.ts';

const catalogue = {
  meters: [
    {
      ...gigabytes,
      versions: [{ aggregation: 'max', property: 'gb', effective_at: '2027-03-01' }],
    },
  ],
  plans: [
    {
      id: 'metered',
      prices: [fee('10.00'), perGigabyte],
      usage_thresholds: [{ amount: '20.00', recurring: true }],
    },
    { id: 'plain', prices: [fee('10.00')], invoice_grace_hours: 30 },
  ],
  add_ons: [{ id: 'more', prices: [{ ...perGigabyte, key: 'more' }] }],
} satisfies Body['catalogue'];

const change = { at: '2027-01-05', action: 'change', subscription: 'second', plan: 'metered' } as const;
const ends = { ...change, at: '2027-01-03', action: 'cancel', subscription: 'main', mode: 'at' } as const;

const { plan: _, ...atAnInstant } = ends;

const lives: Record<string, Timeline> = {
  'thresholds, corrections, late events and a new version of the meter': [
    begins,
    keyed('a', '2027-01-10', 30),
    keyed('b', '2027-01-12', 25),
    { ...keyed('a', '2027-01-14', 20), action: 'amend_event', timestamp: '2027-01-10' },
    keyed('c', '2027-01-15', 70, { timestamp: '2027-01-09' }),
    keyed('d', '2027-02-03', 9, { timestamp: '2027-01-31' }),
    { at: '2027-02-04', action: 'deprecate_event', idempotency_key: 'b' },
    keyed('e', '2027-03-05', 30),
    keyed('f', '2027-03-06', 41),
    { at: '2027-03-20', action: 'cancel', subscription: 'main', mode: 'now' },
    keyed('g', '2027-03-21', 60, { timestamp: '2027-03-19' }),
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
    keyed('a', '2027-01-10', 4),
  ],
  'a meter that is handed over': [
    begins,
    second,
    { ...atAnInstant, cancel_at: '2027-01-20' },
    { ...change, effective: '2027-01-25' },
    keyed('a', '2027-01-10', 4),
    keyed('b', '2027-01-26', 8),
    keyed('c', '2027-01-28', 50),
    keyed('d', '2027-02-01', 3, { timestamp: '2027-01-12' }),
  ],
  'events that were there before their subscription': [
    keyed('a', '2027-02-09', 6, { timestamp: '2027-01-20' }),
    keyed('b', '2027-02-09', 5, { timestamp: '2027-02-05' }),
    { ...begins, at: '2027-02-10', start_at: '2027-01-10' },
    keyed('c', '2027-02-12', 60),
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
