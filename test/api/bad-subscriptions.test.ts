import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { query } from '../../src/persistence/rows.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

/** What a creation may not say. All of it is known before there is a command, so no command is ever written. */
let api: TestApi;
let key: string;
const ids: Record<string, string> = {};

const price = (changes: object = {}) => ({
  key: 'base',
  model: 'flat',
  unit_amount: '9',
  currency: 'EUR',
  interval: { unit: 'month' },
  ...changes,
});

beforeAll(async () => {
  api = await startTestApi();
  ({ key } = await api.tenant());
  const stranger = await api.tenant();
  const make = async (name: string, path: string, body: object, as = key) => {
    ids[name] = String((await api.send('post', path, { key: as, body })).body['id']);
  };
  await make('customer', '/v1/customers', { name: 'Ada' });
  await make('dollars', '/v1/customers', { name: 'Bob', currency: 'USD' });
  await make('gone', '/v1/customers', { name: 'Gone' });
  await api.send('delete', `/v1/customers/${ids['gone']}`, { key });
  await make('plan', '/v1/plans', {
    name: 'Pro',
    prices: [price(), price({ key: 'seats', model: 'per_unit' })],
  });
  await make('both', '/v1/plans', {
    name: 'Both',
    prices: [price(), price({ currency: 'USD' }), price({ key: 'seats', model: 'per_unit' })],
  });
  await make('archived', '/v1/plans', { name: 'Old', prices: [price()] });
  await api.send('post', `/v1/plans/${ids['archived']}/archive`, { key, body: {} });
  await make(
    'foreign',
    '/v1/plans',
    { name: 'Theirs', external_id: 'theirs', prices: [price()] },
    stranger.key,
  );
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

const day = (n: number) => new Date(Date.now() + n * 86_400_000).toISOString();
type Case = [string, () => object, [path: string, code: string][]];

const cases: Case[] = [
  [
    'nothing',
    () => ({ customer: undefined, plan: undefined }),
    [
      ['customer', 'required'],
      ['plan', 'required'],
    ],
  ],
  [
    'ids of the wrong kind',
    () => ({ customer: ids['plan'], plan: ids['customer'] }),
    [
      ['customer', 'format_invalid'],
      ['plan', 'format_invalid'],
    ],
  ],
  ['a plan of another tenant', () => ({ plan: ids['foreign'] }), [['plan', 'not_found']]],
  [
    'a plan of another tenant by its external id',
    () => ({ plan: 'external:theirs' }),
    [['plan', 'not_found']],
  ],
  [
    'a customer nobody has',
    () => ({ customer: 'external:nobody', plan: 'external:none' }),
    [
      ['customer', 'not_found'],
      ['plan', 'not_found'],
    ],
  ],
  ['a deleted customer', () => ({ customer: ids['gone'] }), [['customer', 'customer_deleted']]],
  ['an archived plan', () => ({ plan: ids['archived'] }), [['plan', 'plan_not_active']]],
  [
    'a currency the plan is not sold in',
    () => ({ currency: 'USD' }),
    [['currency', 'plan_currency_mismatch']],
  ],
  [
    'a customer of another currency',
    () => ({ customer: ids['dollars'] }),
    [['currency', 'plan_currency_mismatch']],
  ],
  ['no currency where there are two', () => ({ plan: ids['both'] }), [['currency', 'required']]],
  [
    'a price without this currency',
    () => ({ plan: ids['both'], currency: 'USD' }),
    [['currency', 'price_currency_missing']],
  ],
  ['an item the plan does not have', () => ({ items: [{ key: 'gold' }] }), [['items[0].key', 'unknown_key']]],
  ['an item twice', () => ({ items: [{ key: 'seats' }, { key: 'seats' }] }), [['items[1].key', 'duplicate']]],
  [
    'several of a flat price',
    () => ({ items: [{ key: 'base', quantity: 2 }] }),
    [['items[0].quantity', 'quantity_fixed']],
  ],
  [
    'a negative quantity',
    () => ({ items: [{ key: 'seats', quantity: -1 }] }),
    [['items[0].quantity', 'too_small']],
  ],
  [
    'a fraction as a number',
    () => ({ items: [{ key: 'seats', quantity: 1.5 }] }),
    [['items[0].quantity', 'type_invalid']],
  ],
  [
    'a quantity with thirteen decimals',
    () => ({ items: [{ key: 'seats', quantity: '0.1234567890123' }] }),
    [['items[0].quantity', 'format_invalid']],
  ],
  [
    'more than any invoice has room for',
    () => ({ items: [{ key: 'seats', quantity: '999999999999999' }] }),
    [['items[0].quantity', 'amount_too_large']],
  ],
  [
    'an agreed amount finer than its currency',
    () => ({ prices: [{ key: 'base', unit_amount: '9.001' }] }),
    [['prices[0].unit_amount', 'amount_invalid']],
  ],
  ['a start long ago', () => ({ start_at: day(-100) }), [['start_at', 'too_early']]],
  ['a start in eleven years', () => ({ start_at: day(4_100) }), [['start_at', 'too_far']]],
  ['a trial of 731 days', () => ({ trial_days: 731 }), [['trial_days', 'too_big']]],
  ['a trial that ends in three years', () => ({ trial_end: day(1_000) }), [['trial_end', 'trial_too_long']]],
  [
    'a trial that ends before it starts',
    () => ({ start_at: day(10), trial_end: day(9) }),
    [['trial_end', 'in_past']],
  ],
  ['two kinds of trial', () => ({ trial_days: 3, trial_end: day(3) }), [['trial_end', 'conflicting_fields']]],
  ['an end before the start', () => ({ start_at: day(10), cancel_at: day(9) }), [['cancel_at', 'in_past']]],
  [
    'an anchor in calendar billing',
    () => ({ billing_cycle: 'calendar', billing_anchor: day(3) }),
    [['billing_anchor', 'conflicting_fields']],
  ],
  ['net days where a card is charged', () => ({ net_days: 14 }), [['net_days', 'conflicting_fields']]],
  [
    'a day that does not exist',
    () => ({ start_at: '2027-02-30T00:00:00Z' }),
    [['start_at', 'instant_invalid']],
  ],
  ['a time without a zone', () => ({ start_at: '2027-02-03T00:00:00' }), [['start_at', 'instant_invalid']]],
  [
    'a year that is far too far',
    () => ({ cancel_at: '9999-12-31T23:59:59Z' }),
    [['cancel_at', 'instant_invalid']],
  ],
  ['a field of somewhere else', () => ({ coupon: 'x' }), [['coupon', 'unknown_field']]],
];

test.each(cases)('%s', async (_name, changes, errors) => {
  const reply = await api.send('post', '/v1/subscriptions', {
    key,
    body: { customer: ids['customer'], plan: ids['plan'], ...changes() },
  });
  expect([reply.status, reply.body['code']]).toEqual([422, 'validation_failed']);
  const named = reply.body['errors'] as { path: string; code: string; message: string }[];
  expect(named.map(({ path, code }) => [path, code])).toEqual(errors);
  for (const { message } of named) expect(message).toMatch(/\.$/);
  const written = await api.database.asSystem('test', (tx) => query(tx, sql`select from commands`));
  expect(written).toHaveLength(0);
});

describe('a plan', () => {
  const bad: [string, object, [path: string, code: string][]][] = [
    ['an amount as a number', { unit_amount: 9 }, [['prices[0].unit_amount', 'type_invalid']]],
    ['a negative amount', { unit_amount: '-9' }, [['prices[0].unit_amount', 'amount_invalid']]],
    [
      'more decimals than the currency has',
      { unit_amount: '9.999' },
      [['prices[0].unit_amount', 'amount_invalid']],
    ],
    [
      'decimals of yen',
      { unit_amount: '9.5', currency: 'JPY' },
      [['prices[0].unit_amount', 'amount_invalid']],
    ],
    [
      'thirteen decimals of a unit price',
      { model: 'per_unit', unit_amount: '0.1234567890123' },
      [['prices[0].unit_amount', 'amount_invalid']],
    ],
    ['an exponent', { unit_amount: '1e3' }, [['prices[0].unit_amount', 'amount_invalid']]],
    ['an unknown currency', { currency: 'ABC' }, [['prices[0].currency', 'currency_unknown']]],
    ['an unknown model', { model: 'magic' }, [['prices[0].model', 'not_one_of']]],
    [
      'an interval of no time',
      { interval: { unit: 'month', count: 0 } },
      [['prices[0].interval.count', 'too_small']],
    ],
    [
      'an interval of eleven years',
      { interval: { unit: 'year', count: 11 } },
      [['prices[0].interval.count', 'too_big']],
    ],
  ];
  test.each(bad)('with %s', async (_name, changes, errors) => {
    const reply = await api.send('post', '/v1/plans', {
      key,
      body: { name: 'Bad', prices: [price(changes)] },
    });
    expect(reply.status).toBe(422);
    const named = reply.body['errors'] as { path: string; code: string }[];
    expect(named.map(({ path, code }) => [path, code])).toEqual(errors);
  });

  test('with a slot that is sold twice, or differently per currency', async () => {
    const twice = await api.send('post', '/v1/plans', {
      key,
      body: { name: 'Bad', prices: [price(), price()] },
    });
    expect(twice.body['errors']).toMatchObject([{ path: 'prices[1].key', code: 'duplicate' }]);
    const differs = await api.send('post', '/v1/plans', {
      key,
      body: { name: 'Bad', prices: [price(), price({ currency: 'USD', interval: { unit: 'year' } })] },
    });
    expect(differs.body['errors']).toMatchObject([{ path: 'prices[1]', code: 'slot_differs' }]);
  });
});
