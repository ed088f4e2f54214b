import { contractualPeriod, endOfBilledDay, type Period, type ProrationBasis } from './calendar.ts';
import type { BillingReason, InvoiceLine, LineTrace } from './invoice.ts';
import { assertFits } from './large-amounts.ts';
import { Decimal, roundToMinor, sum } from './money.ts';
import { intervalOf, type Price, unitAmountOf } from './plan.ts';
import { priceAmount } from './price-amount.ts';
import type { Counted, Usage } from './price-terms.ts';
import { type Fraction, fractionOf } from './proration.ts';
import { rate } from './rating/rate.ts';
import { quantityUsage } from './rating/usage.ts';
import { cadenceOf, mayHaveInstalments, type PricedItem, type Subscription } from './subscription.ts';

/** A line before it has an id and an invoice. */
export type LineDraft = {
  /** Null for what is charged once and belongs to no item. */
  itemId: string | null;
  priceId: string;
  description: string;
  quantity: Decimal;
  unitAmount: Decimal | null;
  /** Negative for a credit. */
  amount: Decimal;
  period: Period;
  proration: boolean;
  trace: LineTrace;
  /** The line, or the pending one, that this gives a part of back; null for what is not a credit. */
  reverses: { lineId: string | null; pendingId: string | null } | null;
  /** Of what a meter counted. */
  metered?: Metered;
};

/** What stands behind a metered line. A line that was read again does not say any more what its count had `seen`. */
export type Metered = Pick<Counted, 'meterId' | 'meterVersion' | 'eventCount'> & { seen?: Seen };

/**
 * The events that a line's count had seen, and what is billed of the line's period with it: everything, with what
 * threshold invoices and earlier lines billed. `fraction` is the part of a whole period that was counted, null for the
 * whole; `isLate`: of a period that was billed before.
 */
export type Seen = {
  snapshot: string;
  quantity: Decimal;
  billed: Decimal;
  fraction: Fraction | null;
  isLate: boolean;
};

export type InvoiceDraft = {
  billingReason: BillingReason;
  /** The boundary that made it; with the subscription it names the invoice, so it is made once. */
  at: Date;
  lines: readonly LineDraft[];
  period: Period;
};

/** The sum of the lines, each rounded (billing rule 2). */
export function totalOf(draft: Pick<InvoiceDraft, 'lines'>): Decimal {
  return sum(draft.lines.map((line) => line.amount));
}

/** An invoice of these lines, or null when there are none. Throws `amount_invalid` for more than one has room for. */
export function invoiceOf(
  lines: readonly LineDraft[],
  billingReason: BillingReason,
  at: Date,
): InvoiceDraft | null {
  if (lines.length === 0) return null;
  assertFits(lines.map(({ amount }) => amount));
  const starts = lines.map((line) => line.period.start.getTime());
  const ends = lines.map((line) => line.period.end.getTime());
  const period = { start: new Date(Math.min(...starts)), end: new Date(Math.max(...ends)) };
  return { billingReason, at, lines, period };
}

/**
 * What one item costs for `period` (billing rules 8, 11, 19): a fee prorated over the whole contractual period when it
 * is a part of it, usage as it was used, a minimum commitment as far as `spent` does not reach it; rounded once (rule 2),
 * with the trace that explains it (rule 22). `throughDayOf` bills the civil day of a cancellation (rule 12).
 *
 * What threshold invoices billed of it is taken off. Throws `RangeError` for more than one period, and for usage, spending
 * or such invoices that were not loaded.
 */
export function feeLine(
  subscription: Subscription,
  priced: PricedItem,
  period: Period,
  options: { throughDayOf?: Date } = {},
): LineDraft {
  const { price, quantity } = priced;
  const fraction = partOf(subscription, price, period, options);
  const isWhole = fraction.numerator === fraction.denominator;
  const alreadyBilled = instalmentsOf(subscription, priced);
  const { exact, trace, prorated } = priceAmount(price, {
    quantity,
    usage: priced.usage ?? null,
    spent: priced.spent ?? null,
    fraction: isWhole ? null : fraction,
    alreadyBilled,
  });
  const amount = roundToMinor(exact, subscription.currency);
  const shown = prorated ? inUnits(fraction, subscription.prorationBasis) : null;
  const { model } = price.terms;
  return {
    itemId: priced.item.id,
    priceId: price.id,
    description: `${nameOf(price, quantity)}${prorated ? partText(fraction, subscription.prorationBasis) : ''}`,
    quantity: new Decimal(model === 'minimum_commitment' ? 1 : trace.quantity),
    unitAmount: unitAmountOf(price),
    amount,
    period,
    proration: prorated,
    trace: {
      ...trace,
      ...(shown ? { fraction: shown } : {}),
      exact: exact.toFixed(),
      rounded: amount.toFixed(),
    },
    reverses: null,
    ...meteredBy(priced.usage, {
      billed: amount.plus(alreadyBilled ?? 0),
      fraction: isWhole ? null : fraction,
      isLate: false,
    }),
  };
}

