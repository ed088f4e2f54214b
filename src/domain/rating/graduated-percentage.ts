import { Decimal } from '../money.ts';
import type { TermsOf, Usage } from '../price-terms.ts';
import { tiersReached } from './tiers.ts';
import type { Rating } from './trace.ts';

const ZERO = new Decimal(0);

/**
 * Of the part of the amount that lies in a tier its rate in percent, plus its flat amount once reached; the quantity is
 * the amount (billing rules 19 and 20).
 */
export function rateGraduatedPercentage(
  { tiers }: TermsOf<'graduated_percentage'>,
  { quantity }: Usage,
): Rating {
  let exact = ZERO;
  const rows = tiersReached(tiers, quantity).map(({ tier, quantity: part, bounds }) => {
    const amount = part.times(tier.rate).div(100).plus(tier.flatAmount);
    exact = exact.plus(amount);
    return {
      from: bounds.from,
      upTo: bounds.upTo,
      quantity: part.toFixed(),
      rate: tier.rate.toFixed(),
      flatAmount: tier.flatAmount.toFixed(),
      amount: amount.toFixed(),
    };
  });
  return { exact, trace: { model: 'graduated_percentage', quantity: quantity.toFixed(), tiers: rows } };
}
