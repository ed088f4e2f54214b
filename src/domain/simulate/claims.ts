import { consistingOf } from '../decide-schedule.ts';
import type { Decision } from '../decision.ts';
import { isDomainError, type Obstacle } from '../errors.ts';
import type { Life } from '../life.ts';
import { assertClaimedOnce, claimedByOther, claimsOf, isSameClaims } from '../meter-claims.ts';
import type { PricedItem, Subscription } from '../subscription.ts';
import type { World } from './world.ts';

/** Who bills what a meter counts for the customer (billing rule 29b), by the same questions as the rows are asked. */

type Claimant = Pick<Subscription, 'id' | 'usageScope'>;
type Items = readonly PricedItem[];

/**
 * Throws `meter_claimed` where another live subscription bills what one of these meters counts, or two items of this one
 * would. `later`: when it takes place, if not now; whoever has something planned before that may be gone by it.
 */
export function assertMetersFree(
  world: World,
  claimant: Claimant,
  { before, after, later = null }: { before: Items; after: Items; later?: Date | null },
): void {
  const claims = claimsOf(after);
  if (isSameClaims(claimsOf(before), claims)) return;
  assertClaimedOnce(claims);
  if (claimant.usageScope === 'subscription') return;
  for (const { name, life } of world.lives.values()) {
    const { subscription, priced } = life;
    if (subscription.id === claimant.id || subscription.endedAt) continue;
    if (subscription.usageScope === 'subscription' || (later && hasPlans(subscription, later))) continue;
    const taken = claimsOf(priced).find(({ meterId }) => claims.some((claim) => claim.meterId === meterId));
    if (taken) throw claimedByOther(taken, name);
  }
}

/** The same of every change that a decision schedules, one after the other. */
export function assertFreeThen(world: World, life: Life, { scheduled }: Pick<Decision, 'scheduled'>): void {
  let then = life;
  for (const { action, effectiveAt } of scheduled) {
    if (action.kind !== 'change') continue;
    const before = then.priced;
    then = consistingOf(then, action.change, effectiveAt);
    assertMetersFree(world, life.subscription, { before, after: then.priced, later: effectiveAt });
  }
}

/** What stands in the way of a change that was decided on long before; null: nothing. */
export function obstacleOf(world: World, { subscription, priced }: Life, after: Items): Obstacle | null {
  try {
    assertMetersFree(world, subscription, { before: priced, after });
    return null;
  } catch (error) {
    if (isDomainError(error)) return error;
    throw error;
  }
}

function hasPlans({ cancelAt, endsAt, changeAt }: Subscription, before: Date): boolean {
  return [cancelAt, endsAt, changeAt].some((at) => at !== null && at < before);
}
