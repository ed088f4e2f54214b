import { Decimal } from '../../src/domain/money.ts';
import type { RateTier, Tier, Usage, UsageEvent } from '../../src/domain/price-terms.ts';
import { quantityUsage } from '../../src/domain/rating/usage.ts';

/** Short words for prices and usage in tests; numbers are written as texts or as whole numbers. */
export type Num = string | number;

export const d = (value: Num): Decimal => new Decimal(value);
const orNull = (value: Num | null) => (value === null ? null : d(value));

export const used = (quantity: Num): Usage => quantityUsage(d(quantity));

/** Events by their quantity, or by their quantity and their properties. */
export function usedEvents(...events: (Num | [Num, Record<string, string>])[]): Usage {
  const list: UsageEvent[] = events.map((event) => {
    const [quantity, properties] = Array.isArray(event) ? event : [event, {}];
    return { at: null, quantity: d(quantity), properties };
  });
  return { quantity: Decimal.sum(0, ...list.map((event) => event.quantity)), events: list, buckets: null };
}

/** Buckets of an hour or a day by what was used in each. */
export function usedBuckets(...quantities: Num[]): Usage {
  const buckets = quantities.map(d);
  return { quantity: Decimal.sum(0, ...buckets), events: [], buckets };
}

/** Tiers as [up to, unit amount, flat amount]. */
export function tiers(...rows: [Num | null, Num, Num?][]): Tier[] {
  return rows.map(([upTo, unit, flat]) => ({
    upTo: orNull(upTo),
    unitAmount: d(unit),
    flatAmount: d(flat ?? 0),
  }));
}

/** Tiers as [up to, rate in percent, flat amount]. */
export function rateTiers(...rows: [Num | null, Num, Num?][]): RateTier[] {
  return rows.map(([upTo, rate, flat]) => ({ upTo: orNull(upTo), rate: d(rate), flatAmount: d(flat ?? 0) }));
}
