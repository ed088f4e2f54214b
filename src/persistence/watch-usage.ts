import { sql } from 'kysely';
import { type Alert, type AlertFiring, judge } from '../domain/alert.ts';
import { feeLine } from '../domain/build-invoice.ts';
import { periodOf } from '../domain/conclude.ts';
import { Decimal, sum } from '../domain/money.ts';
import type { PricedItem } from '../domain/subscription.ts';
import { isFreeInTrial } from '../domain/trial-periods.ts';
import { newId } from '../platform/ids.ts';
import { type PresentFiring, resolve, resolveCut, tellFiring } from './alert-firings.ts';
import { alertsWatching, firingsOf, insertFiring } from './alerts.ts';
import type { Tx } from './doors.ts';
import { databaseNow } from './find-commands.ts';
import { withUsage } from './life-facts.ts';
import { rulesOf } from './metered-usage.ts';
import { noteThreshold } from './note-threshold.ts';
import { query } from './rows.ts';
import { findSubscription } from './subscription-facts.ts';
import type { Touched } from './usage-cells.ts';
import { touchWhenHappened } from './usage-touched.ts';
import { type Observed, observe, runningPeriods, usedIn, windowOf } from './usage-window.ts';
import type { Presenters } from './write.ts';

export type Watching = { present: Presenters; presentFiring: PresentFiring };

/** `later`: the time of the customer is on its way, or his next period is just being made. */
export type Watched = 'done' | 'later';

/**
 * Looks at what a customer has used of a meter: which alerts have something to say of it, and whether a subscription has
 * come to a threshold that is billed at once (billing rule 29c). Everything it says is written in the transaction.
 */
export async function watchUsage(tx: Tx, touched: Touched, watching: Watching): Promise<Watched> {
  const observed = await observe(tx, touched.customerId);
  if (!observed) return 'done';
  if (observed.isMoving) return 'later';
  await resolveCut(tx, observed, watching.presentFiring);
  const outcomes: Watched[] = [];
  const alerts = await alertsWatching(tx, touched);
  for (const alert of alerts)
    outcomes.push(
      await (alert.kind === 'usage'
        ? watchQuantity(tx, alert, observed, watching)
        : watchCosts(tx, alert, observed, watching)),
    );
  const isBilled = await noteThresholds(tx, touched, observed, watching.present);
  const isPriced = isBilled || alerts.some(({ kind }) => kind === 'cost');
  if (isPriced && observed.testClockId === null) await touchWhenHappened(tx, touched, observed.now);
  return outcomes.includes('later') ? 'later' : 'done';
}

type Seen = { subject: string; subscriptionId: string | null; start: Date; end: Date; value: Decimal };

async function watchQuantity(tx: Tx, alert: Alert, observed: Observed, watching: Watching): Promise<Watched> {
  const { customerId } = observed;
  const meterId = alert.meterId ?? '';
  const [periods, rules] = await Promise.all([
    runningPeriods(tx, customerId, [meterId]),
    rulesOf(tx, [{ price: { meterId } }]),
  ]);
  const running = (periods.get(meterId) ?? []).filter(
    ({ subscriptionId }) => alert.subscriptionId === null || subscriptionId === alert.subscriptionId,
  );
  const period = running.find(({ isOfItem }) => isOfItem) ?? running[0] ?? null;
  // Of a subscription that does not run there is nothing to say.
  if (alert.subscriptionId !== null && !period) return 'done';
  const { start, end } = windowOf(alert.reset, period, observed);
  if (!end) return 'later';
  const value = await usedIn(tx, rules.get(meterId) ?? [], observed, {
    start,
    // What lies a little ahead is told now: nothing would tell it later.
    until: end,
    subscription:
      alert.subscriptionId !== null && period
        ? { id: period.subscriptionId, usageScope: period.usageScope }
        : null,
    by: period?.by ?? [],
  });
  const { subscriptionId } = alert;
  await say(
    tx,
    alert,
    observed,
    { subject: subscriptionId ?? customerId, subscriptionId, start, end, value },
    watching,
  );
  return 'done';
}

