import { sql } from 'kysely';
import { consistingOf } from '../domain/decide-schedule.ts';
import type { Decision } from '../domain/decision.ts';
import { isDomainError, type Obstacle } from '../domain/errors.ts';
import type { Life } from '../domain/life.ts';
import {
  assertClaimedOnce,
  claimedByOther,
  claimsOf,
  isSameClaims,
  type MeterClaim,
} from '../domain/meter-claims.ts';
import type { PricedItem, Subscription } from '../domain/subscription.ts';
import type { Tx } from './doors.ts';
import { query } from './rows.ts';

type Claimant = Pick<Subscription, 'id' | 'tenantId' | 'customerId' | 'usageScope'>;

/**
 * Keeps who bills a customer's unscoped usage of a meter (billing rule 29b): the items of `after` do from now on, and what
 * the subscription's others billed is free. Costs nothing for subscriptions without a metered price. Throws
 * `meter_claimed` where somebody else bills it, or two items of this subscription would.
 */
export async function claimMeters(
  tx: Tx,
  claimant: Claimant,
  before: readonly PricedItem[],
  after: readonly PricedItem[],
): Promise<void> {
  const [had, has] = [claimsOf(before), claimsOf(after)];
  if (isSameClaims(had, has)) return;
  assertClaimedOnce(has);
  if (claimant.usageScope === 'subscription') return;
  await query(
    tx,
    sql`delete from usage_claims using subscription_items item
      where item.id = item_id and item.subscription_id = ${claimant.id} and (meter_id, item_id) not in (
        select * from unnest(${has.map(({ meterId }) => meterId)}::text[], ${has.map(({ itemId }) => itemId)}::text[]))`,
  );
  if (has.length === 0) return;
  await query(
    tx,
    sql`insert into usage_claims (tenant_id, customer_id, meter_id, item_id)
      select ${claimant.tenantId}, ${claimant.customerId}, claim.meter_id, claim.item_id
      from unnest(${has.map(({ meterId }) => meterId)}::text[], ${has.map(({ itemId }) => itemId)}::text[])
        as claim (meter_id, item_id) order by claim.meter_id
      on conflict (customer_id, meter_id) do nothing`,
  );
  await assertClaimed(tx, claimant, has, null);
}

/** The same question without an answer in rows: for previews. `then`: of what takes place at that later instant. */
export async function assertFree(
  tx: Tx,
  claimant: Claimant,
  after: readonly PricedItem[],
  then: Date | null = null,
): Promise<void> {
  const has = claimsOf(after);
  assertClaimedOnce(has);
  if (claimant.usageScope === 'customer' && has.length > 0) await assertClaimed(tx, claimant, has, then);
}

/** What stands in the way of items that were decided on long before, when nobody is there to be refused; null: nothing. */
export async function findObstacle(
  tx: Tx,
  claimant: Claimant,
  before: readonly PricedItem[],
  after: readonly PricedItem[],
): Promise<Obstacle | null> {
  if (isSameClaims(claimsOf(before), claimsOf(after))) return null;
  try {
    await assertFree(tx, claimant, after);
    return null;
  } catch (error) {
    if (isDomainError(error)) return error;
    throw error;
  }
}

/**
 * Refuses what a decision schedules where it is known already that somebody else will bill the meter by then (billing
 * rule 29b): nothing is planned that would take the claim away before. What comes in the way later is found when it is due.
 */
export async function assertFreeThen(
  tx: Tx,
  life: Life,
  { scheduled }: Pick<Decision, 'scheduled'>,
): Promise<void> {
  const { subscription } = life;
  let then = life;
  for (const { action, effectiveAt } of scheduled) {
    if (action.kind !== 'change') continue;
    const had = claimsOf(then.priced);
    then = consistingOf(then, action.change, effectiveAt);
    if (!isSameClaims(had, claimsOf(then.priced)))
      await assertFree(tx, subscription, then.priced, effectiveAt);
  }
}

/** `then`: only claims of those for whom nothing is planned before it. */
async function assertClaimed(
  tx: Tx,
  { id, customerId }: Claimant,
  claims: readonly MeterClaim[],
  then: Date | null,
): Promise<void> {
  const stays =
    then === null
      ? sql``
      : sql`and not exists (select from subscriptions owner where owner.id = item.subscription_id
          and least(owner.cancel_at, owner.ends_at, owner.change_at) < ${then.toISOString()})`;
  const [taken] = await query<{ meterId: string; subscriptionId: string; itemKey: string }>(
    tx,
    sql`select claim.meter_id as "meterId", item.subscription_id as "subscriptionId", item.key as "itemKey"
      from usage_claims claim join subscription_items item on item.id = claim.item_id
      where claim.customer_id = ${customerId} and claim.meter_id = any(${claims.map(({ meterId }) => meterId)}::text[])
        and item.subscription_id <> ${id} ${stays} limit 1`,
  );
  if (taken) throw claimedByOther(taken, taken.subscriptionId);
}
