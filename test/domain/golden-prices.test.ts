import { describe, expect, test } from '@jest/globals';
import { Decimal, roundToMinor } from '../../src/domain/money.ts';
import type { PriceTerms, TermsOf, Usage } from '../../src/domain/price-terms.ts';
import { prorate } from '../../src/domain/proration.ts';
import { type Limits, limit } from '../../src/domain/rating/limits.ts';
import { trueUp } from '../../src/domain/rating/minimum-commitment.ts';
import { rate } from '../../src/domain/rating/rate.ts';
import { followedCases, goldenCase } from '../golden/read-cases.ts';
import { d, type Num, tiers, used, usedBuckets, usedEvents } from '../support/rating.ts';

type GoldenTier = { up_to: Num | null; unit: Num; flat?: Num };
type Quantities = { amount_by_quantity: Record<string, Num> };

const tiersOf = (rows: GoldenTier[]) => tiers(...rows.map((row) => tierRow(row)));
const tierRow = ({ up_to, unit, flat }: GoldenTier): [Num | null, Num, Num] => [up_to, unit, flat ?? 0];

function expectAmount(actual: Decimal, expected: Num): void {
  expect(actual.toFixed()).toBe(d(expected).toFixed());
}

function expectCost(terms: PriceTerms, usage: Usage, expected: Num): void {
  expectAmount(rate(terms, usage).exact, expected);
}

function percentage(change: Partial<TermsOf<'percentage'>>): PriceTerms {
  return {
    model: 'percentage',
    rate: d(0),
    fixedPerEvent: d(0),
    freeEvents: null,
    freeAmount: null,
    eventMinimum: null,
    eventMaximum: null,
    ...change,
  };
}

function limits(change: Partial<Limits>): Limits {
  return { minimum: null, maximum: null, fraction: null, alreadyBilled: null, currency: 'USD', ...change };
}

/** What each followed case of area A asks of a price. The texts of a case name the terms; the numbers come from it. */
const stories: Record<string, () => void> = {
  A02() {
    type Inputs = { tiers: GoldenTier[]; quantity: Num };
    const { inputs, expected } = goldenCase<Inputs, { amount: Num }>('A02');
    expectCost({ model: 'graduated', tiers: tiersOf(inputs.tiers) }, used(inputs.quantity), expected.amount);
  },

  A03() {
    const { inputs, expected } = goldenCase<{ tiers: GoldenTier[] }, Quantities>('A03');
    for (const [quantity, amount] of Object.entries(expected.amount_by_quantity))
      expectCost({ model: 'graduated', tiers: tiersOf(inputs.tiers) }, used(quantity), amount);
  },

  A04() {
    const { inputs, expected } = goldenCase<{ tiers: GoldenTier[] }, Quantities>('A04');
    for (const [quantity, amount] of Object.entries(expected.amount_by_quantity))
      expectCost({ model: 'volume', tiers: tiersOf(inputs.tiers) }, used(quantity), amount);
  },

  A09() {
    type Inputs = { events_amounts: Num[]; fixed_per_event: Num; variants: string[] };
    const { inputs, expected } = goldenCase<Inputs, { amounts: Num[] }>('A09');
    const amounts = inputs.variants.map((variant) => {
      const [, percent = '', free = ''] = /^([\d.]+)%, (\d+|none) free/.exec(variant) ?? [];
      const terms = percentage({
        rate: d(percent),
        fixedPerEvent: d(inputs.fixed_per_event),
        freeEvents: free === 'none' ? null : Number(free),
      });
      return rate(terms, usedEvents(...inputs.events_amounts)).exact.toFixed();
    });
    expect(amounts).toEqual(expected.amounts);
  },

  A10() {
    type Inputs = { rate_pct: Num; events_amounts: Num[]; variants: string[] };
    const { inputs, expected } = goldenCase<Inputs, { amounts: Num[] }>('A10');
    const bounds = /min ([\d.]+) max ([\d.]+)/.exec(inputs.variants[1] ?? '');
    const amounts = inputs.variants.map((variant) => {
      const named = (pattern: RegExp) => pattern.exec(variant)?.[1] ?? null;
      const fixed = named(/fixed ([\d.]+) per event/);
      const [freeEvents, freeAmount] = [named(/(\d+) free events/), named(/([\d.]+) free amount/)];
      const isLimited = variant !== 'no min/max';
      const terms = percentage({
        rate: d(inputs.rate_pct),
        fixedPerEvent: d(fixed ?? 0),
        freeEvents: freeEvents === null ? null : Number(freeEvents),
        freeAmount: freeAmount === null ? null : d(freeAmount),
        eventMinimum: isLimited ? d(bounds?.[1] ?? Number.NaN) : null,
        eventMaximum: isLimited ? d(bounds?.[2] ?? Number.NaN) : null,
      });
      return rate(terms, usedEvents(...inputs.events_amounts)).exact.toFixed();
    });
    expect(amounts).toEqual(expected.amounts);
  },

  A16() {
    type Inputs = { size: Num; price: Num; already_billed_units: Num; line_units: Num };
    const { inputs, expected } = goldenCase<Inputs, { amount: Num }>('A16');
    const terms: PriceTerms = { model: 'package', unitAmount: d(inputs.price), size: d(inputs.size) };
    const alreadyBilled = rate(terms, used(inputs.already_billed_units)).exact;
    const { exact } = rate(terms, used(d(inputs.already_billed_units).plus(inputs.line_units).toFixed()));
    expectAmount(limit(exact, limits({ alreadyBilled })).exact, expected.amount);
  },

  // The discount is the invoice's; the price's part is that the maximum holds for what is left after it.
  A18() {
    type Inputs = { unit: Num; line_units: Num; discount_pct: Num; max_amount: Num };
    type WithBilled = Inputs & { already_billed_after_discount: Num };
    const { inputs, expected } = goldenCase<WithBilled, { gross: Num; discounts: Num[]; amount: Num }>('A18');
    const gross = rate({ model: 'per_unit', unitAmount: d(inputs.unit) }, used(inputs.line_units)).exact;
    expectAmount(gross, expected.gross);
    const discount = gross.times(inputs.discount_pct).div(100);
    expectAmount(discount, expected.discounts[0] ?? '');
    const maximum = d(inputs.max_amount);
    const alreadyBilled = d(inputs.already_billed_after_discount);
    expectAmount(limit(gross.minus(discount), limits({ maximum, alreadyBilled })).exact, expected.amount);
  },

  A20() {
    type Inputs = { multiplier: Num; usage_amount: Num };
    const { inputs, expected } = goldenCase<Inputs, { amount: Num }>('A20');
    const terms: PriceTerms = { model: 'dynamic', multiplier: d(inputs.multiplier) };
    expectAmount(roundToMinor(rate(terms, usedEvents(inputs.usage_amount)).exact, 'USD'), expected.amount);
  },

  A29() {
    type Inputs = { bucket_max_values: Num[]; unit: Num };
    const { inputs, expected } = goldenCase<Inputs, { amount: Num }>('A29');
    const usage = usedBuckets(...inputs.bucket_max_values);
    expectCost({ model: 'per_unit', unitAmount: d(inputs.unit) }, usage, expected.amount);
  },

  A30() {
    const { inputs, expected } = goldenCase<{ variants: string[] }, { amounts: Num[] }>('A30');
    const amounts = inputs.variants.map((variant) => {
      const [, units = '', unit = ''] = /^(\d+) x ([\d.]+)$/.exec(variant) ?? [];
      if (units !== '') return rate({ model: 'per_unit', unitAmount: d(unit) }, used(units)).exact.toFixed();
      const [, packed = '', size = '', price = ''] = /^(\d+) packs of (\d+) @ ([\d.]+)$/.exec(variant) ?? [];
      return rate({ model: 'package', unitAmount: d(price), size: d(size) }, used(packed)).exact.toFixed();
    });
    expect(amounts).toEqual(expected.amounts);
  },

  A34() {
    type Inputs = { quantity: Num; tiers: GoldenTier[] };
    const { inputs, expected } = goldenCase<Inputs, { graduated: Num; volume: Num }>('A34');
    for (const model of ['graduated', 'volume'] as const)
      expectCost({ model, tiers: tiersOf(inputs.tiers) }, used(inputs.quantity), expected[model]);
  },

  A35() {
    type Inputs = { quantity: Num; tiers: GoldenTier[] };
    const { inputs, expected } = goldenCase<Inputs, { graduated: Num }>('A35');
    expectCost(
      { model: 'graduated', tiers: tiersOf(inputs.tiers) },
      used(inputs.quantity),
      expected.graduated,
    );
  },

  A38() {
    const { title, inputs, expected } = goldenCase<{ minutes: Num; mbytes: Num }, { amount: Num }>('A38');
    const packs = [...title.matchAll(/\(([\d.]+) per (\d+)\)/g)].map(
      ([, price = '', size = '']): PriceTerms => ({
        model: 'package',
        unitAmount: d(price),
        size: d(size),
      }),
    );
    const amounts = [inputs.minutes, inputs.mbytes].map((quantity, index) => {
      const terms = packs[index];
      if (!terms) throw new Error('the title of A38 no longer names two prices');
      return rate(terms, used(quantity)).exact;
    });
    expectAmount(Decimal.sum(...amounts), expected.amount);
  },
};

