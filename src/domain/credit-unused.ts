import type { BilledFee } from './billed-fee.ts';
import { inUnits, type LineDraft, nameOf, partText } from './build-invoice.ts';
import type { Period } from './calendar.ts';
import type { CreditDraft } from './decision.ts';
import { Decimal, roundToMinor } from './money.ts';
import { type Fraction, fractionOf } from './proration.ts';
import type { PricedTrace } from './rating/trace.ts';
import type { PricedItem, Subscription } from './subscription.ts';

/** What is given back for time that was paid ahead and not used: on the invoices that are still owed, and as lines. */
export type Credit = { credits: CreditDraft[]; lines: LineDraft[] };

/** Quotients are kept to this many decimals when a whole amount is recovered from a part of it. */
const DECIMALS_MAX = 24;

/**
 * Gives back the time from `from` on that an item's fees were billed for (billing rules 12 to 14): of each fee what its
 * own calculation comes to for the days left of its whole contractual period, never more than what is left of it. What
 * is still owed on an invoice, open or a draft, is reduced there first; only money that was paid, or will be with this decision,
 * becomes a negative line. `owed` knows what credits of the same decision have left of each invoice, and is updated.
 *
 * Throws `RangeError` when the fees were not loaded.
 */
export function creditUnused(
  subscription: Subscription,
  entry: PricedItem,
  from: Date,
  owed: Map<string, Decimal>,
): Credit {
  if (!entry.fees) throw new RangeError(`the fees of item ${entry.item.id} were not loaded`);
  const credit: Credit = { credits: [], lines: [] };
  const newestFirst = [...entry.fees].sort((a, b) => b.period.start.getTime() - a.period.start.getTime());
  for (const fee of newestFirst) {
    const unused = unusedOf(subscription, fee, from);
    if (unused) give(credit, subscription, entry, fee, unused, owed);
  }
  return credit;
}

type Unused = { period: Period; fraction: Fraction; exact: Decimal; amount: Decimal };

function unusedOf(subscription: Subscription, fee: BilledFee, from: Date): Unused | null {
  if (fee.period.end <= from) return null;
  const { prorationBasis, timeZone, currency } = subscription;
  const period = { start: from > fee.period.start ? from : fee.period.start, end: fee.period.end };
  const fraction = fractionOf(period, fee.whole, prorationBasis, timeZone);
  const exact = wholeAmountOf(fee.trace).times(fraction.numerator).div(fraction.denominator);
  const amount = Decimal.min(roundToMinor(exact, currency), fee.amount.minus(fee.credited));
  return amount.gt(0) ? { period, fraction, exact, amount } : null;
}

/** What the line would have come to for its whole contractual period, before rounding: rated, and within its limits. */
export function wholeAmountOf({ exact, fraction, limits }: PricedTrace): Decimal {
  if (!fraction || fraction.numerator === 0) return new Decimal(exact);
  // A recovered price has few decimals; what a division left behind it is cut off, so that halves stay halves.
  const rated = new Decimal(limits?.rated ?? exact)
    .times(fraction.denominator)
    .div(fraction.numerator)
    .toDecimalPlaces(DECIMALS_MAX);
  const atLeast = limits?.minimum ? Decimal.max(rated, limits.minimum.agreed) : rated;
  return limits?.maximum ? Decimal.min(atLeast, limits.maximum.agreed) : atLeast;
}

function give(
  credit: Credit,
  subscription: Subscription,
  entry: PricedItem,
  fee: BilledFee,
  { period, fraction, exact, amount }: Unused,
  owed: Map<string, Decimal>,
): void {
  const { lineId, pendingId, invoiceId, priceId } = fee;
  const { prorationBasis } = subscription;
  const name = priceId === entry.price.id ? nameOf(entry.price, fee.quantity) : entry.price.name;
  const isWhole = fraction.numerator === fraction.denominator;
  const description = `Unused time: ${name}${isWhole ? '' : partText(fraction, prorationBasis)}`;
  const { fraction: _of, limits: _limits, ...calculation } = fee.trace;
  const lineOf = (given: Decimal): LineDraft => ({
    itemId: entry.item.id,
    priceId,
    description,
    quantity: fee.quantity,
    unitAmount: fee.unitAmount,
    amount: given.negated(),
    period,
    proration: true,
    trace: {
      ...calculation,
      ...(isWhole ? {} : { fraction: inUnits(fraction, prorationBasis) }),
      exact: exact.negated().toFixed(),
      rounded: given.negated().toFixed(),
    },
    reverses: { lineId, pendingId },
  });
  const left = invoiceId === null ? new Decimal(0) : (owed.get(invoiceId) ?? fee.owed);
  const noted = lineId === null ? new Decimal(0) : Decimal.min(amount, left);
  if (invoiceId !== null && lineId !== null && noted.gt(0)) {
    owed.set(invoiceId, left.minus(noted));
    credit.credits.push({ invoiceId, lineId, amount: noted, description, line: lineOf(noted) });
  }
  const rest = amount.minus(noted);
  if (!rest.isZero()) credit.lines.push(lineOf(rest));
}
