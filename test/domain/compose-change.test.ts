import { describe, expect, test } from '@jest/globals';
import {
  composeChange,
  type Holding,
  holdingAfter,
  type Sold,
  type WantedChange,
} from '../../src/domain/compose-change.ts';
import { Decimal } from '../../src/domain/money.ts';
import type { Price } from '../../src/domain/plan.ts';

const d = (text: string | number) => new Decimal(text);

/** `base` is flat, `calls` is billed by use, everything else is counted. */
function price(planId: string, key: string, changes: Partial<Price> = {}): Price {
  return {
    id: `price_${planId}_${key}`,
    tenantId: 'ten',
    planId,
    planVersion: 1,
    subscriptionId: null,
    key,
    name: key,
    itemId: null,
    meterId: null,
    currency: 'USD',
    terms: { model: key === 'base' ? 'flat' : 'per_unit', unitAmount: d(10) },
    billing: key === 'calls' ? 'usage' : 'licensed',
    minimum: null,
    maximum: null,
    timing: key === 'calls' ? 'in_arrears' : 'in_advance',
    intervalUnit: 'month',
    intervalCount: 1,
    createdAt: new Date(0),
    ...changes,
  };
}

const sold = (planId: string, keys: readonly string[], changes: Partial<Price> = {}): Sold => ({
  planId,
  version: 1,
  prices: keys.map((key) => price(planId, key, changes)),
});

const basic = sold('basic', ['base', 'seats', 'storage']);
const pro = sold('pro', ['base', 'seats', 'storage', 'support', 'calls']);
const backup = sold('backup', ['backup']);
const setup = sold('setup', ['setup'], { intervalUnit: null, intervalCount: null });

/** On basic with 5 seats, without storage, and with the add-on of 2 backups. */
const holding: Holding = {
  currency: 'USD',
  plan: basic,
  items: [
    { key: 'base', price: price('basic', 'base'), quantity: d(1) },
    { key: 'seats', price: price('basic', 'seats'), quantity: d(5) },
    { key: 'backup', price: price('backup', 'backup'), quantity: d(2) },
  ],
};
const nothing: WantedChange = { plan: null, items: null, addOns: [], once: [], remove: [], prices: [] };
const composed = (wanted: Partial<WantedChange>, from = holding) => {
  const { change, errors } = composeChange(from, { ...nothing, ...wanted });
  const shown = (targets: typeof change.set) =>
    targets.map(({ key, price: { planId }, quantity }) => `${key} ${planId} ${quantity.toFixed()}`);
  return { set: shown(change.set), remove: change.remove, once: shown(change.once), errors, change };
};

