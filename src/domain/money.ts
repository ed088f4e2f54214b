import { Decimal as SharedDecimal } from 'decimal.js';
import { minorDigits } from './currency.ts';
import { DomainError } from './errors.ts';

/**
 * The number type of all money (billing rule 1): 40 significant digits, half away from zero, never exponent notation.
 * A private clone, so that no other library's `Decimal.set` can change how an invoice is rounded.
 */
export const Decimal = SharedDecimal.clone({
  defaults: true,
  precision: 40,
  rounding: SharedDecimal.ROUND_HALF_UP,
  toExpNeg: -9e15,
  toExpPos: 9e15,
});
export type Decimal = SharedDecimal;

/** Amounts are below this: fifteen digits before the point fit every money column with room for totals. */
const AMOUNT_LIMIT = new Decimal(10).pow(15);
const UNIT_PRICE_DECIMALS_MAX = 12;
const DECIMAL_STRING = /^(-?)(?:0|[1-9]\d{0,39})(?:\.(\d{1,40}))?$/;

/** Rounds once to the currency's minor unit, half away from zero (billing rule 2); never answers negative zero. */
export function roundToMinor(amount: Decimal, currency: string): Decimal {
  return withoutNegativeZero(finite(amount).toDecimalPlaces(minorDigits(currency), Decimal.ROUND_HALF_UP));
}

/** Whether an amount has more digits than a money column has room for. */
export function isTooLarge(amount: Decimal): boolean {
  return finite(amount).abs().gte(AMOUNT_LIMIT);
}

/** The exact sum; zero for an empty list. */
export function sum(amounts: readonly Decimal[]): Decimal {
  return amounts.reduce((total, amount) => total.plus(amount), new Decimal(0));
}

/**
 * Splits `total` in proportion to `weights` by largest remainder (billing rule 3): every part is a whole number of
 * minor units, within one unit of its exact share, and the parts sum to `total`. On equal remainders the earlier part
 * gets the unit. A negative total is split like its positive mirror image. A zero weight gets nothing, unless all
 * weights are zero: then the parts are equal.
 *
 * Throws `RangeError` on what only a programming mistake produces: a total that is not a whole number of minor units,
 * a negative weight, or no weights for a total other than zero.
 */
export function allocate(total: Decimal, weights: readonly Decimal[], currency: string): Decimal[] {
  const digits = minorDigits(currency);
  const units = integerAt(finite(total).abs(), digits);
  const shares = integerWeights(weights);
  const whole = shares.reduce((a, b) => a + b, 0n);
  if (whole === 0n) {
    if (units === 0n) return [];
    throw new RangeError('an amount cannot be split over nothing');
  }

  const parts = shares.map((share) => (units * share) / whole);
  const left = Number(units - parts.reduce((a, b) => a + b, 0n));
  const byRemainder = shares
    .map((share, index) => ({ index, remainder: (units * share) % whole }))
    .sort((a, b) => (a.remainder === b.remainder ? a.index - b.index : a.remainder < b.remainder ? 1 : -1));
  const luckyOnes = new Set(byRemainder.slice(0, left).map(({ index }) => index));

  return parts.map((part, index) => {
    const size = fromInteger(luckyOnes.has(index) ? part + 1n : part, digits);
    return withoutNegativeZero(total.isNegative() ? size.negated() : size);
  });
}

/**
 * Reads an amount in major units from a decimal string, for example `"19.99"`. A leading minus is accepted; where only
 * amounts from zero upward make sense the caller checks the sign.
 *
 * Throws `amount_invalid` when the text is not a plain decimal (no exponent, no plus, no leading zeros, no spaces), has
 * more decimals than the currency's minor unit, or is not below 10^15; `currency_unknown` for an unknown currency.
 */
export function parseAmount(text: string, currency: string): Decimal {
  const digits = minorDigits(currency);
  return parseDecimal(text, {
    decimalsMax: digits,
    tooPrecise: `${currency} has ${digits === 0 ? 'no decimals' : `${digits} decimals`}; round the amount before sending it.`,
  });
}

/**
 * Reads a unit price in major units: a decimal string from zero upward with at most 12 decimals (billing rule 2).
 * Throws `amount_invalid`.
 */
export function parseUnitPrice(text: string): Decimal {
  const price = parseDecimal(text, {
    decimalsMax: UNIT_PRICE_DECIMALS_MAX,
    tooPrecise: `A unit price has at most ${UNIT_PRICE_DECIMALS_MAX} decimals.`,
  });
  if (price.isNegative())
    throw amountInvalid('A unit price is zero or more; give a reduction as a discount.');
  return price;
}

/**
 * The amount with exactly the currency's digits: `"19.99"`, `"20.00"`, `"1500"` for JPY. Throws `RangeError` for an
 * amount that was never rounded, because printing would otherwise hide money.
 */
export function formatAmount(amount: Decimal, currency: string): string {
  const digits = minorDigits(currency);
  if (finite(amount).decimalPlaces() > digits) {
    throw new RangeError(
      `amount has more than the ${digits} decimals of ${currency}: round it before printing`,
    );
  }
  return amount.toFixed(digits);
}

/** A unit price with all its decimals and no more: `"0.0035"`, `"20"`. */
export function formatUnitPrice(price: Decimal): string {
  return finite(price).toFixed();
}

function parseDecimal(text: string, rule: { decimalsMax: number; tooPrecise: string }): Decimal {
  const match = DECIMAL_STRING.exec(text);
  if (match === null) throw amountInvalid('Write the amount as a plain decimal string such as "19.99".');
  if ((match[2]?.length ?? 0) > rule.decimalsMax) throw amountInvalid(rule.tooPrecise);
  const amount = new Decimal(text);
  if (amount.abs().gte(AMOUNT_LIMIT))
    throw amountInvalid('The amount has more than 15 digits before the decimal point.');
  return withoutNegativeZero(amount);
}

function amountInvalid(message: string): DomainError {
  return new DomainError('amount_invalid', message);
}

/** Integers in the proportion of the weights; BigInt, because a product of two long decimals can pass 40 digits. */
function integerWeights(weights: readonly Decimal[]): bigint[] {
  if (weights.some((weight) => finite(weight).isNegative() && !weight.isZero())) {
    throw new RangeError('a weight is negative');
  }
  if (weights.every((weight) => weight.isZero())) return weights.map(() => 1n);
  const decimals = Math.max(...weights.map((weight) => weight.decimalPlaces()));
  return weights.map((weight) => integerAt(weight, decimals));
}

/** `amount × 10^decimals`, moved in the text so that no precision is lost. */
function integerAt(amount: Decimal, decimals: number): bigint {
  if (amount.decimalPlaces() > decimals)
    throw new RangeError('the total is not a whole number of minor units');
  return BigInt(amount.toFixed(decimals).replace('.', ''));
}

function fromInteger(units: bigint, decimals: number): Decimal {
  const text = units.toString().padStart(decimals + 1, '0');
  const point = text.length - decimals;
  return new Decimal(decimals === 0 ? text : `${text.slice(0, point)}.${text.slice(point)}`);
}

function finite(amount: Decimal): Decimal {
  if (!amount.isFinite()) throw new RangeError('an amount is a finite number');
  return amount;
}

/** Negative zero compares as zero but prints and hashes differently in places; money has one zero. */
function withoutNegativeZero(amount: Decimal): Decimal {
  return amount.isZero() ? new Decimal(0) : amount;
}
