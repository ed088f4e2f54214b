import { type LineDraft, meteredBy } from './build-invoice.ts';
import type { Period } from './calendar.ts';
import { periodText } from './explain-line.ts';
import type { InvoiceLine, LineTrace } from './invoice.ts';
import type { Life } from './life.ts';
import { Decimal, roundToMinor } from './money.ts';
import { type Price, unitAmountOf } from './plan.ts';
import { priceAmount } from './price-amount.ts';
import type { Usage } from './price-terms.ts';
import type { Fraction } from './proration.ts';
import type { Subscription } from './subscription.ts';

/**
 * A period that was billed, and what is known to have been used in it now. `billed` is what all its lines came to so far,
 * in the major unit, and `fraction` the part of a whole period that it was, null for a whole one.
 */
export type LateUsage = {
  itemId: string;
  price: Price;
  period: Period;
  fraction: Fraction | null;
  billed: Decimal;
  /** What was known when it was billed last. */
  before: { quantity: Decimal; eventCount: number };
  usage: Usage;
};

/**
 * The lines of a subscription for what it was too late for when its periods were billed (billing rule 29). What changes
 * nothing, because the meter does not count it, is on none.
 */
export function lateLines({ subscription, late = [] }: Pick<Life, 'subscription' | 'late'>): LineDraft[] {
  return late.flatMap((entry) => {
    const line = lateLine(subscription, entry);
    return line.amount.isZero() && isKnown(entry) ? [] : [line];
  });
}

function isKnown({ before, usage }: LateUsage): boolean {
  return before.quantity.eq(usage.quantity) && before.eventCount === usage.counted?.eventCount;
}

/**
 * What the whole period comes to with everything that is known now, less what was billed of it (billing rule 29): a dated
 * line that may be negative, when events turned out to be wrong. The price's limits hold for the whole.
 */
export function lateLine(
  { currency, timeZone }: Pick<Subscription, 'currency' | 'timeZone'>,
  late: LateUsage,
): LineDraft {
  const { itemId, price, period, fraction, billed, usage } = late;
  const { total, trace } = ratedNow(late, currency);
  const amount = total.minus(billed);
  return {
    itemId,
    priceId: price.id,
    description: `${price.name} (late, ${periodText(period, timeZone)})`,
    quantity: new Decimal(trace.quantity),
    unitAmount: unitAmountOf(price),
    amount,
    period,
    proration: false,
    trace: lessBilled(trace, billed, amount),
    reverses: null,
    ...meteredBy(usage, { billed: total, fraction, isLate: true }),
  };
}

/**
 * The line of a draft that billed a period last, rated again with what is known when the draft goes out (billing rule
 * 28b). `isFirst`: it was the first to bill the period, apart from threshold invoices, and never comes to less than zero
 * (billing rule 29c). `metered` is for the closure that it brings.
 */
export function ratedAgain<L extends Pick<InvoiceLine, 'quantity' | 'amount' | 'trace' | 'eventCount'>>(
  { currency }: Pick<Subscription, 'currency'>,
  late: LateUsage,
  line: L,
  isFirst: boolean,
): { line: L; metered: LineDraft['metered'] } {
  const { total, trace } = ratedNow(late, currency);
  const before = late.billed.minus(line.amount);
  const rest = total.minus(before);
  const amount = isFirst ? Decimal.max(0, rest) : rest;
  const { metered } = meteredBy(late.usage, {
    billed: before.plus(amount),
    fraction: late.fraction,
    isLate: !isFirst,
  });
  return {
    line: {
      ...line,
      quantity: new Decimal(trace.quantity),
      amount,
      trace: lessBilled(trace, before, amount),
      eventCount: metered?.eventCount ?? line.eventCount,
    },
    metered,
  };
}

/** What a period comes to by everything that is known of it, rounded once. `trace` ends before that. */
function ratedNow({ price, usage, fraction }: LateUsage, currency: string) {
  const asked = { quantity: usage.quantity, usage, spent: null, fraction, alreadyBilled: null };
  const { exact, trace } = priceAmount(price, asked);
  return { total: roundToMinor(exact, currency), trace: { ...trace, exact } };
}

function lessBilled(
  { exact, ...trace }: ReturnType<typeof ratedNow>['trace'],
  billed: Decimal,
  amount: Decimal,
): LineTrace {
  const rest = exact.minus(billed);
  const ends = {
    exact: (amount.isZero() ? Decimal.max(0, rest) : rest).toFixed(),
    rounded: amount.toFixed(),
  };
  if (billed.isZero()) return { ...trace, ...ends };
  const limits = { ...(trace.limits ?? { rated: exact.toFixed() }), alreadyBilled: billed.toFixed() };
  return { ...trace, limits, ...ends };
}
