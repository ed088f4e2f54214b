import type { Price } from './plan.ts';

/** What a new subscription gets where its creator says nothing. */

/** Days until a sent invoice is due. */
export const NET_DAYS_DEFAULT = 30;

/** What was asked for, else the customer's currency, else the only one the plan is sold in; null when there are several. */
export function currencyFor(
  asked: string | undefined,
  ofCustomer: string | null,
  prices: readonly Pick<Price, 'currency'>[],
): string | null {
  const currencies = [...new Set(prices.map(({ currency }) => currency))];
  return asked ?? ofCustomer ?? (currencies.length === 1 ? (currencies[0] ?? null) : null);
}

/** How many days the trial lasts that is not given an end; the plan's own counts when nothing was said, and zero is none. */
export function trialDaysFor(
  asked: { days: number | undefined; hasEnd: boolean },
  ofPlan: number | null,
): number | null {
  const days = asked.hasEnd ? 0 : (asked.days ?? ofPlan ?? 0);
  return days === 0 ? null : days;
}
