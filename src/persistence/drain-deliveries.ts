import { sql } from 'kysely';
import type { Event } from '../domain/event.ts';
import type { Tx } from './doors.ts';
import { EventSchema } from './events.ts';
import { findRows, query } from './rows.ts';

/** A delivery that is ours until `leaseUntil`, which also tells our lease from a later one. */
export type ClaimedDelivery = {
  id: string;
  tenantId: string;
  endpointId: string;
  leaseUntil: Date;
  event: Event;
};

/**
 * Takes due deliveries of one endpoint for ourselves, in the order their events were recorded. Whoever dies with them
 * loses them when the lease ends, and they are due again.
 */
export async function claimDeliveries(
  tx: Tx,
  claim: { endpointId: string; at: Date; leaseUntil: Date; limit: number },
): Promise<ClaimedDelivery[]> {
  const at = claim.at.toISOString();
  const rows = await query<{ id: string; event_id: string }>(
    tx,
    sql`update webhook_deliveries set lease_until = ${claim.leaseUntil.toISOString()}, updated_at = ${at}
      where id in (
        select id from webhook_deliveries
        where endpoint_id = ${claim.endpointId} and status = 'pending' and next_attempt_at <= ${at}
          and (lease_until is null or lease_until <= ${at})
        order by next_attempt_at, event_id limit ${claim.limit} for update skip locked)
      returning id, event_id`,
  );
  if (rows.length === 0) return [];
  const deliveryIds = new Map(rows.map((row) => [row.event_id, row.id]));
  const events = await findRows(tx, EventSchema, { id: { $in: [...deliveryIds.keys()] } });
  return events
    .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || a.sequence - b.sequence)
    .flatMap((event) => {
      const id = deliveryIds.get(event.id);
      return id
        ? [
            {
              id,
              tenantId: event.tenantId,
              endpointId: claim.endpointId,
              leaseUntil: claim.leaseUntil,
              event,
            },
          ]
        : [];
    });
}

/** Gives claimed deliveries back that were not begun. */
export async function releaseDeliveries(
  tx: Tx,
  claimed: readonly ClaimedDelivery[],
  at: Date,
): Promise<void> {
  if (claimed.length === 0) return;
  await query(
    tx,
    sql`update webhook_deliveries delivery set lease_until = null, updated_at = ${at.toISOString()}
      from unnest(${claimed.map(({ id }) => id)}::text[], ${claimed.map(({ leaseUntil }) => leaseUntil.toISOString())}::timestamptz[])
        as ours (id, lease_until)
      where delivery.id = ours.id and delivery.status = 'pending' and delivery.lease_until = ours.lease_until`,
  );
}

/** What an endpoint still has to do, and when the first of it is due: at its instant, or when a lease ends. */
export async function outlook(
  tx: Tx,
  endpointId: string,
): Promise<{ pending: number; nextDueAt: Date | null }> {
  const [row] = await query<{ pending: string; due_ms: string | null }>(
    tx,
    sql`select count(*) as pending,
        floor(extract(epoch from min(greatest(next_attempt_at, lease_until))) * 1000)::text as due_ms
      from webhook_deliveries where endpoint_id = ${endpointId} and status = 'pending'`,
  );
  return {
    pending: Number(row?.pending ?? 0),
    nextDueAt: row?.due_ms ? new Date(Number(row.due_ms)) : null,
  };
}
