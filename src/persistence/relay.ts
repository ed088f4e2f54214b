import { sql } from 'kysely';
import { ADDRESSED_EVENT, insertDeliveries, type NewDelivery } from './deliveries.ts';
import type { Tx } from './doors.ts';
import type { Nudge } from './nudges.ts';
import { query } from './rows.ts';

/** One relay at a time places events. The number is only a name, unique among our advisory locks. */
const RELAY_LOCK = 7_365_002;

/**
 * Whether this transaction may act as the relay. The lock ends with the transaction, so a relay that dies leaves
 * nothing behind, and no connection has to be kept for it.
 */
export async function leadRelay(tx: Tx): Promise<boolean> {
  const [row] = await query<{ leading: boolean }>(
    tx,
    sql`select pg_try_advisory_xact_lock(${RELAY_LOCK}) as leading`,
  );
  return row?.leading ?? false;
}

/** Keeps every relay from placing events until this transaction ends; waits for the one at work. */
export async function holdRelay(tx: Tx): Promise<void> {
  await query(tx, sql`select pg_advisory_xact_lock(${RELAY_LOCK})`);
}

/**
 * Gives the next events their position. As only the leader does so, and each time after the batch before was
 * committed, positions become visible in their own order: nothing ever appears behind a reader of the feed.
 *
 * @returns the ids of the events that were placed, in order.
 */
export async function placeEvents(tx: Tx, limit: number): Promise<string[]> {
  const rows = await query<{ id: string }>(
    tx,
    sql`with batch as materialized (select id, recorded from events where position is null order by recorded limit ${limit}),
        numbered as materialized (select id, nextval('event_positions') as position from (select id from batch order by recorded) b),
        placed as (update events e set position = n.position from numbered n where e.id = n.id returning e.id, e.position)
      select id from placed order by position`,
  );
  return rows.map(({ id }) => id);
}

/** Owes the placed events to every enabled endpoint of their tenant that subscribed to their type. */
export async function fanOut(tx: Tx, eventIds: readonly string[], at: Date): Promise<Endpoint[]> {
  const owed = await query<NewDelivery>(
    tx,
    sql`select e.tenant_id as "tenantId", w.id as "endpointId", e.id as "eventId"
      from events e join webhook_endpoints w on w.tenant_id = e.tenant_id
      where e.id = any(${[...eventIds]}::text[]) and w.status = 'enabled' and w.deleted_at is null
        and case e.type when ${ADDRESSED_EVENT} then w.id = e.object_id else w.event_types && array['*', e.type] end
      order by e.position`,
  );
  await insertDeliveries(tx, owed, at);
  const endpoints = new Map(owed.map(({ tenantId, endpointId }) => [endpointId, { tenantId, endpointId }]));
  return [...endpoints.values()];
}

export type Endpoint = { tenantId: string; endpointId: string };

/**
 * Endpoints with a delivery that is due and in nobody's hands, with the instant since when. Jumps from endpoint to
 * endpoint in the index of pending deliveries, so a long queue of one costs no more than a short one.
 */
export async function endpointsDue(tx: Tx, at: Date): Promise<(Endpoint & { dueAt: Date })[]> {
  const now = at.toISOString();
  const rows = await query<Endpoint & { due_ms: string }>(
    tx,
    sql`with recursive waiting as (
        (select endpoint_id from webhook_deliveries where status = 'pending' order by endpoint_id limit 1)
        union all
        select (select d.endpoint_id from webhook_deliveries d
          where d.status = 'pending' and d.endpoint_id > w.endpoint_id order by d.endpoint_id limit 1)
        from waiting w where w.endpoint_id is not null)
      select due.tenant_id as "tenantId", w.endpoint_id as "endpointId",
        floor(extract(epoch from due.next_attempt_at) * 1000)::text as due_ms
      from waiting w join lateral (
        select d.tenant_id, d.next_attempt_at from webhook_deliveries d
        where d.endpoint_id = w.endpoint_id and d.status = 'pending' and d.next_attempt_at <= ${now}
          and (d.lease_until is null or d.lease_until <= ${now})
        order by d.next_attempt_at limit 1) due on true`,
  );
  return rows.map(({ tenantId, endpointId, due_ms }) => ({
    tenantId,
    endpointId,
    dueAt: new Date(Number(due_ms)),
  }));
}

/** Commands nobody applied in time: they must not surprise anyone later. Those being applied now are left alone. */
export async function expireCommands(tx: Tx, at: Date): Promise<number> {
  const rows = await query(
    tx,
    sql`update commands set status = 'expired', finished_at = ${at.toISOString()}
      where id in (select id from commands where status = 'pending' and expires_at <= ${at.toISOString()}
        order by expires_at limit 1000 for update skip locked)
      returning id`,
  );
  return rows.length;
}

/**
 * Takes nudges that are due. They are due again when the lease ends, unless they were settled or postponed. `ended`: the
 * subscription they are for has ended.
 */
export async function claimNudges(
  tx: Tx,
  at: Date,
  leaseUntil: Date,
  limit: number,
): Promise<(Nudge & { ended: boolean })[]> {
  return query<Nudge & { ended: boolean }>(
    tx,
    sql`update nudges set next_attempt_at = ${leaseUntil.toISOString()}
      where workflow_id in (select workflow_id from nudges where next_attempt_at <= ${at.toISOString()}
        order by next_attempt_at limit ${limit} for update skip locked)
      returning workflow_id as "workflowId", tenant_id as "tenantId", kind, entity_id as "entityId", version, attempts,
        exists (select from subscriptions sub where sub.id = nudges.entity_id and sub.ended_at is not null) as ended`,
  );
}
