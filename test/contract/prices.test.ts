import { expect, test } from '@jest/globals';
import type { PriceDraft } from '../../src/contract/price-draft.ts';
import {
  addOnPriceCreate,
  overrideDraft,
  presentPrice,
  priceOut,
  priceOverride,
} from '../../src/contract/prices.ts';
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
