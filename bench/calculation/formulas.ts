import { minorDigits } from '../../src/domain/currency.ts';
import { Decimal } from '../../src/domain/money.ts';
import type { PriceTerms, TermsOf, Usage } from '../../src/domain/price-terms.ts';
import type { Case } from './cases.ts';

/** The exact amount and the rounded one, as texts. */
export type Digits = { exact: string; rounded: string };

/**
 * The baseline: what somebody would write who wants the amount of a line and nothing else. It shares nothing with the
 * engine but Decimal and the digits of currencies, checks nothing and keeps no trace.
 */
export function digitsOf({ terms, usage, fraction, minimum, maximum, currency }: Case): Digits {
  const digits = minorDigits(currency);
  const part = (amount: Decimal) =>
    fraction ? amount.times(fraction.numerator).div(fraction.denominator) : amount;
  let amount = part(costOf(terms, usage));
  if (minimum) amount = Decimal.max(amount, part(minimum).toDecimalPlaces(digits));
  if (maximum) amount = Decimal.min(amount, part(maximum).toDecimalPlaces(digits));
  return { exact: amount.toFixed(), rounded: amount.toDecimalPlaces(digits).toFixed() };
}

function costOf(terms: PriceTerms, usage: Usage): Decimal {
  const { quantity } = usage;
  switch (terms.model) {
    case 'flat':
      return terms.unitAmount;
    case 'per_unit':
      return terms.unitAmount.times(quantity);
    case 'minimum_commitment':
      return Decimal.max(0, terms.unitAmount.minus(quantity));
    case 'package':
      return terms.unitAmount.times(quantity.div(terms.size).ceil());
    case 'graduated': {
      let total = new Decimal(0);
      let from = new Decimal(0);
      for (const { upTo, unitAmount, flatAmount } of terms.tiers) {
        const isLast = upTo === null || quantity.lte(upTo);
        total = total.plus((isLast ? quantity : upTo).minus(from).times(unitAmount)).plus(flatAmount);
        if (isLast) break;
        from = upTo;
      }
      return total;
    }
    case 'volume': {
      const tier = terms.tiers.find(({ upTo }) => upTo === null || quantity.lte(upTo));
      return tier ? quantity.times(tier.unitAmount).plus(tier.flatAmount) : new Decimal(0);
    }
    case 'graduated_percentage': {
      let total = new Decimal(0);
      let from = new Decimal(0);
      for (const { upTo, rate, flatAmount } of terms.tiers) {
        const isLast = upTo === null || quantity.lte(upTo);
        total = total.plus((isLast ? quantity : upTo).minus(from).times(rate).div(100)).plus(flatAmount);
        if (isLast) break;
        from = upTo;
      }
      return total;
    }
    case 'percentage':
      return percentage(terms, usage);
    case 'dynamic': {
      let total = new Decimal(0);
      for (const event of usage.events) total = total.plus(event.quantity);
      return total.times(terms.multiplier);
    }
    case 'matrix':
      return matrix(terms, usage);
  }
}

function percentage(terms: TermsOf<'percentage'>, { events }: Usage): Decimal {
  const share = terms.rate.div(100);
  let total = new Decimal(0);
  let eventsLeft = terms.freeEvents;
  let amountLeft = terms.freeAmount;
  for (const { quantity } of events) {
    let paid = quantity;
    const isFree = (eventsLeft !== null || amountLeft !== null) && eventsLeft !== 0 && !amountLeft?.isZero();
    if (isFree) {
      if (eventsLeft !== null) eventsLeft -= 1;
      if (amountLeft === null || amountLeft.gte(quantity)) {
        amountLeft = amountLeft?.minus(quantity) ?? null;
        continue;
      }
      paid = quantity.minus(amountLeft);
      amountLeft = new Decimal(0);
    }
    let cost = paid.times(share).plus(terms.fixedPerEvent);
    if (terms.eventMinimum?.gt(cost)) cost = terms.eventMinimum;
    else if (terms.eventMaximum?.lt(cost)) cost = terms.eventMaximum;
    total = total.plus(cost);
  }
  return total;
}

/** Of matrices with one dimension. */
function matrix({ dimensions, cells, defaultUnitAmount }: TermsOf<'matrix'>, { events }: Usage): Decimal {
  const [dimension = ''] = dimensions;
  const used = new Map<string, Decimal>();
  for (const { properties, quantity } of events) {
    const value = properties[dimension] ?? '';
    used.set(value, used.get(value)?.plus(quantity) ?? quantity);
  }
  let total = new Decimal(0);
  for (const [value, quantity] of used) {
    const cell = cells.find(({ values }) => values[0] === value);
    total = total.plus(quantity.times(cell?.unitAmount ?? defaultUnitAmount ?? 0));
  }
  return total;
}
