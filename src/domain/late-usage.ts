import { type LineDraft, meteredBy } from './build-invoice.ts';
import type { Period } from './calendar.ts';
import { periodText } from './explain-line.ts';
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
  { itemId, price, period, fraction, billed, usage }: LateUsage,
): LineDraft {
  const asked = { quantity: usage.quantity, usage, spent: null, fraction, alreadyBilled: null };
  const { exact, trace } = priceAmount(price, asked);
  const total = roundToMinor(exact, currency);
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
    trace: {
      ...trace,
      limits: { ...(trace.limits ?? { rated: exact.toFixed() }), alreadyBilled: billed.toFixed() },
      exact: exact.minus(billed).toFixed(),
      rounded: amount.toFixed(),
    },
    reverses: null,
    ...meteredBy(usage, { billed: total, fraction, isLate: true }),
  };
}