/** Every subscription has a cost of its own. */
async function watchCosts(tx: Tx, alert: Alert, observed: Observed, watching: Watching): Promise<Watched> {
  const owners = await query<{ id: string }>(
    tx,
    sql`select id from subscriptions where customer_id = ${observed.customerId} and ended_at is null
      and current_period_start is not null and currency = ${alert.currency}
      and (${alert.subscriptionId}::text is null or id = ${alert.subscriptionId}) order by id`,
  );
  // What was used at this very instant counts, what lies ahead does not.
  const soon = new Date(observed.now.getTime() + 1);
  let outcome: Watched = 'done';
  for (const { id } of owners) {
    const facts = await findSubscription(tx, id);
    if (!facts) continue;
    const { subscription } = facts;
    const isWatched = ({ price }: PricedItem) =>
      price.billing === 'usage' && (alert.meterId === null || price.meterId === alert.meterId);
    // What else is sold with it has periods of its own.
    const watched = facts.priced.filter(isWatched).map(({ item }) => item);
    const { currentPeriodStart: start, currentPeriodEnd: end } = periodOf(watched);
    if (!start || !end) continue;
    if (end <= observed.now) {
      outcome = 'later';
      continue;
    }
    const { priced } = await withUsage(tx, facts, soon);
    const costs = priced.filter(isWatched).flatMap((entry) => {
      const { currentPeriodStart: from, currentPeriodEnd: to } = entry.item;
      if (!from || !to || from > observed.now) return [];
      if (isFreeInTrial(subscription, entry)) return [];
      const { amount } = feeLine(subscription, entry, { start: from, end: to });
      return [amount.plus(entry.instalments ?? 0)];
    });
    if (costs.length === 0) continue;
    const seen = { subject: id, subscriptionId: id, start, end, value: sum(costs) };
    await say(tx, alert, observed, seen, watching);
  }
  return outcome;
}

/** Writes what there is to say of a subject, with an event for each threshold that was reached or is no longer. */
async function say(
  tx: Tx,
  alert: Alert,
  { customerId, testClockId, now }: Observed,
  { subject, subscriptionId, start, end, value }: Seen,
  { presentFiring }: Watching,
): Promise<void> {
  const firings = await firingsOf(tx, alert.id, subject, start);
  const thresholds = alert.thresholds.map((threshold) => new Decimal(threshold));
  const { reached, over } = judge(thresholds, value, start, firings);
  for (const { firing, resolution } of over)
    await resolve(tx, alert, firing, { at: now, resolution, presentFiring });
  if (reached.length === 0) return;
  const createdAt = await databaseNow(tx);
  for (const threshold of reached) {
    const firing: AlertFiring = {
      id: newId('fir'),
      alertId: alert.id,
      tenantId: alert.tenantId,
      subject,
      customerId,
      subscriptionId,
      testClockId,
      periodStart: start,
      periodEnd: end,
      threshold,
      value,
      triggeredAt: now,
      resolvedAt: null,
      resolution: null,
      createdAt,
    };
    if (await insertFiring(tx, firing))
      await tellFiring(tx, 'alert.triggered', firing, presentFiring(alert, firing));
  }
}

/** Thresholds that are billed at once: of every subscription of the customer that bills what the meter counts. Answers whether one has any. */
async function noteThresholds(
  tx: Tx,
  touched: Touched,
  { now }: Observed,
  present: Presenters,
): Promise<boolean> {
  const { tenantId, customerId, meterId } = touched;
  const owners = await query<{ id: string }>(
    tx,
    sql`select owner.id from subscriptions owner
        join plan_versions sold on sold.plan_id = owner.plan_id and sold.version = owner.plan_version
          and sold.usage_thresholds <> '[]'
      where owner.customer_id = ${customerId} and owner.ended_at is null and exists (
        select from subscription_items item join item_segments segment on segment.item_id = item.id
          join prices price on price.id = segment.price_id and price.meter_id = ${meterId}
        where item.subscription_id = owner.id and item.ended_at is null)
      order by owner.id`,
  );
  if (owners.length === 0) return false;
  const wallNow = await databaseNow(tx);
  const cause = { correlationId: null, causationId: null };
  const write = { tx, tenantId, at: now, wallNow, cause, present };
  for (const { id } of owners) await noteThreshold(write, id);
  return true;
}
