import { noteCrossing, usageCountsUntil } from '../domain/threshold.ts';
import { withUsage } from './life-facts.ts';
import { nudgeSubscription } from './nudge-workflows.ts';
import { lockSubscription } from './subscription-facts.ts';
import { thresholdsOf } from './thresholds.ts';
import type { Write } from './write.ts';
import { changeSubscription } from './write-subscription.ts';

/**
 * Looks whether what was used in the running periods of a subscription has come to a threshold by `write.at`, and if so
 * notes it and wakes the workflow, which bills it. Answers whether it did. Takes the lock of the subscription: whoever
 * holds a weaker one already may wait for another who does so, too.
 */
export async function noteThreshold(write: Write, subscriptionId: string): Promise<boolean> {
  const facts = await lockSubscription(write.tx, subscriptionId);
  if (!facts || facts.subscription.thresholdAt) return false;
  const thresholds = await thresholdsOf(write.tx, facts.subscription);
  if (thresholds.length === 0) return false;
  const soon = usageCountsUntil({ step: 'bill_threshold', at: write.at });
  const noted = noteCrossing({ ...(await withUsage(write.tx, facts, soon)), thresholds }, write.at);
  if (!noted) return false;
  await changeSubscription(write, facts, noted);
  await nudgeSubscription(write, subscriptionId);
  return true;
}
