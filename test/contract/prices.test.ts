import { expect, test } from '@jest/globals';
import type { PriceDraft } from '../../src/contract/price-draft.ts';
import { overrideDraft, priceOverride, problemsOfOverride } from '../../src/contract/price-overrides.ts';
import { addOnPriceCreate, presentPrice, priceOut } from '../../src/contract/prices.ts';
import type { Price } from '../../src/domain/plan.ts';
import { readTerms, storeTerms } from '../../src/domain/price-terms.ts';

/** A price as a row, through the JSON that its terms are stored as. */
function rowOf({ interval, item, ...draft }: PriceDraft): Price {
  return {
    ...draft,
    id: 'price_01kaj3n6xve9ytv0w4s5h7m2pq',
    tenantId: 'ten',
    planId: 'plan_01kaj3n6xve9ytv0w4s5h7m2pq',
    planVersion: 1,
    subscriptionId: null,
    itemId: item,
    meterId: null,
    terms: readTerms(storeTerms(draft.terms)),
    intervalUnit: interval?.unit ?? null,
    intervalCount: interval?.count ?? null,
    createdAt: new Date(0),
  };
}

const month = { interval: { unit: 'month', count: 1 } };
const tiers = [
  { up_to: '10', unit_amount: '1', flat_amount: '5' },
  { up_to: null, unit_amount: '0.5', flat_amount: '0' },
];

const licensed = { billing: 'licensed', timing: 'in_advance' };
const used = { billing: 'usage', timing: 'in_arrears' };

test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
  ['flat', { unit_amount: '29', ...month }, licensed],
  ['flat', { unit_amount: '29', interval: null }, licensed],
  ['per_unit', { unit_amount: '0.000000000001', minimum: '5.00', maximum: '10.00', ...month }, licensed],
  ['per_unit', { unit_amount: '1', billing: 'usage', ...month }, used],
  ['package', { unit_amount: '15', package_size: '10', ...month }, licensed],
  ['graduated', { tiers, ...month }, licensed],
  ['volume', { tiers, billing: 'usage', ...month }, used],
  [
    'percentage',
    {
      rate: '2.5',
      fixed_per_event: '0.1',
      free_events: 3,
      free_amount: '30',
      event_minimum: '1',
      event_maximum: '12',
      ...month,
    },
    used,
  ],
  ['graduated_percentage', { tiers: [{ up_to: null, rate: '1', flat_amount: '2' }], ...month }, used],
  ['dynamic', { multiplier: '1.33333', ...month }, used],
  [
    'matrix',
    {
      dimensions: ['region', 'size'],
      cells: [{ values: ['eu', 'l'], unit_amount: '3' }],
      default_unit_amount: '1',
      ...month,
    },
    used,
  ],
  ['minimum_commitment', { unit_amount: '500', ...month }, { billing: 'licensed', timing: 'in_arrears' }],
])('a %s price is shown with what it was written with, and with its defaults', (model, fields, defaults) => {
  const written = { key: 'x', model, currency: 'USD', ...fields };
  const shown = presentPrice(rowOf(addOnPriceCreate.parse(written)));
  expect(priceOut.parse(shown)).toEqual(shown);
  expect(shown).toMatchObject({ ...written, ...defaults, name: 'x' });
});

test('a price that is agreed takes what it does not say from the one it stands in for', () => {
  const sold = rowOf(
    addOnPriceCreate.parse({
      key: 'calls',
      name: 'API calls',
      model: 'per_unit',
      unit_amount: '1',
      currency: 'EUR',
      billing: 'usage',
      ...month,
    }),
  );
  const agreed = overrideDraft(priceOverride.parse({ key: 'calls', model: 'volume', tiers }), sold);
  expect(presentPrice(rowOf(agreed))).toMatchObject({
    name: 'API calls',
    currency: 'EUR',
    model: 'volume',
    billing: 'usage',
    timing: 'in_arrears',
    ...month,
  });
  const flat = overrideDraft(priceOverride.parse({ key: 'calls', model: 'flat', unit_amount: '5' }), sold);
  expect(presentPrice(rowOf(flat))).toMatchObject({ billing: 'licensed', timing: 'in_advance' });
});

const calls = { key: 'calls', currency: 'USD', ...month };

const agreedFor = (sold: Price, override: Record<string, unknown>) => {
  const read = priceOverride.parse({ key: sold.key, ...override });
  return { draft: overrideDraft(read, sold), problems: problemsOfOverride(read, sold) };
};

test('an agreed price without a model is the one that is sold, with another amount', () => {
  const packages = { model: 'package', package_size: '10', minimum: '5', maximum: '90' };
  const sold = rowOf(
    addOnPriceCreate.parse({ ...calls, ...packages, unit_amount: '1', billing: 'licensed' }),
  );
  const { draft, problems } = agreedFor(sold, { unit_amount: '0.5', maximum: null });
  expect(problems).toEqual([]);
  expect(presentPrice(rowOf(draft))).toMatchObject({
    model: 'package',
    unit_amount: '0.5',
    package_size: '10',
    minimum: '5.00',
    maximum: null,
    ...month,
  });
});

test('an agreed price without a model and without an amount keeps the tiers that are sold', () => {
  const sold = rowOf(addOnPriceCreate.parse({ ...calls, model: 'volume', tiers }));
  const { draft, problems } = agreedFor(sold, { minimum: '7' });
  expect(problems).toEqual([]);
  expect(draft.terms).toEqual(sold.terms);
  expect(draft.minimum?.toFixed()).toBe('7');
});

test('an agreed price says where it cannot be', () => {
  const tiered = rowOf(addOnPriceCreate.parse({ ...calls, model: 'volume', tiers }));
  const counted = rowOf(addOnPriceCreate.parse({ ...calls, model: 'flat', unit_amount: '1' }));
  const paths = (sold: Price, override: Record<string, unknown>) =>
    agreedFor(sold, override).problems.map(({ path, code }) => [path, code]);
  expect(paths(tiered, { unit_amount: '1' })).toEqual([['unit_amount', 'conflicting_fields']]);
  expect(paths(counted, { unit_amount: '1.001' })).toEqual([['unit_amount', 'amount_invalid']]);
  expect(paths(tiered, { minimum: '5', maximum: '4' })).toHaveLength(1);
  expect(priceOverride.safeParse({ key: 'calls' }).error?.issues[0]?.path).toEqual(['unit_amount']);
  expect(priceOverride.safeParse({ key: 'calls', model: 'magic' }).error?.issues[0]?.message).toMatch(
    /or without one when only its amount is another\.$/,
  );
});
