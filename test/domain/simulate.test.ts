import { describe, expect, test } from '@jest/globals';
import { amountsOf, billsOf, dateOf, fee, lifeOf, metered, plan, play } from '../support/simulations.ts';

/** Dated stories in the simulator, each with every invoice and every state it has. */

const basic = plan('basic', fee('30.00'));
const pro = plan('pro', fee('90.00'));

const statesOf = (answer: ReturnType<typeof play>, n = 0, timeZone = 'UTC') =>
  answer.subscriptions[n]?.states.map(({ status, from }) => `${status} ${dateOf(from, timeZone)}`);

describe('a life in the simulator', () => {
  test('begun on 31 January in New York, upgraded on 15 March, rests from June to August', () => {
    const timeZone = 'America/New_York';
    const answer = lifeOf(
      [basic, pro],
      [
        { at: '2027-01-31', action: 'subscribe', plan: 'basic' },
        { at: '2027-03-15', action: 'change', plan: 'pro' },
        { at: '2027-06-10', action: 'pause', resume_at: '2027-08-05' },
      ],
      '2027-09-30',
      { customer: { time_zone: timeZone } },
    );
    expect(billsOf(answer, timeZone)).toEqual([
      ['2027-01-31', '30.00'],
      ['2027-02-28', '30.00'],
      // 16 of the 31 days from 28 February to 31 March are left, the day of the change among them.
      ['2027-03-15', '-15.48', '46.45'],
      ['2027-03-31', '90.00'],
      ['2027-04-30', '90.00'],
      ['2027-05-31', '90.00'],
      // 20 of the 30 days from 31 May on are left.
      ['2027-06-10', '-60.00'],
      // 26 of the 31 days from 31 July on, of which the balance pays 60.00.
      ['2027-08-05', '75.48'],
      ['2027-08-31', '90.00'],
      ['2027-09-30', '90.00'],
    ]);
    expect(statesOf(answer, 0, timeZone)).toEqual([
      'active 2027-01-31',
      'paused 2027-06-10',
      'active 2027-08-05',
    ]);
    expect(answer.invoices[2]?.at).toBe('2027-03-15T04:00:00.000Z');
    expect(answer.invoices[7]?.balance_applied.amount).toBe('60.00');
    expect(answer.refused).toEqual([]);
  });

  test('a trial, a declined renewal, retries on the policy days, and a new payment method that is charged at once', () => {
    const answer = lifeOf(
      [plan('pro', fee('25.00'))],
      [
        { at: '2027-01-10T15:20', action: 'subscribe', plan: 'pro', trial_days: 14 },
        { at: '2027-02-01', action: 'decline' },
        { at: '2027-02-28T11:00', action: 'payment_method' },
      ],
      '2027-03-01',
    );
    expect(statesOf(answer)).toEqual([
      'trialing 2027-01-10',
      'active 2027-01-24',
      'past_due 2027-02-24',
      'active 2027-02-28',
    ]);
    expect(answer.invoices.map(({ status, paid_at: paidAt }) => [status, paidAt])).toEqual([
      ['paid', '2027-01-24T15:20:00.000Z'],
      ['paid', '2027-02-28T11:00:00.000Z'],
    ]);
  });

  test('declined to the end of the policy it is canceled, and the invoice is given up', () => {
    const answer = lifeOf(
      [basic],
      [
        { at: '2027-01-01', action: 'subscribe', plan: 'basic' },
        { at: '2027-01-02', action: 'decline' },
      ],
      '2027-12-31',
    );
    expect(statesOf(answer)).toEqual(['active 2027-01-01', 'past_due 2027-02-01', 'canceled 2027-02-08']);
    expect(answer.invoices.at(-1)).toMatchObject({ status: 'uncollectible' });
    expect(answer.subscriptions[0]?.next).toBeNull();
  });

  test('a first payment that is declined leaves it incomplete, and it expires after 23 hours', () => {
    const answer = lifeOf([basic], [{ at: '2027-01-01', action: 'subscribe', plan: 'basic' }], '2027-01-03', {
      customer: { payment_method: 'declines' },
    });
    expect(answer.subscriptions[0]?.states.map(({ status, from }) => [status, from])).toEqual([
      ['incomplete', '2027-01-01T00:00:00.000Z'],
      ['expired', '2027-01-01T23:00:00.000Z'],
    ]);
    expect(answer.invoices.map(({ status }) => status)).toEqual(['void']);
  });

  test('sent invoices become due after their days, and paying them brings it back', () => {
    const answer = lifeOf(
      [basic],
      [
        {
          at: '2027-01-01',
          action: 'subscribe',
          plan: 'basic',
          collection_method: 'send_invoice',
          net_days: 14,
        },
        { at: '2027-01-20', action: 'pay' },
      ],
      '2027-01-31',
    );
    expect(statesOf(answer)).toEqual(['active 2027-01-01', 'past_due 2027-01-15', 'active 2027-01-20']);
    expect(answer.invoices[0]).toMatchObject({ due_at: '2027-01-15T00:00:00.000Z', status: 'paid' });
  });

  test('usage of a period is billed when it ends, and what is used at the boundary belongs to the next', () => {
    const answer = lifeOf(
      [plan('metered', fee('0.00'), metered('2.00'))],
      [
        { at: '2027-01-01', action: 'subscribe', plan: 'metered' },
        { at: '2027-01-31T23:59:59.999', action: 'use', key: 'used', quantity: 3 },
        { at: '2027-02-01', action: 'use', key: 'used', quantity: '0.5' },
      ],
      '2027-03-01',
    );
    expect(billsOf(answer)).toEqual([
      ['2027-01-01', '0.00'],
      ['2027-02-01', '0.00', '6.00'],
      ['2027-03-01', '0.00', '1.00'],
    ]);
  });

  test('credit for an invoice that is still owed reduces it, and is no money', () => {
    const answer = lifeOf(
      [basic, plan('lesser', fee('15.00'))],
      [
        {
          at: '2027-04-01',
          action: 'subscribe',
          plan: 'basic',
          collection_method: 'send_invoice',
        },
        { at: '2027-04-16', action: 'change', plan: 'lesser', effective: 'now' },
      ],
      '2027-04-30',
    );
    expect(answer.invoices.map(amountsOf)).toEqual([['30.00'], ['7.50']]);
    expect(answer.invoices[0]).toMatchObject({
      amount_credited: { amount: '15.00' },
      amount_due: { amount: '15.00' },
    });
    expect(answer.credit_notes).toMatchObject([{ invoice: 'INV-000001', amount: { amount: '15.00' } }]);
    expect(answer.balances).toEqual([]);
  });

  test('a grace period keeps renewals drafts, and they are charged when it is over', () => {
    const answer = lifeOf([basic], [{ at: '2027-01-01', action: 'subscribe', plan: 'basic' }], '2027-02-03', {
      tenant: { invoice_grace_hours: 36 },
    });
    expect(answer.invoices[1]).toMatchObject({
      at: '2027-02-01T00:00:00.000Z',
      finalized_at: '2027-02-02T12:00:00.000Z',
      paid_at: '2027-02-02T12:00:00.000Z',
    });
  });

  test('a balance at the start pays the first invoices', () => {
    const answer = lifeOf([basic], [{ at: '2027-01-01', action: 'subscribe', plan: 'basic' }], '2027-03-01', {
      customer: { currency: 'USD', balance: '40.00' },
    });
    expect(answer.invoices.map(({ balance_applied: { amount } }) => amount)).toEqual([
      '30.00',
      '10.00',
      '0.00',
    ]);
    expect(answer.balances).toEqual([{ amount: '0.00', currency: 'USD' }]);
  });

  test('a fixed number of cycles ends by itself, and a cancellation can be taken back', () => {
    const answer = lifeOf(
      [basic],
      [
        { at: '2027-01-01', action: 'subscribe', plan: 'basic', cycles: 3 },
        { at: '2027-01-15', action: 'cancel' },
        { at: '2027-01-16', action: 'uncancel' },
      ],
      '2027-12-31',
    );
    expect(statesOf(answer)).toEqual(['active 2027-01-01', 'expired 2027-04-01']);
    expect(answer.invoices).toHaveLength(3);
  });

  test('phases are thought one from the other, and one of them can be canceled', () => {
    const seats = plan('team', {
      key: 'seats',
      model: 'per_unit',
      currency: 'USD',
      unit_amount: '5.00',
      interval: { unit: 'month' },
    });
    const answer = lifeOf(
      [seats],
      [
        { at: '2027-01-01', action: 'subscribe', plan: 'team', items: [{ key: 'seats', quantity: 2 }] },
        {
          at: '2027-01-10',
          action: 'schedule',
          phases: [
            { start_at: '2027-02-01', items: [{ key: 'seats', quantity: 4 }] },
            { after_cycles: 1, items: [{ key: 'seats', quantity: 8 }] },
            { after_cycles: 1, items: [{ key: 'seats', quantity: 16 }] },
          ],
        },
        { at: '2027-01-11', action: 'cancel_scheduled', effective_at: '2027-03-01' },
      ],
      '2027-04-01',
    );
    expect(billsOf(answer)).toEqual([
      ['2027-01-01', '10.00'],
      ['2027-02-01', '20.00'],
      ['2027-03-01', '20.00'],
      ['2027-04-01', '80.00'],
    ]);
  });

  test('several subscriptions of one customer are charged and dunned as one line, the oldest first', () => {
    const answer = play({
      catalogue: { plans: [basic, pro] },
      timeline: [
        { at: '2027-01-01', action: 'subscribe', subscription: 'one', plan: 'basic' },
        { at: '2027-01-03', action: 'subscribe', subscription: 'two', plan: 'pro' },
        { at: '2027-01-20', action: 'decline' },
        { at: '2027-02-05T10:00', action: 'payment_method' },
      ],
      until: '2027-02-06',
    });
    expect(statesOf(answer, 0)).toEqual(['active 2027-01-01', 'past_due 2027-02-01', 'active 2027-02-05']);
    expect(statesOf(answer, 1)).toEqual(['active 2027-01-03', 'past_due 2027-02-03', 'active 2027-02-05']);
    expect(answer.invoices.map(({ status }) => status)).toEqual(['paid', 'paid', 'paid', 'paid']);
  });

  test('what is charged once at the creation is on the first invoice, or in a trial on one of its own', () => {
    const setup = { id: 'setup', prices: [{ ...fee('490.00', 'month', 'setup'), interval: null }] };
    const begin = (more: object, plans = [basic], method: 'succeeds' | 'declines' = 'succeeds') =>
      lifeOf(
        plans,
        [{ at: '2027-01-01', action: 'subscribe', plan: 'basic', once: [{ add_on: 'setup' }], ...more }],
        '2027-02-14',
        { catalogue: { plans, add_ons: [setup] }, customer: { payment_method: method } },
      );
    expect(billsOf(begin({}))).toEqual([
      ['2027-01-01', '30.00', '490.00'],
      ['2027-02-01', '30.00'],
    ]);
    expect(billsOf(begin({ once: undefined, add_ons: [{ add_on: 'setup' }] }))).toEqual(billsOf(begin({})));
    expect(billsOf(begin({ start_at: '2027-02-03' }))).toEqual([['2027-02-03', '30.00', '490.00']]);
    expect(billsOf(begin({ start_at: '2026-12-01' }))).toEqual([
      ['2027-01-01', '30.00', '30.00', '490.00'],
      ['2027-02-01', '30.00'],
    ]);
    expect(billsOf(begin({ trial_days: 14 }))).toEqual([
      ['2027-01-01', '490.00'],
      ['2027-01-15', '30.00'],
    ]);
    // A plan that is billed afterwards alone would owe nothing yet; what is charged once is owed all the same.
    const afterwards = begin({}, [plan('basic', { ...fee('30.00'), timing: 'in_arrears' })], 'declines');
    expect(billsOf(afterwards)).toEqual([['2027-01-01', '490.00']]);
    expect(statesOf(afterwards)).toEqual(['incomplete 2027-01-01', 'expired 2027-01-01']);
  });

  test('a cancellation for later gives back what is unused then: at the end of a period nothing, of a longer one the rest', () => {
    const both = plan('both', fee('30.00'), fee('365.00', 'year', 'licence'));
    const subscribe = { at: '2027-01-01', action: 'subscribe', plan: 'both' };
    const cancel = { at: '2027-01-10', action: 'cancel', credit: 'prorate' };
    const atInstant = lifeOf(
      [both],
      [subscribe, { ...cancel, mode: 'at', cancel_at: '2027-01-17' }],
      '2027-03-01',
    );
    expect(billsOf(atInstant)).toEqual([
      ['2027-01-01', '30.00', '365.00'],
      ['2027-01-17', '-14.52', '-349.00'],
    ]);
    const atEnd = lifeOf([both], [subscribe, { ...cancel, mode: 'period_end' }], '2027-03-01');
    expect(billsOf(atEnd).slice(1)).toEqual([['2027-02-01', '-334.00']]);
    expect(atEnd.balances).toEqual([{ amount: '334.00', currency: 'USD' }]);
  });

  test('what is given back of a draft reduces the draft, and is never spendable', () => {
    const subscribe = { at: '2027-01-01', action: 'subscribe', plan: 'pro' };
    const tenant = { invoice_grace_hours: 24 };
    const changed = lifeOf(
      [basic, pro],
      [subscribe, { at: '2027-02-01T12:00', action: 'change', plan: 'basic', effective: 'now' }],
      '2027-02-01T18:00',
      { tenant },
    );
    expect(billsOf(changed)).toEqual([
      ['2027-01-01', '90.00'],
      ['2027-02-01', '90.00', '-90.00'],
      ['2027-02-01', '30.00'],
    ]);
    expect(changed.invoices.map(({ status, total }) => [status, total.amount])).toEqual([
      ['paid', '90.00'],
      ['draft', '0.00'],
      ['paid', '30.00'],
    ]);
    expect([changed.balances, changed.credit_notes]).toEqual([[], []]);
    const canceled = lifeOf(
      [pro],
      [subscribe, { at: '2027-02-01T12:00', action: 'cancel', mode: 'now', credit: 'prorate' }],
      '2027-02-04',
      { tenant },
    );
    // The day of the cancellation is billed: 1 of 28 days, rounded by the credit for the other 27.
    expect(billsOf(canceled).slice(1)).toEqual([['2027-02-01', '90.00', '-86.79']]);
    expect(canceled.invoices[1]).toMatchObject({ status: 'paid', total: { amount: '3.21' } });
    expect(canceled.balances).toEqual([]);
  });

  test('what the engine refuses changes nothing and is named with its place', () => {
    const answer = lifeOf(
      [basic],
      [
        { at: '2027-01-01', action: 'subscribe', plan: 'basic' },
        { at: '2027-01-05', action: 'resume' },
        { at: '2027-01-06', action: 'change', plan: 'basic' },
        { at: '2027-01-07', action: 'use', key: 'fee', quantity: 1 },
        { at: '2027-01-08', action: 'set_quantity', key: 'seats', quantity: 2 },
        { at: '2027-01-09', action: 'pay' },
      ],
      '2027-01-31',
    );
    expect(answer.refused.map(({ action, code }) => [action, code])).toEqual([
      [1, 'resume_not_allowed'],
      [2, 'change_without_effect'],
      [3, 'usage_not_accepted'],
      [4, 'validation_failed'],
      [5, 'nothing_to_pay'],
    ]);
    expect(answer.invoices).toHaveLength(1);
  });
});
