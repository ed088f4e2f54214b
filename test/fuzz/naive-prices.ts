import type { SimulationBody } from '../../src/contract/simulations.ts';
import { Decimal } from '../../src/domain/money.ts';
import type { Stretch } from './naive-calendar.ts';

/** A price as a simulation's catalogue gives it. */
export type PriceBody = SimulationBody['catalogue']['plans'][number]['prices'][number];
export type Terms = PriceBody['terms'];
export type Used = { at: number; quantity: Decimal; properties: Record<string, string> };

const ZERO = new Decimal(0);
const total = (amounts: Decimal[]) => amounts.reduce((sum, amount) => sum.plus(amount), ZERO);

/** What a whole period costs, not rounded (billing rules 19–20). */
export function costOf(terms: Terms, quantity: Decimal, used: readonly Used[]): Decimal {
  switch (terms.model) {
    case 'flat':
    case 'minimum_commitment':
      return terms.unitAmount;
    case 'per_unit':
      return terms.unitAmount.times(quantity);
    case 'package':
      return terms.unitAmount.times(quantity.div(terms.size).ceil());
    case 'graduated':
      return graduated(terms.tiers, quantity, (tier, part) => tier.unitAmount.times(part));
    case 'graduated_percentage':
      return graduated(terms.tiers, quantity, (tier, part) => tier.rate.times(part).div(100));
    case 'volume': {
      const tier = terms.tiers.find(({ upTo }) => upTo === null || quantity.lte(upTo));
      return tier ? tier.unitAmount.times(quantity).plus(tier.flatAmount) : ZERO;
    }
    case 'percentage':
      return percentage(terms, used);
    case 'dynamic':
      return total(used.map((event) => event.quantity.times(terms.multiplier)));
    case 'matrix':
      return total(
        used.map((event) => {
          const cell = terms.cells.find(({ values }) =>
            terms.dimensions.every((dimension, place) => event.properties[dimension] === values[place]),
          );
          return event.quantity.times(cell?.unitAmount ?? terms.defaultUnitAmount ?? 0);
        }),
      );
  }
}

/** Tier by tier; the first one's flat amount is charged even when nothing was used. */
function graduated<Tier extends { upTo: Decimal | null; flatAmount: Decimal }>(
  tiers: readonly Tier[],
  quantity: Decimal,
  costOfPart: (tier: Tier, part: Decimal) => Decimal,
): Decimal {
  let cost = ZERO;
  let from = ZERO;
  for (const [index, tier] of tiers.entries()) {
    if (index > 0 && quantity.lte(from)) break;
    const to = tier.upTo === null || quantity.lt(tier.upTo) ? quantity : tier.upTo;
    cost = cost.plus(costOfPart(tier, to.minus(from))).plus(tier.flatAmount);
    from = to;
  }
  return cost;
}

function percentage(terms: Extract<Terms, { model: 'percentage' }>, used: readonly Used[]): Decimal {
  let freeEvents = terms.freeEvents ?? 0;
  let freeAmount = terms.freeAmount ?? ZERO;
  let cost = ZERO;
  for (const { quantity } of used) {
    if (freeEvents > 0) {
      freeEvents -= 1;
      continue;
    }
    const free = Decimal.min(freeAmount, quantity);
    freeAmount = freeAmount.minus(free);
    if (free.eq(quantity) && free.gt(0)) continue;
    let one = quantity.minus(free).times(terms.rate).div(100).plus(terms.fixedPerEvent);
    if (terms.eventMinimum && one.lt(terms.eventMinimum)) one = terms.eventMinimum;
    if (terms.eventMaximum && one.gt(terms.eventMaximum)) one = terms.eventMaximum;
    cost = cost.plus(one);
  }
  return cost;
}

/** What was used in a stretch: from its first instant until just before its last. */
export const usedIn = (all: readonly Used[], { start, end }: Stretch) =>
  all.filter(({ at }) => at >= start && at < end);

/**
 * Usage is not prorated, a licence is; what a period costs at least and at most is, for both. Rounded once (rule 2).
 * `apart`: each that was used is an hour or a day, and is priced alone (rule 19b).
 */
export function amountOf(
  price: PriceBody,
  quantity: Decimal,
  used: readonly Used[],
  part: Part,
  apart = false,
): Decimal {
  const ofPart = (amount: Decimal) => amount.times(part.units).div(part.whole);
  const measured = price.billing === 'usage';
  const counted = measured ? total(used.map((event) => event.quantity)) : quantity;
  const cost = apart
    ? total(used.map((one) => costOf(price.terms, one.quantity, [one])))
    : costOf(price.terms, counted, used);
  let amount = measured ? cost : ofPart(cost);
  if (price.minimum && amount.lt(ofPart(price.minimum))) amount = ofPart(price.minimum);
  if (price.maximum && amount.gt(ofPart(price.maximum))) amount = ofPart(price.maximum);
  return amount.toDecimalPlaces(DIGITS[price.currency] ?? 2, Decimal.ROUND_HALF_UP);
}

/** Units of so many of the whole contractual period (billing rule 11). */
export type Part = { units: number; whole: number };

const DIGITS: Record<string, number> = { JPY: 0, KRW: 0, KWD: 3, BHD: 3 };