describe('a change is composed', () => {
  const cases: [string, Partial<WantedChange>, { set?: string[]; remove?: string[]; once?: string[] }][] = [
    [
      'another plan takes the quantities along, leaves out what was left out, and brings what is new',
      { plan: pro },
      { set: ['base pro 1', 'seats pro 5', 'support pro 1', 'calls pro 1'] },
    ],
    [
      'with named items only those are added',
      { plan: pro, items: [{ key: 'seats', quantity: d(8) }] },
      { set: ['base pro 1', 'seats pro 8'] },
    ],
    ['a quantity', { items: [{ key: 'seats', quantity: d(7) }] }, { set: ['seats basic 7'] }],
    [
      'what was left out joins when it is named',
      { items: [{ key: 'storage', quantity: null }] },
      { set: ['storage basic 1'] },
    ],
    [
      'the quantity of an add-on that is there',
      { items: [{ key: 'backup', quantity: d(3) }] },
      { set: ['backup backup 3'] },
    ],
    [
      'an add-on that is charged once',
      { addOns: [{ sold: setup, key: null, quantity: null }] },
      { once: ['setup setup 1'] },
    ],
    ['an item goes', { remove: ['backup'] }, { remove: ['backup'] }],
    [
      'an item of the plan that is taken stays out when it is removed',
      { plan: pro, remove: ['seats'] },
      { set: ['base pro 1', 'support pro 1', 'calls pro 1'], remove: ['seats'] },
    ],
    [
      'a price of its own for an item that stays',
      { prices: [{ key: 'seats', price: (instead) => ({ ...instead, id: 'price_own' }) }] },
      { set: ['seats basic 5'] },
    ],
  ];
  test.each(cases)('%s', (_name, wanted, { set = [], remove = [], once = [] }) => {
    expect(composed(wanted)).toMatchObject({ set, remove, once, errors: [] });
  });

  test('a creation takes all of a plan, or what is named', () => {
    const empty: Holding = { currency: 'USD', plan: null, items: [] };
    expect(composed({ plan: basic }, empty).set).toEqual([
      'base basic 1',
      'seats basic 1',
      'storage basic 1',
    ]);
    const two = { plan: basic, items: [{ key: 'seats', quantity: d(2) }] };
    expect(composed(two, empty).set).toEqual(['seats basic 2']);
  });

  test('an amount that no invoice has room for is refused where its quantity stands', () => {
    const many = d('999999999999999');
    const refused = (wanted: Partial<WantedChange>) =>
      composed(wanted).errors.map(({ path, code }) => [path, code]);
    const tooLarge = 'amount_too_large';
    expect(refused({ items: [{ key: 'seats', quantity: many }] })).toEqual([['items[0].quantity', tooLarge]]);
    expect(refused({ addOns: [{ sold: backup, key: null, quantity: many }] })).toEqual([
      ['add_ons[0].quantity', tooLarge],
    ]);
    expect(refused({ once: [{ sold: setup, key: null, quantity: many }] })).toEqual([
      ['once[0].quantity', tooLarge],
    ]);
    const dear = (instead: Price): Price => ({
      ...instead,
      terms: { model: 'per_unit', unitAmount: d('900000000000000') },
    });
    expect(refused({ prices: [{ key: 'seats', price: dear }] })).toEqual([['prices[0]', tooLarge]]);
    const half = d('60000000000000');
    const both = ['seats', 'storage'].map((key) => ({ key, quantity: half }));
    expect(refused({ items: both })).toEqual([['items[0].quantity', tooLarge]]);
    expect(refused({ items: both.slice(0, 1) })).toEqual([]);
  });

  test('what is there after it is where the next one starts', () => {
    const { change } = composed({ plan: pro });
    const after = holdingAfter(holding, change, pro);
    expect(after.items.map(({ key, price: { planId } }) => `${key} ${planId}`)).toEqual([
      'backup backup',
      'base pro',
      'seats pro',
      'support pro',
      'calls pro',
    ]);
    expect(composed({ plan: basic }, after).set).toEqual(['base basic 1', 'seats basic 5']);
  });
});

describe('what cannot be is refused with its path', () => {
  const cases: [string, Partial<WantedChange>, [string, string][]][] = [
    ['a key nobody has', { items: [{ key: 'seat', quantity: null }] }, [['items[0].key', 'unknown_key']]],
    [
      'more than one of a flat price',
      { items: [{ key: 'base', quantity: d(2) }] },
      [['items[0].quantity', 'quantity_fixed']],
    ],
    [
      'a quantity of what is billed by use',
      { plan: pro, items: [{ key: 'calls', quantity: d(2) }] },
      [['items[0].quantity', 'quantity_from_usage']],
    ],
    [
      'a plan in another currency',
      { plan: sold('euro', ['base'], { currency: 'EUR' }) },
      [['plan', 'plan_currency_mismatch']],
    ],
    [
      'an add-on in another currency',
      { addOns: [{ sold: sold('euro', ['x'], { currency: 'EUR' }), key: null, quantity: null }] },
      [['add_ons[0].add_on', 'plan_currency_mismatch']],
    ],
    [
      'an add-on with the key of the plan',
      { addOns: [{ sold: sold('other', ['seats']), key: null, quantity: null }] },
      [['add_ons[0]', 'item_key_taken']],
    ],
    ['an end of what is not there', { remove: ['storage'] }, [['remove[0]', 'unknown_key']]],
    [
      'a recurring price that is to be charged once',
      { once: [{ sold: backup, key: null, quantity: null }] },
      [['once[0].add_on', 'not_once']],
    ],
    [
      'a price for an item that is not there',
      { prices: [{ key: 'storage', price: (instead) => instead }] },
      [['prices[0].key', 'unknown_key']],
    ],
  ];
  test.each(cases)('%s', (_name, wanted, errors) => {
    expect(composed(wanted).errors.map(({ path, code }) => [path, code])).toEqual(errors);
    for (const { message } of composed(wanted).errors) expect(message).toMatch(/\S.*\.$/);
  });
});
