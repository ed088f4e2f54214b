import { Decimal } from '../../src/domain/money.ts';
import {
  PRICE_MODELS,
  type PriceModel,
  type PriceTerms,
  type Usage,
  type UsageEvent,
} from '../../src/domain/price-terms.ts';
import type { Fraction } from '../../src/domain/proration.ts';

/** One line to calculate: a price, what was used, and what of the period and which limits it is billed with. */
export type Case = {
  terms: PriceTerms;
  usage: Usage;
  fraction: Fraction | null;
  minimum: Decimal | null;
  maximum: Decimal | null;
  currency: string;
};

const CURRENCIES = ['USD', 'EUR', 'JPY', 'KWD'];
const REGIONS = ['eu', 'us', 'asia', 'africa', 'elsewhere'];
const EVENTS = 10;

/** So many cases of each model, always the same ones: every fourth is a part of a period, every fifth has limits. */
export function casesOf(model: PriceModel, count: number): Case[] {
  const pick = picker(PRICE_MODELS.indexOf(model) + 1);
  return Array.from({ length: count }, (_, index) => {
    const days = pick(28, 31);
    const isPart = index % 4 === 0;
    const isLimited = index % 5 === 0;
    return {
      terms: termsOf(model, pick),
      usage: usageOf(model, pick),
      fraction: isPart ? { numerator: pick(1, days - 1), denominator: days } : null,
      minimum: isLimited ? new Decimal(pick(1, 50)) : null,
      maximum: isLimited ? new Decimal(pick(100, 100_000)) : null,
      currency: CURRENCIES[index % CURRENCIES.length] ?? 'USD',
    };
  });
}

/** A whole number between two, both included. */
type Pick = (from: number, to: number) => number;

/** A sequence that is the same in every run, after Knuth's MMIX. */
function picker(seed: number): Pick {
  let state = BigInt(seed);
  return (from, to) => {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) & 0xffff_ffff_ffff_ffffn;
    return from + Number((state >> 33n) % BigInt(to - from + 1));
  };
}

function termsOf(model: PriceModel, pick: Pick): PriceTerms {
  const price = (digits: number) => new Decimal(pick(1, 999_999)).div(10 ** digits);
  const bounds = [pick(1, 100), pick(101, 1_000), pick(1_001, 5_000), null];
  const upTo = (bound: number | null) => (bound === null ? null : new Decimal(bound));
  switch (model) {
    case 'flat':
    case 'per_unit':
    case 'minimum_commitment':
      return { model, unitAmount: price(4) };
    case 'package':
      return { model, unitAmount: price(4), size: new Decimal(pick(1, 1_000)) };
    case 'graduated':
    case 'volume':
      return {
        model,
        tiers: bounds.map((bound) => ({ upTo: upTo(bound), unitAmount: price(6), flatAmount: price(4) })),
      };
    case 'percentage':
      return {
        model,
        rate: price(5),
        fixedPerEvent: price(6),
        freeEvents: pick(0, 3) || null,
        freeAmount: pick(0, 1) === 0 ? null : price(4),
        eventMinimum: price(5),
        eventMaximum: price(3),
      };
    case 'graduated_percentage':
      return {
        model,
        tiers: bounds.map((bound) => ({ upTo: upTo(bound), rate: price(5), flatAmount: price(5) })),
      };
    case 'dynamic':
      return { model, multiplier: price(5) };
    case 'matrix':
      return {
        model,
        dimensions: ['region'],
        cells: REGIONS.slice(0, 4).map((region) => ({ values: [region], unitAmount: price(5) })),
        defaultUnitAmount: price(5),
      };
  }
}

function usageOf(model: PriceModel, pick: Pick): Usage {
  const quantity = () => new Decimal(pick(0, 999_999)).div(100);
  if (model !== 'percentage' && model !== 'dynamic' && model !== 'matrix')
    return { quantity: quantity(), events: [], buckets: null };
  const events: UsageEvent[] = Array.from({ length: EVENTS }, (_, index) => ({
    at: new Date(Date.UTC(2027, 0, 1, index)),
    quantity: quantity(),
    properties: { region: REGIONS[pick(0, REGIONS.length - 1)] ?? 'eu' },
  }));
  return { quantity: Decimal.sum(...events.map((event) => event.quantity)), events, buckets: null };
}
