import fc from 'fast-check';
import type { z } from 'zod';
import type { simulationCreate } from '../../src/contract/simulations.ts';
import type { Interval, Unit } from './naive-calendar.ts';

/** Random catalogues: every model, several cadences, in advance and in arrears, with minimum, maximum and commitment. */

export type Body = z.input<typeof simulationCreate>;
export type PlanIn = NonNullable<NonNullable<Body['catalogue']>['plans']>[number];
export type AddOnIn = NonNullable<NonNullable<Body['catalogue']>['add_ons']>[number];
type PriceIn = PlanIn['prices'][number];

export const DIGITS = { USD: 2, JPY: 0, KWD: 3, EUR: 2, KRW: 0, BHD: 3 } as const;
export type Currency = keyof typeof DIGITS;

/** `numerator` with so many decimals, written plainly. */
function decimal(numerator: number, decimals: number): string {
  const digits = String(numerator).padStart(decimals + 1, '0');
  return decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** A unit price: at most nine decimals, of about any size. */
const unitPrice = fc
  .record({ numerator: fc.integer({ min: 0, max: 99_999 }), decimals: fc.nat({ max: 9 }) })
  .map(({ numerator, decimals }) => decimal(numerator, decimals));

/** An amount that can stand on an invoice, once the currency is known. */
const wholeAmount = fc.integer({ min: 0, max: 99_999 });
const printed = (amount: number, currency: Currency) => decimal(amount, DIGITS[currency]);

const CALENDAR_UNITS: readonly Unit[] = ['month', 'week', 'quarter', 'half_year', 'year'];
const interval: fc.Arbitrary<Interval> = fc.oneof(
  { withCrossShrink: true },
  { weight: 5, arbitrary: fc.constant<Interval>({ unit: 'month', count: 1 }) },
  { weight: 3, arbitrary: fc.record({ unit: fc.constantFrom(...CALENDAR_UNITS), count: fc.constant(1) }) },
  {
    weight: 1,
    arbitrary: fc.record({ unit: fc.constant<Unit>('month'), count: fc.integer({ min: 2, max: 5 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ unit: fc.constant<Unit>('day'), count: fc.integer({ min: 10, max: 45 }) }),
  },
);

const tiers = fc
  .record({
    bounds: fc.uniqueArray(fc.oneof(fc.constantFrom(5, 10, 20), fc.integer({ min: 1, max: 200 })), {
      maxLength: 3,
    }),
    rows: fc.array(fc.tuple(unitPrice, wholeAmount), { minLength: 4, maxLength: 4 }),
  })
  .map(({ bounds, rows }) => {
    const sorted = [...bounds].sort((a, b) => a - b);
    return [...sorted, null].map((bound, n) => ({
      up_to: bound,
      unit: rows[n]?.[0] ?? '1',
      flat: rows[n]?.[1] ?? 0,
    }));
  });

const rate = fc.integer({ min: 0, max: 2_000 }).map((hundredths) => decimal(hundredths, 2));

/** The fields of one model, still without a currency. */
type Terms = (currency: Currency) => Record<string, unknown> & { model: string };

const perUnit = unitPrice.map(
  (unit_amount): Terms =>
    () => ({ model: 'per_unit', unit_amount }),
);
const flat = wholeAmount.map(
  (amount): Terms =>
    (currency) => ({ model: 'flat', unit_amount: printed(amount, currency) }),
);
const packaged = fc.tuple(unitPrice, fc.integer({ min: 1, max: 100 })).map(
  ([unit_amount, size]): Terms =>
    () => ({ model: 'package', unit_amount, package_size: String(size) }),
);
const tiered = fc.tuple(fc.constantFrom('graduated', 'volume'), tiers).map(
  ([model, rows]): Terms =>
    (currency) => ({
      model,
      tiers: rows.map(({ up_to, unit, flat: amount }) => ({
        up_to,
        unit_amount: unit,
        flat_amount: printed(amount, currency),
      })),
    }),
);
const byQuantity = fc.oneof(perUnit, packaged, tiered);

const percentage = fc
  .record({
    rate,
    fixed: unitPrice,
    freeEvents: fc.option(fc.nat({ max: 2 })),
    bounds: fc.option(fc.nat({ max: 50 })),
  })
  .map(
    ({ rate: percent, fixed, freeEvents, bounds }): Terms =>
      () => ({
        model: 'percentage',
        rate: percent,
        fixed_per_event: fixed,
        free_events: freeEvents,
        event_minimum: bounds === null ? null : String(bounds),
        event_maximum: bounds === null ? null : String(bounds * 3),
      }),
  );
const graduatedPercentage = fc.tuple(tiers, rate).map(
  ([rows, percent]): Terms =>
    (currency) => ({
      model: 'graduated_percentage',
      tiers: rows.map(({ up_to, flat: amount }) => ({
        up_to,
        rate: percent,
        flat_amount: printed(amount, currency),
      })),
    }),
);
const dynamic = unitPrice.map(
  (multiplier): Terms =>
    () => ({ model: 'dynamic', multiplier }),
);
const matrix = fc.tuple(unitPrice, unitPrice, fc.option(unitPrice)).map(
  ([eu, us, other]): Terms =>
    () => ({
      model: 'matrix',
      dimensions: ['region'],
      cells: [
        { values: ['eu'], unit_amount: eu },
        { values: ['us'], unit_amount: us },
      ],
      default_unit_amount: other,
    }),
);
const byEvent = fc.oneof(percentage, graduatedPercentage, dynamic, matrix);

type RawPrice = {
  terms: Terms;
  timing: 'in_advance' | 'in_arrears';
  own: Interval | null;
  least: number | null;
  most: number | null;
};

const rawPrice = (terms: fc.Arbitrary<Terms>, arrears: 'always' | 'sometimes'): fc.Arbitrary<RawPrice> =>
  fc.record({
    terms,
    timing:
      arrears === 'always'
        ? fc.constant('in_arrears' as const)
        : fc.constantFrom('in_advance' as const, 'in_advance' as const, 'in_arrears' as const),
    own: rarely(interval, 4),
    least: rarely(wholeAmount, 6),
    most: rarely(wholeAmount, 8),
  });

/** Null but for one in `odds`; null is what it shrinks to. */
export const rarely = <T>(arbitrary: fc.Arbitrary<T>, odds: number): fc.Arbitrary<T | null> =>
  fc.oneof(
    { withCrossShrink: true },
    { weight: odds - 1, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary },
  );

const threshold = fc.oneof(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 99_999 }));
const rawThresholds = fc.record({
  once: fc.uniqueArray(threshold, { maxLength: 3 }),
  every: rarely(fc.integer({ min: 50, max: 99_999 }), 2),
});

export const rawPlan = fc.record({
  interval,
  base: rawPrice(flat, 'sometimes'),
  seats: rarely(rawPrice(byQuantity, 'sometimes'), 2),
  usage: rarely(rawPrice(byQuantity, 'always'), 3),
  events: rarely(rawPrice(byEvent, 'always'), 4),
  commitment: rarely(wholeAmount, 5),
  thresholds: rarely(rawThresholds, 2),
});
export type RawPlan = typeof rawPlan extends fc.Arbitrary<infer T> ? T : never;
export const rawAddOn = fc.record({
  interval,
  price: rawPrice(fc.oneof(flat, perUnit), 'sometimes'),
  once: fc.boolean(),
});
export type RawAddOn = typeof rawAddOn extends fc.Arbitrary<infer T> ? T : never;

/** What all plans of one body agree on. */
export type Setting = { currency: Currency; calendar: boolean };

export function planOf(raw: RawPlan, id: string, setting: Setting): PlanIn {
  const own = plain(raw.interval, setting);
  const prices: PriceIn[] = [priceOf('base', raw.base, own, setting, 'licensed')];
  if (raw.seats) prices.push(priceOf('seats', raw.seats, own, setting, 'licensed'));
  if (raw.usage) prices.push(priceOf('usage', raw.usage, own, setting, 'usage'));
  if (raw.events) prices.push(priceOf('events', raw.events, own, setting, 'usage'));
  if (raw.commitment !== null) {
    const { currency } = setting;
    const unit_amount = printed(raw.commitment, currency);
    prices.push({ key: 'commitment', model: 'minimum_commitment', unit_amount, currency, interval: own });
  }
  return { id, prices, ...(raw.thresholds ? thresholdsOf(raw.thresholds, setting) : {}) };
}

function thresholdsOf(
  { once, every }: NonNullable<RawPlan['thresholds']>,
  { currency }: Setting,
): Pick<PlanIn, 'usage_thresholds'> {
  const ascending = [...once].sort((a, b) => a - b).map((amount) => ({ amount: printed(amount, currency) }));
  const last = every === null ? [] : [{ amount: printed(every, currency), recurring: true }];
  return { usage_thresholds: [...ascending, ...last] };
}

export function addOnOf(raw: RawAddOn, id: string, setting: Setting): AddOnIn {
  const { currency } = setting;
  const cadence = plain(raw.interval, setting);
  if (!raw.once) return { id, prices: [priceOf(id, raw.price, cadence, setting, 'licensed')] };
  const fields = raw.price.terms(currency);
  const amount = fields.model === 'flat' ? String(fields['unit_amount']) : printed(500, currency);
  return { id, prices: [{ key: id, model: 'flat', unit_amount: amount, currency, interval: null }] };
}

/** Calendar billing is only told of the calendar's own periods, where every count but one would be a matter of taste. */
function plain({ unit, count }: Interval, { calendar }: Setting): Interval {
  return calendar ? { unit: unit === 'day' ? 'month' : unit, count: 1 } : { unit, count };
}

function priceOf(
  key: string,
  raw: RawPrice,
  cadence: Interval,
  setting: Setting,
  billing: 'licensed' | 'usage',
): PriceIn {
  const { currency } = setting;
  const [least, most] =
    raw.least !== null && raw.most !== null && raw.least > raw.most
      ? [raw.most, raw.least]
      : [raw.least, raw.most];
  return {
    ...raw.terms(currency),
    key,
    currency,
    billing,
    timing: raw.timing,
    interval: raw.own ? plain(raw.own, setting) : cadence,
    ...(least === null ? {} : { minimum: printed(least, currency) }),
    ...(most === null ? {} : { maximum: printed(most, currency) }),
  } as PriceIn;
}
