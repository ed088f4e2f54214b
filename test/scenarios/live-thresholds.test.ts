import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Body } from '../fuzz/catalogues.ts';
import { runLive } from '../fuzz/live.ts';

const MONTH = { unit: 'month', count: 1 } as const;
const USD = { currency: 'USD', interval: MONTH };
const USED = { ...USD, billing: 'usage' } as const;

const fee = (unitAmount: string) => ({ ...USD, key: 'fee', model: 'flat', unit_amount: unitAmount }) as const;
const calls = { ...USED, key: 'calls', model: 'per_unit', unit_amount: '0.003' } as const;
const storage = {
  ...USED,
  key: 'storage',
  model: 'package',
  unit_amount: '7.77',
  package_size: '10',
} as const;

/** Thresholds of two plans, an add-on that counts towards them, and a commitment that counts what they billed. */
const catalogue: Body['catalogue'] = {
  plans: [
    {
      id: 'small',
      prices: [
        fee('30.00'),
        calls,
        { ...USD, key: 'least', model: 'minimum_commitment', unit_amount: '150.00' },
      ],
      usage_thresholds: [{ amount: '20.00' }, { amount: '50.00' }, { amount: '40.00', recurring: true }],
    },
    {
      id: 'large',
      prices: [fee('90.00'), { ...calls, unit_amount: '0.002', maximum: '70.00' }],
      usage_thresholds: [{ amount: '35.00', recurring: true }],
    },
  ],
  add_ons: [{ id: 'disk', prices: [storage] }],
};

type Timeline = Body['timeline'];
const main = { subscription: 'main' } as const;
const use = (at: string, quantity: number, key = 'calls') =>
  ({ ...main, at, action: 'use', key, quantity }) as const;

const lives: Record<string, Timeline> = {
  'an upgrade in the middle of a period, and a cancellation': [
    { ...main, at: '2027-01-31T08:00', action: 'subscribe', plan: 'small' },
    use('2027-02-03', 7_000),
    use('2027-02-05', 15_000),
    { ...main, at: '2027-02-10', action: 'add', add_ons: [{ add_on: 'disk' }] },
    use('2027-02-12', 41, 'storage'),
    { ...main, at: '2027-02-20', action: 'change', plan: 'large', effective: 'now' },
    use('2027-02-21', 18_000),
    use('2027-03-20', 25_000),
    use('2027-03-21', 90_000),
    use('2027-03-22', 90_000),
    { ...main, at: '2027-04-10', action: 'cancel', mode: 'now' },
  ],
  'a change whose lines wait for a threshold, and a pause': [
    { ...main, at: '2027-01-01', action: 'subscribe', plan: 'large', trial_days: 10, trial_usage: 'billed' },
    use('2027-01-05', 20_000),
    use('2027-01-20', 30_000),
    {
      ...main,
      at: '2027-01-25',
      action: 'change',
      plan: 'small',
      effective: 'now',
      proration: 'next_invoice',
    },
    use('2027-01-26', 9_000),
    use('2027-02-01', 60_000),
    { ...main, at: '2027-02-05', action: 'pause', effective: 'now' },
    { ...main, at: '2027-02-20', action: 'resume' },
    use('2027-02-20', 100_000),
    use('2027-02-21', 1),
    { ...main, at: '2027-03-25', action: 'cancel' },
  ],
  'charges that fail, and grace': [
    { ...main, at: '2027-01-01', action: 'subscribe', plan: 'small', billing_cycle: 'calendar' },
    { at: '2027-01-10', action: 'decline' },
    use('2027-01-12', 30_000),
    use('2027-01-14', 30_000),
    { at: '2027-01-16', action: 'payment_method', behaves: 'succeeds' },
    use('2027-02-14', 30_000),
  ],
};

/** Thresholds on the real stack: every life comes to what the simulation says, and every promise holds. */
test('thresholds are billed live as they are in a simulation', async () => {
  const said: string[] = [];
  const example = new URL('../../docs/examples/simulations/usage-thresholds.json', import.meta.url);
  const report = await runLive({
    runs: 0,
    seed: 1,
    say: (line) => said.push(line),
    bodies: new Map<string, Body>([
      ['the example', JSON.parse(readFileSync(example, 'utf8'))],
      ...Object.entries(lives).map(([name, timeline]): [string, Body] => [
        name,
        {
          catalogue,
          customer: { time_zone: 'Europe/Berlin' },
          tenant: { invoice_grace_hours: name.includes('grace') ? 36 : 0 },
          timeline,
          until: '2027-05-15',
        },
      ]),
    ]),
    shrinkMs: 0,
  });
  expect(report.told).toEqual([]);
  expect([report.played, report.refusals]).toEqual([1 + Object.keys(lives).length, 0]);
  expect(report.invoices).toBeGreaterThan(30);
});
