import { expect, test } from '@jest/globals';
import { goldenCase } from '../golden/read-cases.ts';
import { fee, lifeOf, plan } from '../support/simulations.ts';

/** D07: what a subscription is when its trial has ended, by how it is collected and whether its first charge fails. */

type Inputs = { rows: string[] };
type Expected = { states: string[] };

const START = '2026-03-01';
const TRIAL_DAYS = 14;

/** "charge_automatically, allow_incomplete, payment fails" as the terms of a subscription. */
function termsOf(row: string) {
  const [collectionMethod, paymentBehavior, charge] = row.split(', ');
  return {
    price: charge === 'zero due' ? '0.00' : '20.00',
    method: charge === 'payment fails' ? ('declines' as const) : ('succeeds' as const),
    terms: {
      collection_method: collectionMethod,
      payment_behavior: paymentBehavior,
      ...(collectionMethod === 'send_invoice' ? { net_days: 14 } : {}),
    },
  };
}

function afterTrial(row: string, then: { at: string; action: string }[], until: string) {
  const { price, method, terms } = termsOf(row);
  const subscribe = { at: START, action: 'subscribe', plan: 'p', trial_days: TRIAL_DAYS, ...terms };
  const customer = { payment_method: method };
  const answer = lifeOf([plan('p', fee(price))], [subscribe, ...then], until, { customer });
  return answer.subscriptions[0]?.status;
}

test('D07: when a trial ends each way of paying leads to its state, and payment in full makes active what waited', () => {
  const { inputs, expected } = goldenCase<Inputs, Expected>('D07');
  const states = inputs.rows.map((row) => afterTrial(row, [], '2026-03-15T12:00'));
  expect(states).toEqual(expected.states);
  const paid = [{ at: '2026-03-15T10:00', action: 'pay' }];
  const waiting = inputs.rows.filter((_row, n) => expected.states[n] === 'incomplete');
  for (const row of waiting) expect(afterTrial(row, paid, '2026-03-15T12:00')).toBe('active');
});