/** What a stored line keeps of the meter that counted for it. */
export function meterOf(
  metered: Metered | undefined,
): Pick<InvoiceLine, 'meterId' | 'meterVersion' | 'eventCount'> {
  const { meterId = null, meterVersion = null, eventCount = null } = metered ?? {};
  return { meterId, meterVersion, eventCount };
}

/** What a line says of the meter that counted for it; nothing where none did. */
export function meteredBy(
  usage: Usage | undefined,
  seen: Omit<Seen, 'snapshot' | 'quantity'>,
): Pick<LineDraft, 'metered'> {
  if (!usage?.counted) return {};
  const { snapshot, ...counted } = usage.counted;
  return { metered: { ...counted, seen: { ...seen, snapshot, quantity: usage.quantity } } };
}

/** What threshold invoices billed of the item's running period; null where that is nothing. */
function instalmentsOf(subscription: Subscription, { item, price, instalments }: PricedItem): Decimal | null {
  if (price.billing !== 'usage' || !mayHaveInstalments(subscription, item)) return null;
  if (!instalments) throw new RangeError('what was billed of a running period was not loaded');
  return instalments.isZero() ? null : instalments;
}

/**
 * What is charged once and belongs to no item: over the rest of its civil day, or in the basis `second` over one
 * millisecond, because a line always has a period.
 */
export function onceLine(
  subscription: Subscription,
  { price, quantity }: { price: Price; quantity: Decimal },
  at: Date,
): LineDraft {
  const { exact, trace } = rate(price.terms, quantityUsage(quantity));
  const { prorationBasis, timeZone, currency } = subscription;
  const soon = new Date(at.getTime() + 1);
  const amount = roundToMinor(exact, currency);
  return {
    itemId: null,
    priceId: price.id,
    description: nameOf(price, quantity),
    quantity: new Decimal(trace.quantity),
    unitAmount: unitAmountOf(price),
    amount,
    period: {
      start: at,
      end: prorationBasis === 'day' ? endOfBilledDay(soon, prorationBasis, timeZone) : soon,
    },
    proration: false,
    trace: { ...trace, exact: exact.toFixed(), rounded: amount.toFixed() },
    reverses: null,
  };
}

/** How much of its whole contractual period a stretch is. */
function partOf(
  subscription: Subscription,
  price: Price,
  period: Period,
  options: { throughDayOf?: Date },
): Fraction {
  const { prorationBasis, timeZone } = subscription;
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
  return fractionOf(counted, whole, prorationBasis, timeZone);
}

/** A fraction of seconds is counted in milliseconds; a reader finds seconds, with decimals where there are any. */
export function inUnits(
  { numerator, denominator }: Fraction,
  unit: ProrationBasis,
): NonNullable<LineTrace['fraction']> {
  const size = unit === 'second' ? 1_000 : 1;
  return { numerator: numerator / size, denominator: denominator / size, unit };
}

/** "Seats × 10"; what costs the same whatever the quantity has only its name. */
export function nameOf({ name, terms, billing }: Price, quantity: Decimal): string {
  const counts = billing === 'licensed' && terms.model !== 'flat' && terms.model !== 'minimum_commitment';
  return counts ? `${name} × ${quantity.toFixed()}` : name;
}

/** " (10 of 31 days)". */
export function partText({ numerator, denominator }: Fraction, basis: ProrationBasis): string {
  if (basis === 'day') return ` (${numerator} of ${denominator} days)`;
  return ` (${new Decimal(numerator).div(denominator).times(100).toDecimalPlaces(2).toFixed()} % of the period)`;
}
