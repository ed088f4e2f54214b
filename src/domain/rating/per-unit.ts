import type { TermsOf, Usage } from '../price-terms.ts';
import type { Rating } from './trace.ts';

/** Every unit costs the same, and a part of one its part (billing rule 19). */
export function ratePerUnit({ unitAmount }: TermsOf<'per_unit'>, { quantity }: Usage): Rating {
  return {
    exact: unitAmount.times(quantity),
    trace: { model: 'per_unit', unitAmount: unitAmount.toFixed(), quantity: quantity.toFixed() },
  };
}
