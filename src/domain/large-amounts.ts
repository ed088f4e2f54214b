import type { ItemTarget } from './change.ts';
import { DomainError, type FieldError } from './errors.ts';
import { Decimal, isTooLarge, sum } from './money.ts';
import { priceAmount } from './price-amount.ts';

/** A target and the field of the request that it comes from. */
export type PlacedTarget = ItemTarget & { path: string };

const ZERO = new Decimal(0);

/**
 * What was asked for that would not fit on an invoice: a price times its quantity, or all of one period together.
 * `kept` is what the subscription has beside it. What is used is not known yet and counts with its minimum.
 */
export function amountsTooLarge(asked: readonly PlacedTarget[], kept: readonly ItemTarget[]): FieldError[] {
  const alone = asked.filter((target) => isTooLarge(periodAmount(target)));
  if (alone.length > 0) return alone.map((target) => tooLarge(target, `"${target.key}" comes`));
  const [largest] = [...asked].sort((a, b) => periodAmount(b).comparedTo(periodAmount(a)));
  const together = sum([...asked, ...kept].map(periodAmount));
  return largest && isTooLarge(together) ? [tooLarge(largest, 'All prices together come')] : [];
}

/** Throws `amount_invalid` for amounts that an invoice has no room for, one by one or together. */
export function assertFits(amounts: readonly Decimal[]): void {
  if (!amounts.some(isTooLarge) && !isTooLarge(sum(amounts))) return;
  throw new DomainError(
    'amount_invalid',
    'What this bills has more than 15 digits before the decimal point; use a smaller quantity or a lower price.',
  );
}

function periodAmount({ price, quantity }: ItemTarget): Decimal {
  const { terms, billing, minimum } = price;
  if (terms.model === 'minimum_commitment') return terms.unitAmount;
  if (billing === 'usage') return minimum ?? ZERO;
  return priceAmount(price, { quantity, usage: null, spent: null, fraction: null, alreadyBilled: null })
    .exact;
}

function tooLarge({ path }: PlacedTarget, what: string): FieldError {
  const message = `${what} to more than 15 digits before the decimal point in a period; use a smaller quantity or a lower price.`;
  return { path, code: 'amount_too_large', message };
}