describe('golden cases of area A, price models', () => {
  const cases = followedCases('A');

  test('every followed case has its story here', () => {
    expect(cases.map(({ id }) => id).sort()).toEqual(Object.keys(stories).sort());
  });

  for (const { id, title } of cases) test(`${id} ${title}`, () => stories[id]?.());
});

describe('golden cases of area G, as far as prices decide them', () => {
  test.each(['G01', 'G03'])('%s both the minimum and the fee are prorated and rounded', (id) => {
    type Inputs = { min_cents: Num; plan_fee_cents: Num; days: [number, number] };
    const { inputs, expected } = goldenCase<Inputs, { commitment_fee_cents: Num }>(id);
    const [numerator, denominator] = inputs.days;
    const part = { fraction: { numerator, denominator }, currency: 'USD' };
    const fee = prorate(d(inputs.plan_fee_cents).div(100), part.fraction, part.currency);
    const terms = { model: 'minimum_commitment', unitAmount: d(inputs.min_cents).div(100) } as const;
    expectAmount(trueUp(terms, fee, part).exact.times(100), expected.commitment_fee_cents);
  });

  test('G16 limits hold for the cumulative amount, and what was billed is taken off last', () => {
    const { title, expected } = goldenCase<unknown, { amounts: Num[] }>('G16');
    const [, maximum = '', before = '', minimum = '', beforeThat = ''] =
      /up to (\d+) with previous (\d+) .*minimum (\d+) with previous (\d+)/.exec(title) ?? [];
    const terms: PriceTerms = { model: 'graduated', tiers: tiers([100, 1], [null, 2]) };
    const much = rate(terms, used(1_000)).exact;
    const little = rate(terms, used(100)).exact;
    const amounts = [
      limit(much, limits({ maximum: d(maximum), alreadyBilled: d(before) })),
      limit(little, limits({ minimum: d(minimum), alreadyBilled: d(beforeThat) })),
    ];
    expect(amounts.map(({ exact }) => exact.toNumber())).toEqual(expected.amounts);
  });
});
