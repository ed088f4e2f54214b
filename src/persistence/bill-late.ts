import { sql } from 'kysely';
import { decideLate } from '../domain/decide-late.ts';
import { lateLines } from '../domain/late-usage.ts';
import type { Tx } from './doors.ts';
import { nudgeInvoice } from './nudge-workflows.ts';
import { query, queryLater } from './rows.ts';
import { lockSubscription } from './subscription-facts.ts';
import { hasUnseen, insertClosure, isSettled, lateUsageOf, windowEnd } from './usage-closures.ts';
import type { Write } from './write.ts';
import { applyDecision } from './write-subscription.ts';

/** A subscription whose billed periods are to be looked at for what came late, and since when. */
export type DueLate = { tenantId: string; subscriptionId: string; customerId: string; at: Date };

/**
 * Of subscriptions that make no invoice any more by themselves, those that are due for a look: a day after the last one,
 * and once more when nothing can arrive any more. The earliest first. `now`: by the wall clock, of all but test clocks.
 */
export function dueByNow(tx: Tx, now: Date, limit: number): Promise<DueLate[]> {
  const at = sql`least(coalesce(c.looked_at, c.closed_at) + interval '1 day', ${windowEnd})`;
  return due(tx, at, sql`sub.test_clock_id is null and ${at} <= ${now.toISOString()}`, limit);
}

/**
 * The same of one test clock. Nothing arrives while a clock goes on, so of days without anything late only the last is
 * looked at.
 */
export function lateOnClock(tx: Tx, clockId: string): Promise<DueLate[]> {
  const at = sql`case when ${hasUnseen} then least(coalesce(c.looked_at, c.closed_at) + interval '1 day', ${windowEnd})
    else ${windowEnd} end`;
  return due(tx, at, sql`sub.test_clock_id = ${clockId}`, null);
}

/** Whether nothing of the subscription `sub` will be closed by itself: it has ended, or no meter counts for it any more. */
const isTrailing = sql`(sub.ended_at is not null or not exists (
  select from subscription_items item
  join lateral (
    select price_id from item_segments segment where segment.item_id = item.id order by lower(segment.valid) desc limit 1) latest on true
  join prices on prices.id = latest.price_id
  where item.subscription_id = sub.id and item.ended_at is null and prices.meter_id is not null))`;

type Fragment = Parameters<typeof query>[1];

async function due(tx: Tx, at: Fragment, condition: Fragment, limit: number | null): Promise<DueLate[]> {
  const rows = await query<Omit<DueLate, 'at'> & { at: string }>(
    tx,
    sql`select sub.tenant_id as "tenantId", sub.id as "subscriptionId", sub.customer_id as "customerId", min(${at}) as at
      from usage_closures c
      join subscriptions sub on sub.id = c.subscription_id
      join tenants tenant on tenant.id = c.tenant_id
      where c.final_at is null and ${condition} and ${isTrailing}
        and ${isSettled}
      group by sub.tenant_id, sub.id, sub.customer_id order by min(${at}), sub.id limit ${limit}`,
  );
  return rows.map((row) => ({ ...row, at: new Date(row.at) }));
}

/**
 * Looks at the billed periods of a subscription at `write.at` and bills what came late for them on one invoice. Periods
 * for which nothing can arrive any more are done with.
 */
export async function billLate(write: Write, subscriptionId: string): Promise<void> {
  const { tx, at } = write;
  const facts = await lockSubscription(tx, subscriptionId);
  if (!facts) return;
  const { subscription } = facts;
  const late = await lateUsageOf(tx, subscription);
  const decision = decideLate({ ...facts, late }, at);
  if (decision) {
    const { collect } = await applyDecision(write, facts, decision, null);
    // Nobody is in the middle of a step that would charge it.
    if (collect) await nudgeInvoice(write, { id: collect.invoiceId });
  } else {
    // What came late and costs nothing is on no invoice, and known.
    for (const line of lateLines({ subscription, late }))
      insertClosure(write, subscription, line, { lineId: null, pendingId: null });
  }
  queryLater(
    tx,
    sql`update usage_closures c set looked_at = ${at.toISOString()},
        final_at = case when ${windowEnd} <= ${at.toISOString()} then ${at.toISOString()}::timestamptz end
      from tenants tenant
      where tenant.id = c.tenant_id and c.subscription_id = ${subscriptionId} and c.final_at is null and ${isSettled}`,
  );
}
