import { describe, expect, test } from '@jest/globals';
import type { z } from 'zod';
import { validate } from '../../api/validate.ts';
import { subscriptionChange, subscriptionPause, subscriptionSchedule } from '../../src/contract/changes.ts';
import { priceEvaluate } from '../../src/contract/evaluations.ts';
import { addOnCreate, planCreate } from '../../src/contract/plans.ts';
import { subscriptionCancel, subscriptionCreate } from '../../src/contract/subscriptions.ts';
import { usageCreate } from '../../src/contract/usage.ts';
import { type FieldError, isDomainError } from '../../src/domain/errors.ts';

/** What is said against a body, field by field; nothing when it can be used. */
function saidAgainst(schema: z.ZodType, body: unknown): FieldError[] {
  try {
    validate(schema, body);
    return [];
  } catch (error) {
    if (isDomainError(error) && error.details.errors) return error.details.errors;
    throw error;
  }
}

type Case = [name: string, body: Record<string, unknown>, errors: [path: string, code: string][]];

function refusals(schema: z.ZodType, cases: Case[]): void {
  test.each(cases)('%s', (_name, body, errors) => {
    const said = saidAgainst(schema, body);
    expect(said.map(({ path, code }) => [path, code])).toEqual(errors);
    for (const { message } of said) expect(message).toMatch(/^[A-Z"0-9].*[.]$/);
  });
}

const price = (fields: Record<string, unknown>) => ({
  key: 'calls',
  currency: 'USD',
  interval: { unit: 'month' },
  ...fields,
});
const plan = (fields: Record<string, unknown>) => ({ name: 'Pro', prices: [price(fields)] });
const graduated = (...tiers: Record<string, unknown>[]) => ({ model: 'graduated', tiers });
const open = { up_to: null, unit_amount: '1' };
const at = (path: string) => `prices[0].${path}`;

describe('prices that cannot be sold', () => {
  const cases: [string, Record<string, unknown>, [string, string][]][] = [
    ['an unknown model', { model: 'tiered' }, [['model', 'not_one_of']]],
    ['no model', {}, [['model', 'required']]],
    [
      'a field of another model',
      { model: 'flat', unit_amount: '1', tiers: [] },
      [['tiers', 'unknown_field']],
    ],
    [
      'a number instead of a text',
      { model: 'per_unit', unit_amount: 0.1 },
      [['unit_amount', 'type_invalid']],
    ],
    ['an exponent', { model: 'per_unit', unit_amount: '1e3' }, [['unit_amount', 'amount_invalid']]],
    ['a price below zero', { model: 'per_unit', unit_amount: '-1' }, [['unit_amount', 'amount_invalid']]],
    [
      'thirteen decimals',
      { model: 'per_unit', unit_amount: '0.0000000000001' },
      [['unit_amount', 'amount_invalid']],
    ],
    [
      'a tenth of a cent as a flat amount',
      { model: 'flat', unit_amount: '1.001' },
      [['unit_amount', 'amount_invalid']],
    ],
    ['no tiers', graduated(), [['tiers', 'tiers_missing']]],
    [
      'tiers without an open end',
      graduated({ up_to: 10, unit_amount: '1' }, { up_to: 20, unit_amount: '1' }),
      [['tiers[1].up_to', 'tier_open_end_missing']],
    ],
    [
      'an open end in between',
      graduated(open, { up_to: 10, unit_amount: '1' }, open),
      [['tiers[0].up_to', 'tier_unreachable']],
    ],
    [
      'bounds that fall',
      graduated({ up_to: 20, unit_amount: '1' }, { up_to: 10, unit_amount: '1' }, open),
      [['tiers[1].up_to', 'tier_bounds_not_rising']],
    ],
    [
      'bounds that are the same',
      graduated({ up_to: 10, unit_amount: '1' }, { up_to: '10.0', unit_amount: '1' }, open),
      [['tiers[1].up_to', 'tier_bounds_not_rising']],
    ],
    [
      'a gap between tiers',
      graduated({ from: 0, up_to: 10, unit_amount: '1' }, { ...open, from: 11 }),
      [['tiers[1].from', 'tier_gap']],
    ],
    [
      'a first tier that begins above zero',
      graduated({ from: 1, up_to: 10, unit_amount: '1' }, open),
      [['tiers[0].from', 'tier_gap']],
    ],
    [
      'a commitment with a maximum, which would be two minimums',
      { model: 'minimum_commitment', unit_amount: '100.00', maximum: '70.00' },
      [['maximum', 'conflicting_fields']],
    ],
    [
      'tiers that overlap',
      graduated({ up_to: 10, unit_amount: '1' }, { ...open, from: '9.5' }),
      [['tiers[1].from', 'tier_overlap']],
    ],
    [
      'a bound of zero',
      graduated({ up_to: 0, unit_amount: '1' }, open),
      [['tiers[0].up_to', 'tier_bound_invalid']],
    ],
    [
      'more than a hundred tiers',
      graduated(...Array.from({ length: 101 }, () => open)),
      [['tiers', 'too_many']],
    ],
    ['a rate above a hundred percent', { model: 'percentage', rate: '100.1' }, [['rate', 'rate_invalid']]],
    ['a rate below zero', { model: 'percentage', rate: '-1' }, [['rate', 'rate_invalid']]],
    [
      'an event that costs at least more than at most',
      { model: 'percentage', rate: '1', event_minimum: '2', event_maximum: '1' },
      [['event_minimum', 'minimum_above_maximum']],
    ],
    [
      'a rate of a tier above its bounds',
      { model: 'graduated_percentage', tiers: [{ up_to: null, rate: '101' }] },
      [['tiers[0].rate', 'rate_invalid']],
    ],
    [
      'packages of nothing',
      { model: 'package', unit_amount: '1', package_size: '0' },
      [['package_size', 'too_small']],
    ],
    [
      'a matrix without cells',
      { model: 'matrix', dimensions: ['region'], cells: [] },
      [['cells', 'cells_missing']],
    ],
    [
      'a cell with too few values',
      { model: 'matrix', dimensions: ['region', 'size'], cells: [{ values: ['eu'], unit_amount: '1' }] },
      [['cells[0].values', 'values_mismatch']],
    ],
    [
      'a minimum above the maximum',
      { model: 'per_unit', unit_amount: '1', minimum: '10.00', maximum: '5.00' },
      [['minimum', 'minimum_above_maximum']],
    ],
    [
      'a minimum of a tenth of a cent',
      { model: 'per_unit', unit_amount: '1', minimum: '10.001' },
      [['minimum', 'amount_invalid']],
    ],
    [
      'usage in advance',
      { model: 'per_unit', unit_amount: '1', billing: 'usage', timing: 'in_advance' },
      [['timing', 'conflicting_fields']],
    ],
    [
      'a percentage of seats',
      { model: 'percentage', rate: '1', billing: 'licensed' },
      [['billing', 'conflicting_fields']],
    ],
    [
      'a commitment in advance',
      { model: 'minimum_commitment', unit_amount: '100.00', timing: 'in_advance' },
      [['timing', 'conflicting_fields']],
    ],
    [
      'what is charged once in a plan',
      { model: 'flat', unit_amount: '1', interval: null },
      [['interval', 'type_invalid']],
    ],
  ];
  refusals(
    planCreate,
    cases.map(([name, fields, errors]) => [
      name,
      plan(fields),
      errors.map(([path, code]) => [at(path), code]),
    ]),
  );

  test('a price whose currencies differ in more than the amount', () => {
    const prices = [
      price({ model: 'flat', unit_amount: '1.00' }),
      price({ model: 'flat', unit_amount: '1.00', currency: 'EUR', timing: 'in_arrears' }),
    ];
    expect(saidAgainst(planCreate, { name: 'Pro', prices })).toMatchObject([
      { path: 'prices[1]', code: 'slot_differs' },
    ]);
  });

  test('usage that is charged once', () => {
    const once = price({ model: 'per_unit', unit_amount: '1', billing: 'usage', interval: null });
    expect(saidAgainst(addOnCreate, { name: 'Setup', prices: [once] })).toMatchObject([
      { path: 'prices[0].interval', code: 'conflicting_fields' },
    ]);
  });
});

describe('questions about a price that have no answer', () => {
  const flat = { model: 'flat', currency: 'USD', unit_amount: '1.00' };
  refusals(priceEvaluate, [
    ['a price that is neither an id nor written out', { price: 'price_1' }, [['price', 'format_invalid']]],
    [
      'a price with a mistake',
      { price: { ...flat, unit_amount: '1e3' } },
      [['price.unit_amount', 'amount_invalid']],
    ],
    ['an unknown model', { price: { model: 'magic', currency: 'USD' } }, [['price.model', 'not_one_of']]],
    ['two quantities', { price: flat, quantity: 1, buckets: ['1'] }, [['buckets', 'conflicting_fields']]],
    [
      'more than the whole',
      { price: flat, fraction: { numerator: 32, denominator: 31 } },
      [['fraction.numerator', 'too_big']],
    ],
    [
      'a part beyond the whole',
      {
        price: flat,
        period: {
          start: '2027-01-01T00:00:00Z',
          end: '2027-02-01T00:00:00Z',
          whole: { start: '2027-01-02T00:00:00Z', end: '2027-02-01T00:00:00Z' },
        },
      },
      [['period.whole', 'period_invalid']],
    ],
    ['an event without a quantity', { price: flat, events: [{}] }, [['events[0].quantity', 'required']]],
  ]);
});

describe('changes that cannot be meant', () => {
  refusals(subscriptionChange, [
    ['nothing at all', {}, [['', 'required']]],
    ['a key that is named twice', { items: [{ key: 'a' }, { key: 'a' }] }, [['items[1].key', 'duplicate']]],
    ['an instant that is none', { plan: 'external:pro', effective: 'soon' }, [['effective', 'type_invalid']]],
    [
      'two anchors',
      { anchor: 'reset', billing_anchor: '2027-01-01T00:00:00Z' },
      [['anchor', 'conflicting_fields']],
    ],
    [
      'an agreed price that says nothing of what is agreed',
      { prices: [{ key: 'seats' }] },
      [['prices[0].unit_amount', 'required']],
    ],
    ['a quantity below zero', { items: [{ key: 'a', quantity: -1 }] }, [['items[0].quantity', 'too_small']]],
    ['a version of zero', { plan_version: 0 }, [['plan_version', 'too_small']]],
  ]);
});

describe('other commands that cannot be meant', () => {
  refusals(subscriptionSchedule, [
    ['no phases', { phases: [] }, [['phases', 'too_small']]],
    [
      'a phase without a beginning',
      { phases: [{ plan: 'external:pro' }] },
      [['phases[0].start_at', 'required']],
    ],
    [
      'a phase with two',
      { phases: [{ plan: 'external:pro', after_cycles: 1, start_at: '2027-01-01T00:00:00Z' }] },
      [['phases[0].start_at', 'conflicting_fields']],
    ],
    ['a phase that changes nothing', { phases: [{ after_cycles: 1 }] }, [['phases[0]', 'required']]],
  ]);
  refusals(subscriptionPause, [['a pause at noon', { effective: 'noon' }, [['effective', 'type_invalid']]]]);
  refusals(subscriptionCancel, [['a refund', { credit: 'refund' }, [['credit', 'not_one_of']]]]);
  const creation = { customer: 'external:ada', plan: 'external:pro' };
  refusals(subscriptionCreate, [
    ['no cycles', { ...creation, cycles: 0 }, [['cycles', 'too_small']]],
    [
      'an add-on that is a plan by its id',
      { ...creation, add_ons: [{ add_on: 'sub_01kaj3n6xve9ytv0w4s5h7m2pq' }] },
      [['add_ons[0].add_on', 'format_invalid']],
    ],
  ]);
  refusals(usageCreate, [
    ['usage below zero', { key: 'calls', quantity: '-1' }, [['quantity', 'format_invalid']]],
    [
      'a property that is a number',
      { key: 'calls', quantity: 1, properties: { a: 1 } },
      [['properties.a', 'type_invalid']],
    ],
  ]);
});
