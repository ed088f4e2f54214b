import { describe, expect, test } from '@jest/globals';
import type { z } from 'zod';
import { validate } from '../../api/validate.ts';
import { planCreate, planVersionCreate } from '../../src/contract/plans.ts';
import { simulationCreate } from '../../src/contract/simulations.ts';
import { readThresholds } from '../../src/contract/usage-thresholds.ts';
import { type FieldError, isDomainError } from '../../src/domain/errors.ts';

function saidAgainst(schema: z.ZodType, body: unknown): FieldError[] {
  try {
    validate(schema, body);
    return [];
  } catch (error) {
    if (isDomainError(error) && error.details.errors) return error.details.errors;
    throw error;
  }
}

const price = (currency: string) => ({
  key: 'calls',
  model: 'per_unit',
  billing: 'usage',
  unit_amount: '0.01',
  currency,
  interval: { unit: 'month' },
});
const usd = { prices: [price('USD')] };
const both = { prices: [price('USD'), price('JPY')] };

const CASES: [string, object, object[], [string, string][]][] = [
  ['an amount of nothing', usd, [{ amount: '0.00' }], [['[0].amount', 'amount_invalid']]],
  ['an amount below zero', usd, [{ amount: '-5.00' }], [['[0].amount', 'amount_invalid']]],
  ['a number', usd, [{ amount: 5 }], [['[0].amount', 'type_invalid']]],
  ['a word', usd, [{ amount: 'much' }], [['[0].amount', 'amount_invalid']]],
  ['a tenth of a cent', usd, [{ amount: '5.001' }], [['[0].amount', 'amount_invalid']]],
  ['a field that there is not', usd, [{ amount: '5.00', at: 'end' }], [['[0].at', 'unknown_field']]],
  [
    'another currency than the plan has',
    usd,
    [{ amount: '5.00', currency: 'EUR' }],
    [['[0].currency', 'plan_currency_mismatch']],
  ],
  ['no currency where there are two', both, [{ amount: '5.00' }], [['[0].currency', 'required']]],
  ['decimals of yen', both, [{ amount: '5.5', currency: 'JPY' }], [['[0].amount', 'amount_invalid']]],
  ['one amount twice', usd, [{ amount: '5.00' }, { amount: '5.0' }], [['[1].amount', 'not_ascending']]],
  ['amounts out of order', usd, [{ amount: '5.00' }, { amount: '4.00' }], [['[1].amount', 'not_ascending']]],
  [
    'one that recurs before others',
    usd,
    [{ amount: '5.00', recurring: true }, { amount: '10.00' }],
    [['[1].recurring', 'recurring_not_last']],
  ],
  [
    'two that recur',
    usd,
    [
      { amount: '5.00', recurring: true },
      { amount: '10.00', recurring: true },
    ],
    [['[1].recurring', 'recurring_not_last']],
  ],
];

describe('thresholds that cannot be', () => {
  test.each(CASES)('%s', (_name, prices, thresholds, errors) => {
    const fields = { ...prices, usage_thresholds: thresholds };
    const expected = errors.map(([path, code]) => [`usage_thresholds${path}`, code]);
    for (const [schema, body] of [
      [planCreate, { name: 'Pro', ...fields }],
      [planVersionCreate, fields],
    ] as const) {
      const said = saidAgainst(schema, body);
      expect(said.map(({ path, code }) => [path, code])).toEqual(expected);
      for (const { message } of said) expect(message).toMatch(/^[A-Z"0-9].*[.]$/);
    }
  });

  test('are refused in a simulation, with their place in it', () => {
    const plans = [{ id: 'p', ...usd, usage_thresholds: [{ amount: '5.00' }, { amount: '5.00' }] }];
    const timeline = [{ at: '2027-01-01', action: 'subscribe', subscription: 's', plan: 'p' }];
    const said = saidAgainst(simulationCreate, { catalogue: { plans }, timeline, until: '2027-02-01' });
    expect(said).toMatchObject([
      { path: 'catalogue.plans[0].usage_thresholds[1].amount', code: 'not_ascending' },
    ]);
  });
});

test('each currency has thresholds of its own, in any order among them', () => {
  const usage_thresholds = [
    { amount: '5.00', currency: 'USD' },
    { amount: '100', currency: 'JPY' },
    { amount: '2.00', currency: 'USD', recurring: true },
    { amount: '900', currency: 'JPY' },
  ];
  const body = planCreate.parse({ name: 'Pro', ...both, usage_thresholds });
  expect(readThresholds(body).map(({ amount, ...rest }) => [amount.toFixed(), rest])).toEqual([
    ['5', { currency: 'USD', recurring: false }],
    ['100', { currency: 'JPY', recurring: false }],
    ['2', { currency: 'USD', recurring: true }],
    ['900', { currency: 'JPY', recurring: false }],
  ]);
});

test('without a currency they are in the only one that the plan has', () => {
  const body = planCreate.parse({ name: 'Pro', prices: [price('EUR')], usage_thresholds: [{ amount: '7' }] });
  expect(readThresholds(body)).toMatchObject([{ currency: 'EUR', recurring: false }]);
});
