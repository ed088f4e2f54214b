import { invoiceOf } from './build-invoice.ts';
import { isAutomatic } from './decide-step.ts';
import { type Decision, NOTHING } from './decision.ts';
import { lateLines } from './late-usage.ts';
import type { Life } from './life.ts';

/**
 * What arrived late for a subscription that makes no invoice of its own any more goes on a trailing one (billing rule 29);
 * null where it comes to nothing. Nothing of the subscription changes by it.
 */
export function decideLate(life: Life, at: Date): Decision | null {
  const { subscription, priced } = life;
  const lines = lateLines(life);
  if (lines.every(({ amount }) => amount.isZero())) return null;
  return {
    ...NOTHING,
    subscription,
    items: priced.map(({ item }) => item),
    invoice: invoiceOf(lines, 'late_usage', at),
    collect: isAutomatic(subscription),
  };
}
