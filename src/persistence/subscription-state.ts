import { sql } from 'kysely';
import type { SubscriptionState } from '../domain/step-answer.ts';
import type { Subscription } from '../domain/subscription.ts';
import type { Tx } from './doors.ts';
import { clockOf } from './find.ts';
import { query } from './rows.ts';

/** How far calendar billing may be spread over time: everybody's period ends at the same midnight. */
const CALENDAR_JITTER_MINUTES = 10;

/** What a workflow carries of a subscription (`data.md`, "Every database step answers the same thing"). */
export async function stateOf(tx: Tx, subscription: Subscription): Promise<SubscriptionState> {
  const owed =
    subscription.overdueCount > 0 || subscription.incompleteSince
      ? await oldestOwed(tx, subscription.id)
      : null;
  const clock = subscription.testClockId ? await clockOf(tx, subscription.customerId) : null;
  const { currentPeriodStart: start, currentPeriodEnd: end } = subscription;
  return {
    v: 1,
    tenantId: subscription.tenantId,
    subscriptionId: subscription.id,
    customerId: subscription.customerId,
    planId: subscription.planId,
    currency: subscription.currency,
    clockId: subscription.testClockId,
    clockNow: clock?.now.toISOString() ?? null,
    revision: subscription.revision,
    status: subscription.status,
    next:
      subscription.nextStep && subscription.nextStepAt
        ? { step: subscription.nextStep, at: subscription.nextStepAt.toISOString() }
        : null,
    jitterMinutes: jitterOf(subscription),
    period: start && end ? { start: start.toISOString(), end: end.toISOString() } : null,
    pastDueSince: subscription.pastDueSince?.toISOString() ?? null,
    dunningAttempt: owed?.attempt ?? 0,
    openInvoiceId: owed?.id ?? null,
    blockedReason: subscription.blockedReason,
  };
}

async function oldestOwed(tx: Tx, subscriptionId: string): Promise<{ id: string; attempt: number } | null> {
  const [row] = await query<{ id: string; attempt: number | null }>(
    tx,
    sql`select invoice.id, collection.attempt from invoices invoice left join collections collection on collection.invoice_id = invoice.id
      where invoice.subscription_id = ${subscriptionId} and invoice.status = 'open' order by invoice.id limit 1`,
  );
  return row ? { id: row.id, attempt: row.attempt ?? 0 } : null;
}

/** A fixed delay per subscription, from its id; anniversaries and thresholds are spread already. */
function jitterOf({ id, billingCycle, testClockId, nextStep }: Subscription): number {
  if (billingCycle !== 'calendar' || testClockId || nextStep === 'bill_threshold') return 0;
  let hash = 0;
  for (const char of id) hash = (hash * 31 + char.charCodeAt(0)) >>> 0;
  return hash % (CALENDAR_JITTER_MINUTES + 1);
}
