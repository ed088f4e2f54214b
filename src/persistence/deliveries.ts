import { sql } from 'kysely';
import type { EventType } from '../domain/event.ts';
import type { WebhookAttempt, WebhookDelivery, WebhookEndpoint } from '../domain/webhook.ts';
import { newId } from '../platform/ids.ts';
import type { Tx } from './doors.ts';
import { findRow, findRows, lockRow, query } from './rows.ts';
import { WebhookAttemptSchema, WebhookDeliverySchema } from './webhooks.ts';

export type NewDelivery = { tenantId: string; endpointId: string; eventId: string };

/** Owes events to endpoints from now on; what is owed already stays as it is. One statement for any number. */
export async function insertDeliveries(tx: Tx, deliveries: readonly NewDelivery[], at: Date): Promise<void> {
  if (deliveries.length === 0) return;
  const now = at.toISOString();
  await query(
    tx,
    sql`insert into webhook_deliveries (id, tenant_id, endpoint_id, event_id, status, next_attempt_at, created_at, updated_at)
      select id, tenant_id, endpoint_id, event_id, 'pending', ${now}, ${now}, ${now}
      from unnest(${deliveries.map(() => newId('del'))}::text[], ${deliveries.map((one) => one.tenantId)}::text[],
        ${deliveries.map((one) => one.endpointId)}::text[], ${deliveries.map((one) => one.eventId)}::text[])
        as owed (id, tenant_id, endpoint_id, event_id)
      on conflict (endpoint_id, event_id) do nothing`,
  );
}

export async function findDelivery(tx: Tx, id: string): Promise<WebhookDelivery | null> {
  return findRow(tx, WebhookDeliverySchema, { id });
}

export async function lockDelivery(tx: Tx, id: string): Promise<WebhookDelivery | null> {
  return lockRow(tx, WebhookDeliverySchema, { id });
}

export async function findDeliveryOf(
  tx: Tx,
  endpointId: string,
  eventId: string,
): Promise<WebhookDelivery | null> {
  return findRow(tx, WebhookDeliverySchema, { endpointId, eventId });
}

export async function attemptsOf(tx: Tx, deliveryId: string): Promise<WebhookAttempt[]> {
  return findRows(tx, WebhookAttemptSchema, { deliveryId }, { orderBy: { n: 'asc' } });
}

/** Sends deliveries again from the beginning of the schedule, also those that arrived. The event and its id stay. */
export async function resendDeliveries(tx: Tx, ids: readonly string[], at: Date): Promise<void> {
  if (ids.length === 0) return;
  const now = at.toISOString();
  await query(
    tx,
    sql`update webhook_deliveries set status = 'pending', schedule_base = attempts, next_attempt_at = ${now},
        lease_until = null, delivered_at = null, resent_at = ${now}, updated_at = ${now}
      where id = any(${[...ids]}::text[])`,
  );
}

/** More events than this are not replayed at once. */
export const REPLAY_MAX = 10_000;

/**
 * Owes an endpoint everything that happened since `from` and did not arrive there. The caller holds the relay, so no
 * event falls between what is seen here and what the relay hands to the endpoint from now on.
 *
 * @returns how many deliveries became due, or null when there would be more than `REPLAY_MAX` and nothing was done.
 */
export async function replayEvents(
  tx: Tx,
  endpoint: WebhookEndpoint,
  from: Date,
  at: Date,
): Promise<number | null> {
  const missed = await query<{ event_id: string; delivery_id: string | null }>(
    tx,
    sql`select e.id as event_id, d.id as delivery_id
      from events e left join webhook_deliveries d on d.endpoint_id = ${endpoint.id} and d.event_id = e.id
      where e.tenant_id = ${endpoint.tenantId} and e.recorded_at >= ${from.toISOString()}
        and (d.id is null or d.status = 'dead')
        and ${endpoint.eventTypes}::text[] && array['*', e.type]
        and e.type <> ${ADDRESSED_EVENT} limit ${REPLAY_MAX + 1}`,
  );
  if (missed.length > REPLAY_MAX) return null;
  const known = missed.flatMap((row) => row.delivery_id ?? []);
  const unknown = missed.filter((row) => row.delivery_id === null);
  await resendDeliveries(tx, known, at);
  await insertDeliveries(
    tx,
    unknown.map((row) => ({ tenantId: endpoint.tenantId, endpointId: endpoint.id, eventId: row.event_id })),
    at,
  );
  return missed.length;
}

/** A test is for the one endpoint that was asked for it; everything else goes to whoever subscribed. */
export const ADDRESSED_EVENT: EventType = 'webhook_endpoint.test';
