import { contractualPeriod, endOfBilledDay, type Period, type ProrationBasis } from './calendar.ts';
import type { BillingReason, LineTrace } from './invoice.ts';
import { Decimal, roundToMinor, sum } from './money.ts';
import { intervalOf, unitAmountOf } from './plan.ts';
import { type Fraction, fractionOf } from './proration.ts';
import { type BilledPeriod, cadenceOf, type PricedItem, type Subscription } from './subscription.ts';

/** A line before it has an id and an invoice. */
export type LineDraft = {
  itemId: string;
  priceId: string;
  description: string;
  quantity: Decimal;
  unitAmount: Decimal | null;
  amount: Decimal;
  period: Period;
  proration: boolean;
  trace: LineTrace;
};

export type InvoiceDraft = {
  billingReason: BillingReason;
  /** The boundary that made it; with the subscription it names the invoice, so it is made once. */
  at: Date;
  lines: readonly LineDraft[];
  period: Period;
};

/** A stretch of an item's life that this decision accounts for; `line` is the index of the line that bills it. */
export type Coverage = Pick<BilledPeriod, 'itemId' | 'period' | 'reason'> & { line: number | null };

/** The sum of the lines, each rounded (billing rule 2). */
export function totalOf(draft: InvoiceDraft): Decimal {
  return sum(draft.lines.map((line) => line.amount));
}

/**
 * The fee of one item for `period`: prorated over the whole contractual period when it is a part of it (billing rules
 * 8 and 11), rounded once (rule 2), with the trace that explains it (rule 22).
 * `throughDayOf` bills the civil day of a cancellation (rule 12). Throws `RangeError` for more than one period.
 */
export function feeLine(
  subscription: Subscription,
  priced: PricedItem,
  period: Period,
  options: { throughDayOf?: Date } = {},
): LineDraft {
  const { price, quantity } = priced;
  const { prorationBasis, timeZone, currency } = subscription;
  const whole = contractualPeriod(cadenceOf(subscription), intervalOf(price), period.start);
  // A stretch longer than its period would be a period that was missed; it must not pass as one.
  if (period.end > whole.end)
    throw new RangeError(
      `a fee until ${period.end.toISOString()} is more than the period until ${whole.end.toISOString()}`,
    );
  const billedEnd = options.throughDayOf
    ? endOfBilledDay(options.throughDayOf, prorationBasis, timeZone)
    : period.end;
  const counted: Period = { start: period.start, end: billedEnd < whole.end ? billedEnd : whole.end };
  const fraction = fractionOf(counted, whole, prorationBasis, timeZone);
  const isWhole = fraction.numerator === fraction.denominator;
  const { model } = price.terms;
  const unitAmount = unitAmountOf(price) ?? new Decimal(0);
  const full = model === 'flat' ? unitAmount : unitAmount.times(quantity);
  const exact = isWhole ? full : full.times(fraction.numerator).div(fraction.denominator);
  const amount = roundToMinor(exact, currency);
  return {
    itemId: priced.item.id,
    priceId: price.id,
    description: describe(priced, isWhole ? null : fraction, prorationBasis),
    quantity: model === 'flat' ? new Decimal(1) : quantity,
    unitAmount,
    amount,
    period,
    proration: !isWhole,
    trace: {
      model: model === 'flat' ? 'flat' : 'per_unit',
      unitAmount: unitAmount.toFixed(),
      quantity: (model === 'flat' ? new Decimal(1) : quantity).toFixed(),
      ...(isWhole ? {} : { fraction: inUnits(fraction, prorationBasis) }),
      exact: exact.toFixed(),
      rounded: amount.toFixed(),
    },
  };
}

/** A fraction of seconds is counted in milliseconds; a reader finds seconds, with decimals where there are any. */
function inUnits(
  { numerator, denominator }: Fraction,
  unit: ProrationBasis,
): NonNullable<LineTrace['fraction']> {
  const size = unit === 'second' ? 1_000 : 1;
  return { numerator: numerator / size, denominator: denominator / size, unit };
}

function describe({ price, quantity }: PricedItem, fraction: Fraction | null, basis: ProrationBasis): string {
  const units = price.terms.model === 'per_unit' ? ` × ${quantity.toFixed()}` : '';
  if (!fraction) return `${price.name}${units}`;
  const part =
    basis === 'day'
      ? `${fraction.numerator} of ${fraction.denominator} days`
      : `${new Decimal(fraction.numerator).div(fraction.denominator).times(100).toDecimalPlaces(2).toFixed()} % of the period`;
  return `${price.name}${units} (${part})`;
}
