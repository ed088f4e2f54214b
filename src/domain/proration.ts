import type { Period, ProrationBasis } from './calendar.ts';
import { civilDaysBetween } from './calendar.ts';
import type { Decimal } from './money.ts';
import { roundToMinor } from './money.ts';

/** Units of a part over units of the whole: civil days, or milliseconds in the basis `second`. Between 0 and 1. */
export type Fraction = { numerator: number; denominator: number };

/**
 * How much of the whole contractual period a part is (billing rule 11): a year with 29 February has 366 days, and a
 * leading stub is measured against the full period that ends at the first boundary (billing rule 8).
 *
 * `day` counts civil days of the zone: the day of the part's start counts, the day of its end does not, so the parts of
 * a period always add up to one. Where the day of the end is billed, pass `endOfBilledDay(end, …)` as the end.
 *
 * Throws `RangeError` when the part does not lie within the whole, or the whole is empty.
 */
export function fractionOf(part: Period, whole: Period, basis: ProrationBasis, timeZone: string): Fraction {
  if (part.start < whole.start || part.end > whole.end || part.start > part.end || whole.start >= whole.end) {
    throw new RangeError(`${text(part)} is not a part of ${text(whole)}`);
  }
  const length = (period: Period) =>
    basis === 'day' ? civilDaysBetween(period, timeZone) : period.end.getTime() - period.start.getTime();
  const denominator = length(whole);
  if (denominator === 0) throw new RangeError(`${text(whole)} has no civil day to be a part of`);
  return { numerator: length(part), denominator };
}

/** `amount × fraction`, rounded once to the currency's minor unit, half away from zero (billing rule 2). */
export function prorate(amount: Decimal, fraction: Fraction, currency: string): Decimal {
  if (fraction.denominator <= 0) throw new RangeError('a fraction has a denominator above zero');
  return roundToMinor(amount.times(fraction.numerator).dividedBy(fraction.denominator), currency);
}

function text({ start, end }: Period): string {
  return `[${start.toISOString()}, ${end.toISOString()})`;
}
