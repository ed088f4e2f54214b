import { Decimal } from '../money.ts';
import { type Fraction, prorate } from '../proration.ts';
import type { LimitTrace } from './trace.ts';

/**
 * `minimum` and `maximum` are for a whole period, in the major unit of the currency. `fraction` is the part of the
 * period that is billed, null when it is whole. `alreadyBilled` is what earlier lines of the same period billed of the
 * same cumulative amount, null when there were none.
 */
export type Limits = {
  minimum: Decimal | null;
  maximum: Decimal | null;
  fraction: Fraction | null;
  alreadyBilled: Decimal | null;
  currency: string;
};

/**
 * Holds the amount of a period between the price's minimum and maximum (billing rule 19). In a part of a period both
 * are that part of themselves, rounded to the minor unit before they are compared (MIN_COMMIT_PRORATED). What was
 * billed already is taken off last, so the limits hold for the cumulative amount, and never leaves less than zero
 * (billing rule 29c). Where they contradict each other the maximum wins. The trace is null where there is no limit.
 */
export function limit(exact: Decimal, limits: Limits): { exact: Decimal; trace: LimitTrace | null } {
  const { alreadyBilled } = limits;
  const minimum = applied(limits.minimum, limits);
  const maximum = applied(limits.maximum, limits);
  if (!minimum && !maximum && !alreadyBilled) return { exact, trace: null };

  let limited = exact;
  let reached: LimitTrace['reached'];
  if (minimum && limited.lt(minimum.amount)) {
    limited = minimum.amount;
    reached = 'minimum';
  }
  if (maximum && limited.gt(maximum.amount)) {
    limited = maximum.amount;
    reached = 'maximum';
  }
  return {
    exact: alreadyBilled ? Decimal.max(0, limited.minus(alreadyBilled)) : limited,
    trace: {
      rated: exact.toFixed(),
      ...(minimum && { minimum: minimum.trace }),
      ...(maximum && { maximum: maximum.trace }),
      ...(reached && { reached }),
      ...(alreadyBilled && { alreadyBilled: alreadyBilled.toFixed() }),
    },
  };
}

/** A limit as it is for this part of a period. */
function applied(
  agreed: Decimal | null,
  { fraction, currency }: Limits,
): { amount: Decimal; trace: NonNullable<LimitTrace['minimum']> } | null {
  if (agreed === null) return null;
  const amount = fraction ? prorate(agreed, fraction, currency) : agreed;
  return { amount, trace: { agreed: agreed.toFixed(), applied: amount.toFixed() } };
}
