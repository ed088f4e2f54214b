import { describe, expect, test } from '@jest/globals';
import { amountsOf, billsOf, dateOf, fee, lifeOf, metered, plan } from '../support/simulations.ts';

/** Lives in which the naive model and the engine once differed, each as small as it can be told (`npm run fuzz`). */

const YEAR_BEGINS = '2027-01-01';
const subscribe = (more: object = {}) => ({
  at: YEAR_BEGINS,
  action: 'subscribe',
  plan: 'basic',
  ...more,
});
const basic = plan('basic', fee('31.00'));
const statesOf = ({ subscriptions: [main] }: ReturnType<typeof lifeOf>) =>
  main?.states.map(({ status, from }) => `${status} ${dateOf(from)}`);

describe('what the naive model found', () => {
  test('a first invoice that the balance pays leaves nothing to wait for', () => {
    const answer = lifeOf([basic], [subscribe()], '2027-01-15', {
      customer: { currency: 'USD', balance: '31.00' },
    });
    expect(statesOf(answer)).toEqual(['active 2027-01-01']);
  });

  test('a cancellation now bills its day, also in the first instant of it', () => {
    const cancel = { at: '2027-02-01', action: 'cancel', mode: 'now', credit: 'prorate' };
    const answer = lifeOf([plan('basic', fee('28.00'))], [subscribe(), cancel], '2027-02-15');
    expect(billsOf(answer).slice(1)).toEqual([
      ['2027-02-01', '28.00'],
      ['2027-02-01', '-27.00'],
    ]);
  });

  test('an end that was planned for midnight is the end of the day before', () => {
    const arrears = { ...fee('31.00'), timing: 'in_arrears' as const };
    const cancel = { at: YEAR_BEGINS, action: 'cancel', mode: 'at', cancel_at: '2027-01-11' };
    const answer = lifeOf([plan('basic', arrears)], [subscribe(), cancel], '2027-02-15');
    expect(billsOf(answer)).toEqual([['2027-01-11', '10.00']]);
  });

  test('the end of a trial does not cut what is used where no boundary moves', () => {
    const trial = { trial_days: 10, trial_usage: 'billed', billing_cycle: 'calendar' };
    const use = { at: '2027-01-03', action: 'use', key: 'used', quantity: '3' };
    const answer = lifeOf([plan('basic', metered('1.00'))], [subscribe(trial), use], '2027-02-01');
    const periods = answer.invoices.flatMap(({ lines }) =>
      lines.map(({ period }) => [dateOf(period.start), dateOf(period.end)]),
    );
    expect(periods).toEqual([['2027-01-01', '2027-02-01']]);
  });

  test('a commitment of a start in the past counts what the same invoice bills', () => {
    const commitment = {
      key: 'least',
      model: 'minimum_commitment',
      currency: 'USD',
      unit_amount: '50.00',
      interval: { unit: 'month' },
    } as const;
    const answer = lifeOf(
      [plan('basic', fee('31.00'), commitment)],
      [subscribe({ start_at: '2026-12-01' })],
      '2027-01-15',
    );
    expect(amountsOf(answer.invoices[0]).sort()).toEqual(['19.00', '31.00', '31.00']);
  });

  test('a commitment does not count what waited for an invoice and was given back on it', () => {
    const commitment = {
      key: 'least',
      model: 'minimum_commitment',
      currency: 'USD',
      unit_amount: '50.00',
      interval: { unit: 'month' },
    } as const;
    const seats = { ...metered('1.00', 'month', 'seats'), billing: 'licensed' } as const;
    const set = (at: string, quantity: number, proration: string) => ({
      at,
      action: 'set_quantity',
      key: 'seats',
      quantity,
      proration,
      effective: 'now',
    });
    const answer = lifeOf(
      [plan('basic', { ...seats, timing: 'in_advance' }, commitment)],
      [
        subscribe(),
        set('2027-01-01T00:00', 20, 'next_invoice'),
        set('2027-01-01T00:00', 5, 'invoice_now'),
        { at: '2027-01-10', action: 'cancel', mode: 'at', cancel_at: '2027-02-01' },
      ],
      '2027-02-01',
    );
    expect(billsOf(answer).at(-1)).toEqual(['2027-02-01', '45.00']);
  });

  test('what was paid when its trial ended can rest and go on in the same instant', () => {
    const answer = lifeOf(
      [basic],
      [
        subscribe({ trial_days: 1 }),
        { at: '2027-01-02', action: 'pause', credit: false },
        { at: '2027-01-02', action: 'resume' },
      ],
      '2027-01-15',
    );
    expect(answer.refused).toEqual([]);
    expect(answer.subscriptions[0]?.status).toBe('active');
  });

  test('canceled for the end of half a year and then billed by the month, it ends with the month', () => {
    const answer = lifeOf(
      [plan('basic', fee('6.00', 'half_year')), plan('monthly', fee('1.00'))],
      [
        subscribe({ billing_cycle: 'calendar' }),
        { at: '2027-01-01', action: 'cancel', mode: 'period_end' },
        { at: '2027-01-01', action: 'change', plan: 'monthly', effective: 'now' },
      ],
      '2027-08-01',
    );
    expect(statesOf(answer)).toEqual(['active 2027-01-01', 'canceled 2027-02-01']);
  });

  test('canceled for the end of a year, an add-on for a month does not bring the end nearer', () => {
    const answer = lifeOf(
      [plan('basic', fee('365.00', 'year'))],
      [
        subscribe(),
        { at: '2027-01-10', action: 'cancel', mode: 'period_end' },
        { at: '2027-01-10', action: 'add', add_ons: [{ add_on: 'more' }] },
      ],
      '2028-02-01',
      {
        catalogue: {
          plans: [plan('basic', fee('365.00', 'year'))],
          add_ons: [plan('more', fee('1.00', 'month', 'more'))],
        },
      },
    );
    expect(answer.refused).toEqual([]);
    expect(statesOf(answer)).toEqual(['active 2027-01-01', 'canceled 2028-01-01']);
  });

  test('a change for the end of a period is not carried along by a shorter period that rolls on', () => {
    const answer = lifeOf(
      [],
      [
        subscribe({ at: '2029-11-01' }),
        { at: '2029-11-01', action: 'change', plan: 'monthly', effective: 'period_end' },
        { at: '2029-11-01', action: 'add', add_ons: [{ add_on: 'more' }] },
      ],
      '2030-02-01',
      {
        catalogue: {
          plans: [
            plan('basic', { ...fee('20.00'), interval: { unit: 'month', count: 2 } }),
            plan('monthly', fee('5.00')),
          ],
          add_ons: [plan('more', { ...fee('1.00', 'day', 'more'), interval: { unit: 'day', count: 10 } })],
        },
      },
    );
    expect(answer.subscriptions[0]?.plan).toBe('monthly');
    expect(billsOf(answer).filter(([, ...amounts]) => amounts.includes('20.00'))).toHaveLength(1);
    expect(billsOf(answer).find(([on]) => on === '2030-01-01')).toEqual([
      '2030-01-01',
      '5.00',
      '-0.90',
      '1.00',
    ]);
  });
});
