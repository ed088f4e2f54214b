import { sql } from 'kysely';
import type { EventType } from '../domain/event.ts';
import type { WebhookEndpoint } from '../domain/webhook.ts';
import { ADDRESSED_EVENT, insertDeliveries, resendDeliveries } from './deliveries.ts';
import type { Tx } from './doors.ts';
import { query } from './rows.ts';

/** Events that an endpoint subscribes to and that were recorded from `from` until before `to`. */
export type Replay = {
  endpoint: Pick<WebhookEndpoint, 'id' | 'tenantId' | 'eventTypes'>;
  from: Date;
  to: Date;
  /** Leaves out what arrived. */
  missedOnly: boolean;
};

export type ReplayCount = { type: EventType; events: number; arrived: number };

/** What a replay would send, by type of event, and how many of them arrived before. */
export async function countReplay(tx: Tx, replay: Replay): Promise<ReplayCount[]> {
  return query<ReplayCount>(
    tx,
    sql`select e.type, count(*)::int as events, (count(*) filter (where d.status = 'delivered'))::int as arrived
      ${chosen(replay)} group by e.type order by e.type`,
  );
}

/**
 * Sends the next events of a replay again, from the beginning of the schedule: the same events with the same ids, a new
 * attempt each. What is being sent at this moment is left alone. The caller has locked the endpoint.
 *
 * @returns how many there were and where to go on, or null when none is left.
 */
export async function replayBatch(
  tx: Tx,
  replay: Replay,
  batch: { after: string; limit: number; at: Date },
): Promise<{ events: number; last: string } | null> {
  const now = batch.at.toISOString();
  const rows = await query<{ event_id: string; position: string; delivery_id: string | null; sent: boolean }>(
    tx,
    sql`select e.id as event_id, e.position::text as position, d.id as delivery_id,
        coalesce(d.lease_until > ${now}, false) as sent
      ${chosen(replay)} and e.position > ${batch.after} order by e.position limit ${batch.limit}`,
  );
  const last = rows.at(-1)?.position;
  if (last === undefined) return null;
  const { id: endpointId, tenantId } = replay.endpoint;
  const unknown = rows.filter((row) => row.delivery_id === null);
  await resendDeliveries(
    tx,
    rows.flatMap((row) => (row.delivery_id === null || row.sent ? [] : [row.delivery_id])),
    batch.at,
  );
  await insertDeliveries(
    tx,
    unknown.map((row) => ({ tenantId, endpointId, eventId: row.event_id })),
    batch.at,
  );
  return { events: rows.length, last };
}

/** Only events that have their position: the relay owes the others to their endpoints in a moment, on its own. */
function chosen({ endpoint, from, to, missedOnly }: Replay) {
  return sql`from events e left join webhook_deliveries d on d.endpoint_id = ${endpoint.id} and d.event_id = e.id
    where e.tenant_id = ${endpoint.tenantId} and e.position is not null
      and e.recorded_at >= ${from.toISOString()} and e.recorded_at < ${to.toISOString()}
      and ${endpoint.eventTypes}::text[] && array['*', e.type] and e.type <> ${ADDRESSED_EVENT}
      ${missedOnly ? sql`and (d.id is null or d.status = 'dead')` : sql``}`;
}
