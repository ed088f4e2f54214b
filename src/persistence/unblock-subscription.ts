import { nudgeSubscription } from './nudge-workflows.ts';
import { lockSubscription } from './subscription-facts.ts';
import { tell, type Write } from './write.ts';
import { changeSubscription, subjectOf } from './write-subscription.ts';

/**
 * Lets a blocked subscription try its step again, after an operator has mended the cause. Answers false when there is
 * no such subscription or it is not blocked; then nothing changes.
 */
export async function unblockSubscription(write: Write, id: string): Promise<boolean> {
  const facts = await lockSubscription(write.tx, id);
  if (!facts?.subscription.blockedReason) return false;
  const { subscription, priced } = facts;
  const freed = await changeSubscription(write, facts, {
    ...subscription,
    blockedReason: null,
    failureCount: 0,
  });
  await tell(write, 'subscription.unblocked', {
    ...subjectOf(freed),
    object: write.present.subscription(freed, priced),
  });
  await nudgeSubscription(write, id);
  return true;
}
