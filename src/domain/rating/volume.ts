import type { TermsOf, Usage } from '../price-terms.ts';
import type { Rating } from './trace.ts';

/**
 * The tier in which the quantity ends prices all of it, plus that tier's flat amount, also at zero (billing rules 19
 * and 20). Throws `RangeError` where the last tier has an end: `problemsOfTerms` refuses such terms.
 */
export function rateVolume({ tiers }: TermsOf<'volume'>, { quantity }: Usage): Rating {
  const index = tiers.findIndex(({ upTo }) => upTo === null || quantity.lte(upTo));
  const tier = tiers[index];
  if (!tier) throw new RangeError(`no tier reaches to a quantity of ${quantity.toFixed()}`);
  const exact = quantity.times(tier.unitAmount).plus(tier.flatAmount);
  const text = quantity.toFixed();
  return {
    exact,
    trace: {
      model: 'volume',
      quantity: text,
      tier: {
        from: tiers[index - 1]?.upTo?.toFixed() ?? '0',
        upTo: tier.upTo?.toFixed() ?? null,
        quantity: text,
        unitAmount: tier.unitAmount.toFixed(),
        flatAmount: tier.flatAmount.toFixed(),
        amount: exact.toFixed(),
      },
    },
  };
}
