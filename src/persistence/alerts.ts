import { EntitySchema } from '@mikro-orm/core';
import { sql } from 'kysely';
import type { Alert, AlertFiring } from '../domain/alert.ts';
import { isId } from '../domain/ids.ts';
import {
  id,
  instant,
  json,
  optionalCurrency,
  optionalInstant,
  optionalText,
  rate,
  text,
  textList,
} from './columns.ts';
import type { Tx } from './doors.ts';
import { findRow, insertRow, lockRow, query, selectRows, updateRows } from './rows.ts';
import { NO_METER } from './usage-touched.ts';

export const AlertSchema = new EntitySchema<Alert>({
  name: 'Alert',
  tableName: 'alerts',
  properties: {
    id,
    tenantId: text,
    name: text,
    kind: text,
    meterId: optionalText,
    customerId: optionalText,
    subscriptionId: optionalText,
    reset: text,
    currency: optionalCurrency,
    thresholds: textList,
    archivedAt: optionalInstant,
    metadata: json,
    createdAt: instant,
    updatedAt: instant,
  },
});

export const AlertFiringSchema = new EntitySchema<AlertFiring>({
  name: 'AlertFiring',
  tableName: 'alert_firings',
  properties: {
    id,
    alertId: text,
    tenantId: text,
    subject: text,
    customerId: text,
    subscriptionId: optionalText,
    testClockId: optionalText,
    periodStart: instant,
    periodEnd: instant,
    threshold: rate,
    value: rate,
    triggeredAt: instant,
    resolvedAt: optionalInstant,
    resolution: optionalText,
    createdAt: instant,
  },
});

export async function findAlert(
  tx: Tx,
  alertId: string,
  options: { lock?: boolean } = {},
): Promise<Alert | null> {
  if (!isId('alrt', alertId)) return null;
  return (options.lock ? lockRow : findRow)(tx, AlertSchema, { id: alertId });
}

/**
 * A new alert. One of a customer or a subscription looks at once at what is there already; one of all customers looks at
 * each when he uses something next.
 */
export async function insertAlert(tx: Tx, alert: Alert): Promise<Alert> {
  await insertRow(tx, AlertSchema, alert);
  await touch(tx, alert);
  return alert;
}

/** Changed thresholds are looked at like new ones. */
export async function updateAlert(tx: Tx, alert: Alert): Promise<Alert> {
  await updateRows(tx, AlertSchema, { id: alert.id }, alert);
  if (!alert.archivedAt) await touch(tx, alert);
  return alert;
}

async function touch(tx: Tx, { tenantId, customerId, meterId }: Alert): Promise<void> {
  if (customerId === null) return;
  const used = sql`select distinct coalesce(price.meter_id, ${NO_METER}) as meter_id from subscriptions owner
      join subscription_items item on item.subscription_id = owner.id and item.ended_at is null
      join item_segments segment on segment.item_id = item.id
      join prices price on price.id = segment.price_id and price.billing = 'usage'
    where owner.customer_id = ${customerId}`;
  await query(
    tx,
    sql`insert into usage_touched (tenant_id, customer_id, meter_id)
      select ${tenantId}, ${customerId}, meter_id from (${meterId === null ? used : sql`select ${meterId}::text as meter_id`}) used`,
  );
}

/** The alerts that use of this customer and meter may concern. */
export function alertsWatching(
  tx: Tx,
  { tenantId, customerId, meterId }: { tenantId: string; customerId: string; meterId: string },
): Promise<Alert[]> {
  return selectRows(
    tx,
    AlertSchema,
    sql`tenant_id = ${tenantId} and archived_at is null and (meter_id is null or meter_id = ${meterId})
      and (customer_id is null or customer_id = ${customerId}) order by id`,
  );
}

/** Of one subject: the firings of a period, and those that are open. */
export function firingsOf(
  tx: Tx,
  alertId: string,
  subject: string,
  periodStart: Date,
): Promise<AlertFiring[]> {
  return selectRows(
    tx,
    AlertFiringSchema,
    sql`alert_id = ${alertId} and subject = ${subject}
      and (resolved_at is null or period_start = ${periodStart.toISOString()}) order by threshold`,
  );
}

/** Answers whether it is the first of its threshold and period: somebody else may have written it meanwhile. */
export async function insertFiring(tx: Tx, firing: AlertFiring): Promise<boolean> {
  const written = await query(
    tx,
    sql`insert into alert_firings (id, alert_id, tenant_id, subject, customer_id, subscription_id, test_clock_id, period_start,
        period_end, threshold, value, triggered_at, created_at)
      values (${firing.id}, ${firing.alertId}, ${firing.tenantId}, ${firing.subject}, ${firing.customerId},
        ${firing.subscriptionId}, ${firing.testClockId}, ${firing.periodStart.toISOString()}, ${firing.periodEnd.toISOString()},
        ${firing.threshold.toFixed()}::numeric, ${firing.value.toFixed()}::numeric, ${firing.triggeredAt.toISOString()}, ${firing.createdAt.toISOString()})
      on conflict (alert_id, subject, period_start, threshold) do nothing returning id`,
  );
  return written.length > 0;
}

/** Answers whether it was open until now. */
export async function resolveFiring(
  tx: Tx,
  firing: AlertFiring,
  { at, resolution }: { at: Date; resolution: NonNullable<AlertFiring['resolution']> },
): Promise<boolean> {
  const changes = { resolvedAt: at, resolution };
  return (await updateRows(tx, AlertFiringSchema, { id: firing.id, resolvedAt: null }, changes)) > 0;
}
