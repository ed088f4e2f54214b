import { Decimal } from '../money.ts';
import type { TermsOf, Usage } from '../price-terms.ts';
import { tiersReached } from './tiers.ts';
import type { Rating } from './trace.ts';

const ZERO = new Decimal(0);

/** Every tier prices the part of the quantity that lies in it, plus its flat amount once reached (rules 19 and 20). */
export function rateGraduated({ tiers }: TermsOf<'graduated'>, { quantity }: Usage): Rating {
  let exact = ZERO;
  const rows = tiersReached(tiers, quantity).map(({ tier, quantity: part, bounds }) => {
    const amount = part.times(tier.unitAmount).plus(tier.flatAmount);
    exact = exact.plus(amount);
    return {
      from: bounds.from,
      upTo: bounds.upTo,
      quantity: part.toFixed(),
      unitAmount: tier.unitAmount.toFixed(),
      flatAmount: tier.flatAmount.toFixed(),
      amount: amount.toFixed(),
    };
  });
  return { exact, trace: { model: 'graduated', quantity: quantity.toFixed(), tiers: rows } };
}
