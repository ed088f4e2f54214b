import { Decimal } from '../money.ts';

/** A tier, the part of a quantity that lies in it, and its bounds as a trace has them. */
export type Reached<T> = { tier: T; quantity: Decimal; bounds: { from: string; upTo: string | null } };

const ZERO = new Decimal(0);

/**
 * The tiers that a quantity reaches, from the first to the one it ends in. The first is always reached, so its flat
 * amount is due at zero usage (billing rule 20, GRAD_FLAT_AT_ZERO); the next one is as soon as the bound before it is
 * passed, by however little. Throws `RangeError` where the last tier has an end: `problemsOfTerms` refuses such terms.
 */
export function tiersReached<T extends { upTo: Decimal | null }>(
  tiers: readonly T[],
  quantity: Decimal,
): Reached<T>[] {
  const reached: Reached<T>[] = [];
  let from = ZERO;
  let fromText = '0';
  for (const tier of tiers) {
    const { upTo } = tier;
    const bounds = { from: fromText, upTo: upTo?.toFixed() ?? null };
    if (upTo === null || quantity.lte(upTo)) {
      reached.push({ tier, quantity: quantity.minus(from), bounds });
      return reached;
    }
    reached.push({ tier, quantity: upTo.minus(from), bounds });
    from = upTo;
    fromText = bounds.upTo ?? fromText;
  }
  throw new RangeError(`no tier reaches to a quantity of ${quantity.toFixed()}`);
}
