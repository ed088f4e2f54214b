import { sql } from 'kysely';
import type { Alert, AlertFiring } from '../domain/alert.ts';
import { AlertFiringSchema, AlertSchema, resolveFiring } from './alerts.ts';
import type { Tx } from './doors.ts';
import { recordEvents } from './events.ts';
import { findRow, query, selectRows } from './rows.ts';
import { type Observed, windowOf } from './usage-window.ts';

/** How an event shows a firing. */
export type PresentFiring = (alert: Alert, firing: AlertFiring) => Record<string, unknown>;

type Resolving = {
  at: Date;
  resolution: NonNullable<AlertFiring['resolution']>;
  presentFiring: PresentFiring;
};

/** Resolves a firing and tells so, unless somebody else has done it. A period is over at its end, whenever that is seen. */
export async function resolve(
  tx: Tx,
  alert: Alert,
  firing: AlertFiring,
  { at, resolution, presentFiring }: Resolving,
): Promise<void> {
  const isOver = resolution === 'period_over' && firing.periodEnd < at;
  const resolved = { ...firing, resolvedAt: isOver ? firing.periodEnd : at, resolution };
  if (!(await resolveFiring(tx, firing, { at: resolved.resolvedAt, resolution }))) return;
  await tellFiring(tx, 'alert.resolved', resolved, presentFiring(alert, resolved));
}

export async function tellFiring(
  tx: Tx,
  type: 'alert.triggered' | 'alert.resolved',
  firing: AlertFiring,
  object: Record<string, unknown>,
): Promise<void> {
  const { id: objectId, tenantId, customerId, subscriptionId } = firing;
  const createdAt = firing.resolvedAt ?? firing.triggeredAt;
  await recordEvents(tx, tenantId, { correlationId: firing.alertId, causationId: null }, [
    { type, objectType: 'alert', objectId, customerId, subscriptionId, data: { object }, createdAt },
  ]);
}

/** Firings whose period is over by the time of their customers, of all tenants, oldest first. Needs the system door. */
export function firingsOver(tx: Tx, limit: number): Promise<{ id: string; tenantId: string }[]> {
  return query(
    tx,
    sql`(select id, tenant_id as "tenantId" from alert_firings
        where resolved_at is null and test_clock_id is null and period_end <= now() order by period_end limit ${limit})
      union all
      (select firing.id, firing.tenant_id from test_clocks clock
        join alert_firings firing on firing.test_clock_id = clock.id and firing.period_end <= clock.now_at
        where firing.resolved_at is null limit ${limit})`,
  );
}

/** Resolves a firing whose period is over, as of its end. */
export async function resolveOver(tx: Tx, firingId: string, presentFiring: PresentFiring): Promise<void> {
  const firing = await findRow(tx, AlertFiringSchema, { id: firingId });
  const alert = firing && (await findRow(tx, AlertSchema, { id: firing.alertId }));
  if (!alert) return;
  await resolve(tx, alert, firing, { at: firing.periodEnd, resolution: 'period_over', presentFiring });
}

/** Resolves the firings of a customer whose billing period was cut short: none of his runs any more that began then. */
export async function resolveCut(tx: Tx, observed: Observed, presentFiring: PresentFiring): Promise<void> {
  const cut = await cutFirings(tx, observed);
  for (const firing of cut) {
    const alert = await findRow(tx, AlertSchema, { id: firing.alertId });
    if (alert)
      await resolve(tx, alert, firing, { at: observed.now, resolution: 'period_over', presentFiring });
  }
}

/**
 * A period is that of the items which bill what the alert looks at, or of a subscription that bills none of it; also of
 * one that is not paid. Who has no period at all is watched by months, and such a one is not cut.
 */
function cutFirings(tx: Tx, observed: Observed): Promise<AlertFiring[]> {
  const { customerId } = observed;
  const month = windowOf('billing_period', null, observed).start.toISOString();
  return selectRows(
    tx,
    AlertFiringSchema,
    sql`id in (
      with running as (
        select owner.id as owner_id, owner.current_period_start as owner_start, item.current_period_start as start,
          price.meter_id, price.billing
        from subscriptions owner
          join subscription_items item on item.subscription_id = owner.id and item.ended_at is null
            and item.current_period_start is not null
          join lateral (select price_id from item_segments segment where segment.item_id = item.id
            order by lower(segment.valid) desc limit 1) last on true
          join prices price on price.id = last.price_id
        where owner.customer_id = ${customerId} and owner.ended_at is null)
      select firing.id from alert_firings firing join alerts alert on alert.id = firing.alert_id
      where firing.customer_id = ${customerId} and firing.resolved_at is null and alert.reset = 'billing_period'
        and (firing.subscription_id is not null or firing.period_start <> ${month})
        and not exists (
          select from running where (firing.subscription_id is null or owner_id = firing.subscription_id)
            and case when alert.kind = 'cost' then
              start = firing.period_start and billing = 'usage' and (alert.meter_id is null or meter_id = alert.meter_id)
            when exists (select from running own where own.owner_id = running.owner_id and own.meter_id = alert.meter_id)
              then start = firing.period_start and meter_id = alert.meter_id
            else owner_start = firing.period_start end))
      order by alert_id, subject, threshold`,
  );
}
