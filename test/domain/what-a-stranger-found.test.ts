import { describe, expect, test } from '@jest/globals';
import { amountsOf, fee, lifeOf, metered, plan } from '../support/simulations.ts';

/** Lives that somebody made up by hand or at random, and that the engine once did not survive. */
describe('a life that a stranger tried', () => {
  test('a change that ends a trial bills what was used in it, where that was agreed', () => {
    const { invoices, refused } = lifeOf(
      [{ ...plan('basic', fee('30.00'), metered('2.00')), trial_days: 20 }],
      [
        { at: '2027-01-10', action: 'subscribe', plan: 'basic', trial_usage: 'billed' },
        { at: '2027-01-12', action: 'use', key: 'used', quantity: '7' },
        { at: '2027-01-15', action: 'change', trial: 'end' },
        { at: '2027-01-20', action: 'use', key: 'used', quantity: '1' },
      ],
      '2027-02-16',
    );
    expect(refused).toEqual([]);
    expect(invoices.map(amountsOf)).toEqual([
      ['14.00', '30.00'],
      ['30.00', '2.00'],
    ]);
  });

  test('what was paid ahead and runs out in a pause is not billed once more in arrears', () => {
    const plans = [plan('ahead', fee('60.00', 'year')), plan('used', metered('1.00', 'month', 'fee'))];
    const timeline = [
      { at: '2027-05-29', action: 'subscribe', plan: 'ahead' },
      { at: '2027-09-05', action: 'pause', credit: false },
      { at: '2027-09-24', action: 'change', plan: 'used' },
      { at: '2027-10-18', action: 'resume' },
      { at: '2027-10-19', action: 'change', plan: 'used', effective: 'now' },
    ];
    const { invoices, refused } = lifeOf(plans, timeline, '2027-12-20');
    expect(refused).toMatchObject([{ action: 2, code: 'change_not_allowed' }]);
    expect(refused[0]?.detail).toContain('paid ahead until 2028-05-29T00:00:00.000Z');
    expect(invoices.map(amountsOf)).toEqual([['60.00'], ['-36.56'], ['0.00'], ['0.00']]);
  });

  test('usage that is billed in a trial follows a calendar that moves in it', () => {
    const { invoices, refused } = lifeOf(
      [{ ...plan('basic', metered('2.00', 'week')), trial_days: 45 }],
      [
        { at: '2027-12-02', action: 'subscribe', plan: 'basic', trial_usage: 'billed' },
        { at: '2027-12-10', action: 'use', key: 'used', quantity: '3' },
        { at: '2027-12-11', action: 'change', billing_anchor: '2027-12-15' },
        { at: '2027-12-12', action: 'use', key: 'used', quantity: '5' },
      ],
      '2027-12-22',
    );
    expect(refused).toEqual([]);
    expect(invoices.map(({ at, lines }) => [at.slice(0, 10), lines[0]?.amount.amount])).toEqual([
      ['2027-12-09', '0.00'],
      ['2027-12-11', '6.00'],
      ['2027-12-15', '10.00'],
      ['2027-12-22', '0.00'],
    ]);
  });

  test('a trial that ends early without a way to pay leaves nothing free after the resume', () => {
    const { invoices, subscriptions, refused } = lifeOf(
      [{ ...plan('basic', fee('30.00'), metered('2.00')), trial_days: 59 }],
      [
        {
          at: '2027-02-24',
          action: 'subscribe',
          plan: 'basic',
          billing_cycle: 'calendar',
          trial_end_behavior: 'pause',
        },
        { at: '2027-03-13', action: 'end_trial' },
        { at: '2027-04-16', action: 'resume' },
        { at: '2027-04-20', action: 'use', key: 'used', quantity: '4' },
      ],
      '2027-05-01',
      { customer: { payment_method: 'none' } },
    );
    expect(refused).toEqual([]);
    // A week later it is canceled, because nothing was paid.
    expect(invoices.map(amountsOf)).toEqual([['15.00'], ['8.00']]);
    expect(subscriptions[0]?.states.map(({ status }) => status).slice(0, 2)).toEqual(['trialing', 'paused']);
  });

  test('what is charged once at a start in the past counts towards the commitment of that period', () => {
    const commitment = { key: 'commitment', model: 'minimum_commitment', unit_amount: '8.00' } as const;
    const month = { currency: 'USD', interval: { unit: 'month', count: 1 } } as const;
    const setup = {
      key: 'setup',
      model: 'flat',
      unit_amount: '5.00',
      currency: 'USD',
      interval: null,
    } as const;
    const plans = [plan('basic', fee('0.00'), { ...commitment, ...month })];
    const add_ons = [{ id: 'setup', prices: [setup] }];
    const { invoices } = lifeOf(
      plans,
      [
        {
          at: '2027-01-01',
          action: 'subscribe',
          plan: 'basic',
          start_at: '2026-12-01T00:00:00Z',
          once: [{ add_on: 'setup' }],
        },
      ],
      '2027-01-15',
      { catalogue: { plans, add_ons } },
    );
    expect(invoices[0]?.total).toMatchObject({ amount: '8.00' });
  });
});
