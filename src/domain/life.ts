import type { LineDraft } from './build-invoice.ts';
import type { ScheduledChange } from './change.ts';
import type { LateUsage } from './late-usage.ts';
import type { Usage } from './price-terms.ts';
import type { PricedItem, Subscription } from './subscription.ts';
import type { UsageThreshold } from './threshold.ts';

/**
 * A subscription with everything that a decision about it may look at: the same shape whether it was read from rows
 * inside a transaction, for a preview, or lives only in a simulation.
 */
export type Life = {
  subscription: Subscription;
  /** The items that have not ended, in the order in which lines are made. */
  priced: readonly PricedItem[];
  /** Pending ones only, the earliest first. */
  changes: readonly ScheduledChange[];
  /** Lines that wait for the next invoice. */
  pending: readonly PendingLine[];
  /** Those of its plan's version; loaded where a decision may ask for them. */
  thresholds?: readonly UsageThreshold[];
  /** Of its periods that were billed before, those with usage that was not known then; loaded like the usage of its items. */
  late?: readonly LateUsage[];
  /** Of one that is dated back: what was used in the periods that had passed when it was asked for, by `stretchKey`. */
  elapsed?: ReadonlyMap<string, Usage>;
};

/** Names a stretch of an item's life. */
export function stretchKey(itemId: string, start: Date): string {
  return `${itemId} ${start.toISOString()}`;
}

/** A line that was decided and waits for the subscription's next invoice. */
export type PendingLine = { id: string; line: LineDraft };
