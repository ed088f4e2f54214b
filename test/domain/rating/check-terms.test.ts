import { describe, expect, test } from '@jest/globals';
import type { PriceTerms, TermsOf } from '../../../src/domain/price-terms.ts';
import { problemsOfLimits, problemsOfTerms } from '../../../src/domain/rating/check-terms.ts';
import { d, rateTiers, tiers } from '../../support/rating.ts';

const percentage: TermsOf<'percentage'> = {
  model: 'percentage',
  rate: d('2.9'),
  fixedPerEvent: d('0.3'),
  freeEvents: 3,
  freeAmount: d(500),
  eventMinimum: d(1),
  eventMaximum: d(1),
};
const matrix: TermsOf<'matrix'> = {
  model: 'matrix',
  dimensions: ['region', 'size'],
  cells: [{ values: ['eu', 's'], unitAmount: d(1) }],
  defaultUnitAmount: null,
};
const cell = (...values: string[]) => ({ values, unitAmount: d(1) });

test.each<[string, PriceTerms]>([
  ['flat', { model: 'flat', unitAmount: d(0) }],
  ['per unit', { model: 'per_unit', unitAmount: d('0.000000000001') }],
  ['package', { model: 'package', unitAmount: d(5), size: d('0.5') }],
  ['graduated', { model: 'graduated', tiers: tiers(['0.01', 0], [10, 1, 2], [null, 5]) }],
  ['volume with one open tier', { model: 'volume', tiers: tiers([null, 1]) }],
  ['percentage with both allowances', percentage],
  ['graduated percentage', { model: 'graduated_percentage', tiers: rateTiers([10, 0], [null, 100]) }],
  ['dynamic', { model: 'dynamic', multiplier: d('1.33333') }],
  ['matrix', matrix],
  ['minimum commitment', { model: 'minimum_commitment', unitAmount: d(100) }],
])('%s: nothing is wrong', (_, terms) => {
  expect(problemsOfTerms(terms)).toEqual([]);
});

describe('what is wrong is named with its path, its code and what to do', () => {
  const graduated = (...rows: Parameters<typeof tiers>): PriceTerms => ({
    model: 'graduated',
    tiers: tiers(...rows),
  });

  test.each<[string, PriceTerms, string[]]>([
    ['no tier at all', graduated(), ['tiers: tiers_missing']],
    [
      'too many tiers',
      graduated(...Array.from({ length: 101 }, (_, n): [number, number] => [n + 1, 1])),
      ['tiers: too_many'],
    ],
    ['no open end', graduated([10, 1], [20, 1]), ['tiers[1].up_to: tier_open_end_missing']],
    [
      'an open tier before the last',
      graduated([null, 1], [20, 1], [null, 1]),
      ['tiers[0].up_to: tier_unreachable'],
    ],
    ['bounds that fall', graduated([20, 1], [10, 1], [null, 1]), ['tiers[1].up_to: tier_bounds_not_rising']],
    [
      'the same bound twice',
      graduated([10, 1], [10, 1], [null, 1]),
      ['tiers[1].up_to: tier_bounds_not_rising'],
    ],
    ['a bound of zero', graduated([0, 1], [null, 1]), ['tiers[0].up_to: tier_bound_invalid']],
    [
      'amounts below zero in a tier',
      { model: 'volume', tiers: tiers([null, '-1', '-2']) },
      ['tiers[0].unit_amount: negative', 'tiers[0].flat_amount: negative'],
    ],
    ['a price below zero', { model: 'flat', unitAmount: d(-1) }, ['unit_amount: negative']],
    ['a package of nothing', { model: 'package', unitAmount: d(1), size: d(0) }, ['size: too_small']],
    [
      'a package of less than nothing',
      { model: 'package', unitAmount: d(1), size: d(-5) },
      ['size: too_small'],
    ],
    ['a rate above 100', { ...percentage, rate: d('100.1') }, ['rate: rate_invalid']],
    ['a rate below zero', { ...percentage, rate: d('-0.1') }, ['rate: rate_invalid']],
    [
      'a rate of a tier above 100',
      { model: 'graduated_percentage', tiers: rateTiers([10, 101], [null, 1, '-1']) },
      ['tiers[0].rate: rate_invalid', 'tiers[1].flat_amount: negative'],
    ],
    [
      'a minimum per event above the maximum',
      { ...percentage, eventMinimum: d(2) },
      ['event_minimum: minimum_above_maximum'],
    ],
    [
      'free events that are no whole number',
      { ...percentage, freeEvents: 1.5 },
      ['free_events: count_invalid'],
    ],
    ['a free amount below zero', { ...percentage, freeAmount: d(-1) }, ['free_amount: negative']],
    ['a multiplier below zero', { model: 'dynamic', multiplier: d(-1) }, ['multiplier: negative']],
    [
      'a matrix without a dimension',
      { ...matrix, dimensions: [], cells: [cell()] },
      ['dimensions: dimensions_invalid'],
    ],
    [
      'a matrix of three dimensions',
      { ...matrix, dimensions: ['a', 'b', 'c'], cells: [cell('1', '2', '3')] },
      ['dimensions: dimensions_invalid'],
    ],
    ['the same dimension twice', { ...matrix, dimensions: ['a', 'a'] }, ['dimensions: duplicate']],
    ['a matrix without cells', { ...matrix, cells: [] }, ['cells: cells_missing']],
    [
      'a cell twice',
      { ...matrix, cells: [cell('eu', 's'), cell('eu', 's')] },
      ['cells[1].values: duplicate'],
    ],
    ['a cell with a value too few', { ...matrix, cells: [cell('eu')] }, ['cells[0].values: values_mismatch']],
    [
      'too many cells',
      { ...matrix, cells: Array.from({ length: 1_001 }, (_, n) => cell('eu', String(n))) },
      ['cells: too_many'],
    ],
    ['a default below zero', { ...matrix, defaultUnitAmount: d(-1) }, ['default_unit_amount: negative']],
  ])('%s', (_, terms, expected) => {
    const problems = problemsOfTerms(terms);
    expect(problems.map(({ path, code }) => `${path}: ${code}`)).toEqual(expected);
    for (const { message } of problems) expect(message).toMatch(/^.{20,}\.$/);
  });

  test('a maximum for the period below the minimum', () => {
    expect(problemsOfLimits(d(10), d('9.99'))).toEqual([
      {
        path: 'minimum',
        code: 'minimum_above_maximum',
        message: 'The minimum 10 is above the maximum 9.99: lower it, or raise the maximum.',
      },
    ]);
    expect(problemsOfLimits(d(10), d(10))).toEqual([]);
    expect(problemsOfLimits(null, d(-1)).map(({ path, code }) => [path, code])).toEqual([
      ['maximum', 'negative'],
    ]);
  });
});
