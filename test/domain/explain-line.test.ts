import { describe, expect, test } from '@jest/globals';
import type { Period } from '../../src/domain/calendar.ts';
import { type ExplainedLine, explain } from '../../src/domain/explain-line.ts';
import { type Decimal, roundToMinor } from '../../src/domain/money.ts';
import type { PriceTerms, Usage } from '../../src/domain/price-terms.ts';
import { type Limits, limit } from '../../src/domain/rating/limits.ts';
import { rate } from '../../src/domain/rating/rate.ts';
import type { PricedTrace } from '../../src/domain/rating/trace.ts';
import { d, rateTiers, tiers, used, usedBuckets, usedEvents } from '../support/rating.ts';

const march: Period = { start: new Date('2027-03-01T00:00:00Z'), end: new Date('2027-04-01T00:00:00Z') };

type Story = {
  terms: PriceTerms;
  usage: Usage;
  description?: string;
  unitName?: string;
  period?: Period;
  currency?: string;
  part?: PricedTrace['fraction'];
  limits?: Partial<Limits>;
  sign?: 1 | -1;
};

/** The line that a price and its usage give, with the trace as it is stored. */
function lineOf({ terms, usage, part, ...story }: Story): ExplainedLine {
  const currency = story.currency ?? 'USD';
  const rating = rate(terms, usage);
  const whole = rating.exact.times(story.sign ?? 1);
  const prorated = part ? whole.times(part.numerator).div(part.denominator) : whole;
  const none: Limits = { minimum: null, maximum: null, fraction: null, alreadyBilled: null, currency };
  const limited = story.limits ? limit(prorated, { ...none, ...story.limits }) : null;
  const exact: Decimal = limited?.exact ?? prorated;
  const amount = roundToMinor(exact, currency);
  return {
    description: story.description ?? 'API calls',
    currency,
    amount,
    period: story.period ?? march,
    proration: part !== undefined,
    trace: {
      ...rating.trace,
      ...(part && { fraction: part }),
      ...(limited?.trace && { limits: limited.trace }),
      exact: exact.toFixed(),
      rounded: amount.toFixed(),
    },
    ...(story.unitName !== undefined && { unitName: story.unitName }),
  };
}

const sentencesOf = (story: Story, timeZone = 'UTC') => explain(lineOf(story), timeZone);
const seats: PriceTerms = { model: 'per_unit', unitAmount: d(9) };

