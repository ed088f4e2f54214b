import { sql } from 'kysely';
import { ADDRESSED_EVENT } from '../deliveries.ts';
import type { Promised } from './promised.ts';

const MINUTE_MS = 60_000;

/** Nothing is dropped silently: promise 5 of `docs/promises.md`. */
export const WEBHOOK_PROMISES: readonly Promised[] = [
  {
    promise: 'events_are_placed',
    sentence: 'Every event has its place in the feed a minute after it was recorded.',
    query: (at) => sql`
      select tenant_id, id as event_id, type, object_id, recorded_at from events
      where position is null and recorded_at < ${before(at, MINUTE_MS)}`,
  },
  {
    promise: 'positions_are_unique',
    sentence: 'No two events have the same place in the feed.',
    query: () => sql`
      select position, array_agg(id order by recorded) as event_ids from events
      where position is not null group by position having count(*) > 1`,
  },
  {
    promise: 'sequences_without_gap',
    sentence: 'The events of an object are numbered from 1 without a gap.',
    query: () => sql`
      select tenant_id, object_id, id as event_id, sequence, expected from (
        select events.*, row_number() over (partition by object_id order by sequence, id) as expected from events) numbered
      where sequence <> expected`,
  },
  {
    // Endpoints have no history, so only those count that nobody has touched since before the event; the two seconds
    // are for a change that was under way. Compare `fanOut`, which owes the deliveries.
    promise: 'events_reach_endpoints',
    sentence: 'Every event has a delivery (made, pending or dead) for every endpoint that wanted it.',
    query: () => sql`
      select event.tenant_id, event.id as event_id, event.type, endpoint.id as endpoint_id
      from events event
      join webhook_endpoints endpoint on endpoint.tenant_id = event.tenant_id
        and greatest(endpoint.created_at, endpoint.updated_at) + interval '2 seconds' < event.recorded_at
      where event.position is not null and endpoint.status = 'enabled' and endpoint.deleted_at is null
        and case event.type when ${ADDRESSED_EVENT} then endpoint.id = event.object_id else endpoint.event_types && array['*', event.type] end
        and not exists (select from webhook_deliveries delivery where delivery.endpoint_id = endpoint.id and delivery.event_id = event.id)`,
  },
  {
    promise: 'delivered_means_accepted',
    sentence: 'A delivery counts as made only when its receiver answered 2xx.',
    query: () => sql`
      select delivery.tenant_id, delivery.id as delivery_id, delivery.endpoint_id, delivery.event_id, delivery.delivered_at
      from webhook_deliveries delivery
      where delivery.status = 'delivered' and not exists (
        select from webhook_attempts attempt
        where attempt.delivery_id = delivery.id and attempt.error is null and attempt.status between 200 and 299)`,
  },
  {
    // A slow receiver with a long queue is late but moves, and that is its own affair.
    promise: 'deliveries_move',
    sentence: 'No delivery is a quarter of an hour late while nothing is sent to its endpoint.',
    query: (at) => sql`
      select delivery.tenant_id, delivery.id as delivery_id, delivery.endpoint_id, delivery.event_id, delivery.next_attempt_at
      from webhook_deliveries delivery
      join webhook_endpoints endpoint on endpoint.id = delivery.endpoint_id and endpoint.deleted_at is null
      where delivery.status = 'pending' and greatest(delivery.next_attempt_at, delivery.lease_until) < ${before(at, 15 * MINUTE_MS)}
        and not exists (
          select from webhook_attempts attempt join webhook_deliveries other on other.id = attempt.delivery_id
          where other.endpoint_id = delivery.endpoint_id and attempt.started_at > ${before(at, 15 * MINUTE_MS)})`,
  },
];

function before(at: Date, ms: number): string {
  return new Date(at.getTime() - ms).toISOString();
}
