import { Decimal } from '../money.ts';
import type { TermsOf } from '../price-terms.ts';
import { type Fraction, prorate } from '../proration.ts';
import type { Rating } from './trace.ts';

/**
 * What is missing between what the other lines of a period come to and what was agreed for it; nothing where they reach
 * it (billing rule 19). `part` is the part of the period that is billed, null when it is whole: the commitment is then
 * that part of itself, rounded before the lines, each rounded too, are taken off (MIN_COMMIT_PRORATED).
 */
export function trueUp(
  { unitAmount }: TermsOf<'minimum_commitment'>,
  billed: Decimal,
  part: { fraction: Fraction; currency: string } | null,
): Rating {
  const applied = part ? prorate(unitAmount, part.fraction, part.currency) : unitAmount;
  return {
    exact: Decimal.max(0, applied.minus(billed)),
    trace: {
      model: 'minimum_commitment',
      unitAmount: unitAmount.toFixed(),
      applied: applied.toFixed(),
      quantity: billed.toFixed(),
    },
  };
}