describe('a line in words', () => {
  test('names the seats, their price, the days that count and the rounding', () => {
    const story: Story = {
      terms: seats,
      usage: used(10),
      description: 'Seats × 10 (17 of 31 days)',
      period: { start: new Date('2027-03-15T00:00:00Z'), end: march.end },
      part: { numerator: 17, denominator: 31, unit: 'day' },
    };
    expect(sentencesOf(story)).toEqual([
      '10 seats × 9.00 for 17 of 31 days (15 Mar – 31 Mar): 49.35',
      '49.354838… is rounded once, half away from zero, to the 2 decimals of USD: 49.35.',
    ]);
  });

  test.each<[string, Story, string[]]>([
    [
      'a flat price has its name',
      { terms: { model: 'flat', unitAmount: d(49) }, usage: used(1), description: 'Pro plan' },
      ['Pro plan at 49.00 (1 Mar – 31 Mar): 49.00'],
    ],
    [
      'names of units are kept as they are written, and one of them stands behind its name',
      { terms: seats, usage: used(1), unitName: 'seats' },
      ['Seats: 1 × 9.00 (1 Mar – 31 Mar): 9.00'],
    ],
    [
      'small prices keep their digits',
      { terms: { model: 'per_unit', unitAmount: d('0.0006') }, usage: used(65_000) },
      ['65000 API calls × 0.0006 (1 Mar – 31 Mar): 39.00'],
    ],
    [
      'a credit says that it gives back',
      { terms: seats, usage: used(2), unitName: 'seats', sign: -1 },
      ['Given back: 2 seats × 9.00 (1 Mar – 31 Mar): -18.00'],
    ],
    [
      'currencies without decimals have none',
      { terms: { model: 'per_unit', unitAmount: d('0.5') }, usage: used(3), currency: 'JPY' },
      ['3 API calls × 0.5 (1 Mar – 31 Mar): 2', '1.5 is rounded once, half away from zero, to whole JPY: 2.'],
    ],
    [
      'packages are counted first',
      { terms: { model: 'package', unitAmount: d(5), size: d(1000) }, usage: used(4500) },
      [
        '4500 API calls in packages of 1000: 5 packages, because one that is begun is paid whole.',
        '5 packages × 5.00 (1 Mar – 31 Mar): 25.00',
      ],
    ],
    [
      'each tier that was reached is a sentence',
      {
        terms: { model: 'graduated', tiers: tiers([100, '0.1'], [200, '0.08', 5], [null, '0.05']) },
        usage: used(250),
      },
      [
        'Tier up to 100: 100 API calls × 0.10: 10.00',
        'Tier above 100 up to 200: 100 API calls × 0.08 plus 5.00 for the tier: 13.00',
        'Tier above 200: 50 API calls × 0.05: 2.50',
        'Together (1 Mar – 31 Mar): 25.50',
      ],
    ],
    [
      'the tier that prices everything is named',
      { terms: { model: 'volume', tiers: tiers([100, '0.1'], [null, '0.05', 50]) }, usage: used(250) },
      [
        'All API calls are priced by the tier above 100.',
        '250 API calls × 0.05 plus 50.00 for the tier (1 Mar – 31 Mar): 62.50',
      ],
    ],
    [
      'events are told in groups: free, priced and limited',
      {
        terms: {
          model: 'percentage',
          rate: d(2),
          fixedPerEvent: d(1),
          freeEvents: null,
          freeAmount: d(30),
          eventMinimum: d('1.5'),
          eventMaximum: d(12),
        },
        usage: usedEvents(20, 20, 100, 5000),
        description: 'Payments',
      },
      [
        'Free of charge: 30.00, which covers 1 event.',
        '1 event: 2 % of 100.00 plus 1 × 1.00: 3.00',
        '1 event at the minimum of 1.50 per event: 1.50',
        '1 event at the maximum of 12.00 per event: 12.00',
        'Together (1 Mar – 31 Mar): 16.50',
      ],
    ],
    [
      'tiers of percent name their rates',
      {
        terms: { model: 'graduated_percentage', tiers: rateTiers([1000, 2, 5], [null, '1.5']) },
        usage: used(1500),
      },
      [
        'Tier up to 1000: 2 % of 1000.00 plus 5.00 for the tier: 25.00',
        'Tier above 1000: 1.5 % of 500.00: 7.50',
        'Together (1 Mar – 31 Mar): 32.50',
      ],
    ],
    [
      'a dynamic price is a product',
      { terms: { model: 'dynamic', multiplier: d('1.33333') }, usage: usedEvents(10) },
      [
        '10.00 × 1.33333 (1 Mar – 31 Mar): 13.33',
        '13.3333 is rounded once, half away from zero, to the 2 decimals of USD: 13.33.',
      ],
    ],
    [
      'each cell of a matrix that was used is a sentence',
      {
        terms: {
          model: 'matrix',
          dimensions: ['region', 'size'],
          cells: [{ values: ['eu', 'large'], unitAmount: d(2) }],
          defaultUnitAmount: null,
        },
        usage: usedEvents([5, { region: 'eu', size: 'large' }], [3, { region: 'eu' }]),
        unitName: 'machines',
      },
      [
        'For eu, large: 5 machines × 2.00: 10.00',
        'Everything else: 3 machines, for which there is no price: 0.00',
        'Together (1 Mar – 31 Mar): 10.00',
      ],
    ],
    [
      'a commitment says what the other lines come to',
      { terms: { model: 'minimum_commitment', unitAmount: d(100) }, usage: used('60.5') },
      ['100.00 agreed at least, less 60.50 on the other lines (1 Mar – 31 Mar): 39.50'],
    ],
    [
      'a commitment that the other lines reach adds nothing',
      { terms: { model: 'minimum_commitment', unitAmount: d(100) }, usage: used('160.5') },
      [
        '100.00 agreed at least, and the other lines come to 160.50, so nothing is added (1 Mar – 31 Mar): 0.00',
      ],
    ],
    [
      'an amount that is free ends within the first event',
      {
        terms: {
          model: 'percentage',
          rate: d(2),
          fixedPerEvent: d(0),
          freeEvents: null,
          freeAmount: d(30),
          eventMinimum: null,
          eventMaximum: null,
        },
        usage: usedEvents(80),
      },
      [
        'Free of charge: 30.00 of the first event.',
        '1 event: 2 % of 50.00: 1.00',
        'Together (1 Mar – 31 Mar): 1.00',
      ],
    ],
    [
      'a name may have parentheses and a cross',
      {
        terms: { model: 'flat', unitAmount: d(30) },
        usage: used(1),
        description: 'Licence (pro) × large (17 of 31 days)',
        part: { numerator: 17, denominator: 31, unit: 'day' },
      },
      [
        'Licence (pro) × large at 30.00 for 17 of 31 days (1 Mar – 17 Mar): 16.45',
        '16.451612… is rounded once, half away from zero, to the 2 decimals of USD: 16.45.',
      ],
    ],
    [
      'buckets are told one by one',
      { terms: { model: 'per_unit', unitAmount: d('0.1') }, usage: usedBuckets(9, 10) },
      [
        'The period is priced in 2 parts, each for itself.',
        'Part 1: 9 API calls × 0.10: 0.90',
        'Part 2: 10 API calls × 0.10: 1.00',
        'Together (1 Mar – 31 Mar): 1.90',
      ],
    ],
    [
      'a minimum that was reached says so, with its part',
      {
        terms: seats,
        usage: used(1),
        limits: { minimum: d(31), fraction: { numerator: 17, denominator: 31 } },
        part: { numerator: 17, denominator: 31, unit: 'day' },
        unitName: 'seats',
      },
      [
        'Seats: 1 × 9.00 for 17 of 31 days (1 Mar – 17 Mar): 4.935483…',
        'A period costs at least 31.00, for this part of a period 17.00, so that is what counts.',
      ],
    ],
    [
      'a maximum and what was billed before come after the sum',
      { terms: seats, usage: used(30), limits: { maximum: d(170), alreadyBilled: d(160) } },
      [
        '30 API calls × 9.00 (1 Mar – 31 Mar): 270.00',
        'A period costs at most 170.00, so that is what counts.',
        'Of this, 160.00 was billed before; what is left is on this line.',
      ],
    ],
  ])('%s', (_, story, expected) => {
    expect(sentencesOf(story)).toEqual(expected);
  });

  test('a long list is cut, and what lies behind is one sentence', () => {
    const story: Story = { terms: seats, usage: usedBuckets(...Array.from({ length: 744 }, () => 2)) };
    const sentences = sentencesOf(story);
    expect(sentences).toHaveLength(23);
    expect(sentences.slice(-2)).toEqual([
      '724 more parts, 1448 API calls: 13032.00',
      'Together (1 Mar – 31 Mar): 13392.00',
    ]);
  });
});

