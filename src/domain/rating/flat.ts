import type { TermsOf } from '../price-terms.ts';
import type { Rating } from './trace.ts';

/** The same whatever the quantity, also for none (billing rule 19). */
export function rateFlat({ unitAmount }: TermsOf<'flat'>): Rating {
  return { exact: unitAmount, trace: { model: 'flat', unitAmount: unitAmount.toFixed(), quantity: '1' } };
}
