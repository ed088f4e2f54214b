import { describe, expect, test } from '@jest/globals';
import type { TermsOf } from '../../../src/domain/price-terms.ts';
import { rate } from '../../../src/domain/rating/rate.ts';
import { type MatrixTrace, TRACE_ROWS_MAX } from '../../../src/domain/rating/trace.ts';
import { d, used, usedEvents } from '../../support/rating.ts';

describe('a matrix price', () => {
  const byRegion: TermsOf<'matrix'> = {
    model: 'matrix',
    dimensions: ['region'],
    cells: [
      { values: ['eu'], unitAmount: d('0.2') },
      { values: ['us'], unitAmount: d('0.1') },
    ],
    defaultUnitAmount: d(1),
  };
  const byRegionAndSize: TermsOf<'matrix'> = {
    model: 'matrix',
    dimensions: ['region', 'size'],
    cells: [
      { values: ['eu', 's'], unitAmount: d(1) },
      { values: ['eu', 'l'], unitAmount: d(3) },
    ],
    defaultUnitAmount: null,
  };

  test.each([
    ['costs nothing where nothing happened', byRegion, usedEvents(), '0'],
    ['looks up a property', byRegion, usedEvents([10, { region: 'eu' }], [10, { region: 'us' }]), '3'],
    ['sums the events of a cell', byRegion, usedEvents([1, { region: 'eu' }], [2, { region: 'eu' }]), '0.6'],
    ['takes the default where no cell fits', byRegion, usedEvents([2, { region: 'mars' }]), '2'],
    ['takes the default where the property is missing', byRegion, usedEvents([2, { size: 'l' }]), '2'],
    ['takes the default for a plain quantity', byRegion, used(3), '3'],
    [
      'looks up two properties in their order',
      byRegionAndSize,
      usedEvents([2, { size: 'l', region: 'eu' }], [1, { region: 'eu', size: 's' }]),
      '7',
    ],
    [
      'costs nothing where no cell fits and there is no default',
      byRegionAndSize,
      usedEvents([2, { region: 'eu', size: 'xl' }], [1, { region: 'eu' }]),
      '0',
    ],
  ])('%s', (_, terms, usage, expected) => {
    expect(rate(terms, usage).exact.toFixed()).toBe(expected);
  });

  test('keeps values apart that only look alike when they are written one after the other', () => {
    const terms: TermsOf<'matrix'> = {
      model: 'matrix',
      dimensions: ['a', 'b'],
      cells: [{ values: ['x', '1:y,z'], unitAmount: d(5) }],
      defaultUnitAmount: d(1),
    };
    const usage = usedEvents([1, { a: 'x', b: '1:y,z' }], [1, { a: 'x,1:y', b: 'z' }]);
    expect(rate(terms, usage).exact.toFixed()).toBe('6');
  });

  test('shows the cells that were used, and what fitted none', () => {
    const usage = usedEvents([2, { region: 'us' }], [1, { region: 'mars' }], [4, {}]);
    expect(rate(byRegion, usage).trace).toEqual({
      model: 'matrix',
      dimensions: ['region'],
      quantity: '7',
      cells: [
        { values: ['us'], quantity: '2', unitAmount: '0.1', amount: '0.2' },
        { values: null, quantity: '5', unitAmount: '1', amount: '5' },
      ],
    });
  });

  test('shows that something has no price', () => {
    const { trace } = rate(byRegionAndSize, usedEvents([4, { region: 'us', size: 's' }]));
    expect((trace as MatrixTrace).cells).toEqual([
      { values: null, quantity: '4', unitAmount: null, amount: '0' },
    ]);
  });

  test('shows so many cells and the others as one', () => {
    const names = Array.from({ length: TRACE_ROWS_MAX + 20 }, (_, index) => `r${index}`);
    const terms = {
      ...byRegion,
      cells: names.map((name) => ({ values: [name], unitAmount: d(2) })),
    };
    const usage = usedEvents(...names.map((region): [number, { region: string }] => [3, { region }]));
    const { exact, trace } = rate(terms, usage);
    expect(exact.toFixed()).toBe('720');
    const { cells, moreCells } = trace as MatrixTrace;
    expect(cells).toHaveLength(TRACE_ROWS_MAX);
    expect(moreCells).toEqual({ count: 20, quantity: '60', amount: '120' });
  });
});