describe('the days of a line', () => {
  const flat: Story = { terms: { model: 'flat', unitAmount: d(10) }, usage: used(1), description: 'Fee' };

  test.each<[string, Story, string, string]>([
    [
      'are those of the zone',
      { ...flat, period: { start: new Date('2027-03-01T05:00:00Z'), end: new Date('2027-04-01T04:00:00Z') } },
      'America/New_York',
      '(1 Mar – 31 Mar)',
    ],
    [
      'have years where there are two',
      { ...flat, period: { start: new Date('2026-12-15T00:00:00Z'), end: new Date('2027-01-15T00:00:00Z') } },
      'UTC',
      '(15 Dec 2026 – 14 Jan 2027)',
    ],
    [
      'leave the day of a change to the new price',
      {
        ...flat,
        period: { start: march.start, end: new Date('2027-03-15T12:00:00Z') },
        part: { numerator: 14, denominator: 31, unit: 'day' },
      },
      'UTC',
      'for 14 of 31 days (1 Mar – 14 Mar)',
    ],
    [
      'contain the day of a cancellation',
      {
        ...flat,
        period: { start: march.start, end: new Date('2027-03-15T12:00:00Z') },
        part: { numerator: 15, denominator: 31, unit: 'day' },
      },
      'UTC',
      'for 15 of 31 days (1 Mar – 15 Mar)',
    ],
    [
      'may be a single one',
      {
        ...flat,
        period: { start: new Date('2027-03-31T00:00:00Z'), end: march.end },
        part: { numerator: 1, denominator: 31, unit: 'day' },
      },
      'UTC',
      'for 1 of 31 days (31 Mar)',
    ],
    [
      'are moments where seconds are billed',
      {
        ...flat,
        period: { start: new Date('2027-03-15T12:12:00Z'), end: march.end },
        part: { numerator: 1_424_880, denominator: 2_678_400, unit: 'second' },
      },
      'UTC',
      'for 1424880 of 2678400 seconds (15 Mar 12:12 – 1 Apr 00:00)',
    ],
    [
      'are moments with their years where there are two of those, and seconds where there are some',
      {
        ...flat,
        period: { start: new Date('2027-09-01T00:00:07Z'), end: new Date('2028-07-15T09:30:00Z') },
        part: { numerator: 27_509_393, denominator: 31_622_400, unit: 'second' },
      },
      'UTC',
      '(1 Sep 2027 00:00:07 – 15 Jul 2028 09:30)',
    ],
    [
      'are moments where a whole period, or the usage of one, ends within a day',
      { ...flat, period: { start: march.start, end: new Date('2027-03-16T10:00:00Z') } },
      'UTC',
      '(1 Mar 00:00 – 16 Mar 10:00)',
    ],
  ])('%s', (_, story, timeZone, expected) => {
    expect(sentencesOf(story, timeZone)[0]).toContain(expected);
  });
});
