import type { Decimal } from './money.ts';
import type { Price } from './plan.ts';
import type { Usage } from './price-terms.ts';
import type { Fraction } from './proration.ts';
import { limit } from './rating/limits.ts';
import { trueUp } from './rating/minimum-commitment.ts';
import { rate } from './rating/rate.ts';
import type { LimitTrace, RatingTrace } from './rating/trace.ts';
import { quantityUsage } from './rating/usage.ts';

/**
 * What a price is asked about. `quantity` is what was agreed on (seats); `usage` what was used and `spent` what the
 * subscription's other lines come to are null where nobody looked. `fraction` is null for a whole period,
 * `alreadyBilled` where nothing of the period was billed before (billing rule 29c). Amounts are in the price's currency.
 */
export type Measured = {
  quantity: Decimal;
  usage: Usage | null;
  spent: Decimal | null;
  fraction: Fraction | null;
  alreadyBilled: Decimal | null;
};

/** Not rounded yet. `prorated` says whether the amount itself is a part, not only the limits it was held to. */
export type PriceAmount = {
  exact: Decimal;
  trace: RatingTrace & { limits?: LimitTrace };
  prorated: boolean;
};

type Asked = Pick<Price, 'terms' | 'billing' | 'minimum' | 'maximum' | 'currency'>;

/**
 * What a price comes to for a period or a part of one (billing rules 11, 19, 20): a fee is prorated, usage is not, a
 * minimum and a maximum always are, and a commitment asks only for what is missing.
 *
 * Throws `RangeError` for usage or spending that was not looked at.
 */
export function priceAmount(price: Asked, measured: Measured): PriceAmount {
  const { terms, minimum, maximum, currency } = price;
  const { fraction, alreadyBilled } = measured;
  if (terms.model === 'minimum_commitment') {
    if (!measured.spent) throw new RangeError('what a commitment is measured against was not loaded');
    const { exact, trace } = trueUp(terms, measured.spent, fraction && { fraction, currency });
    return { exact, trace, prorated: fraction !== null };
  }
  const isFee = price.billing === 'licensed';
  const usage = measured.usage ?? (isFee ? quantityUsage(measured.quantity) : null);
  if (!usage) throw new RangeError('the usage of a price was not loaded');
  const rated = rate(terms, usage);
  const prorated = isFee && fraction !== null;
  const part = prorated ? rated.exact.times(fraction.numerator).div(fraction.denominator) : rated.exact;
  const limited = limit(part, { minimum, maximum, fraction, alreadyBilled, currency });
  return {
    exact: limited.exact,
    trace: limited.trace ? { ...rated.trace, limits: limited.trace } : rated.trace,
    prorated,
  };
}
