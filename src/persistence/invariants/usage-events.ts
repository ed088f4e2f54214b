import { sql } from 'kysely';
import type { Promised } from './promised.ts';

/** What was acknowledged is stored, and nothing else counts: promise 3 of `docs/promises.md`. */
export const USAGE_EVENT_PROMISES: readonly Promised[] = [
  {
    // The key is what the acknowledgement stands for; both are written by one statement.
    promise: 'keys_have_events',
    sentence: 'Every event of use that was acknowledged is stored.',
    query: () => sql`
      select known.tenant_id, known.key, known.event_at from usage_event_keys known
      where not exists (
        select from usage_events event where event.tenant_id = known.tenant_id and event.key = known.key
          and event.event_at = known.event_at and event.revision = 0)
        -- The key of one that was corrected outlives it, where its tenant does not keep events.
        and not exists (
          select from tenants tenant join usage_voids void on void.tenant_id = tenant.id and void.key = known.key
          where tenant.id = known.tenant_id
            and known.event_at < now() - tenant.usage_retention_days * interval '1 day')`,
  },
  {
    // Keys are forgotten once their event would be too old to come again, so only fresh events are asked for theirs.
    promise: 'events_have_keys',
    sentence: 'Every event of use that is stored is known by its key, so that it cannot be stored again.',
    query: (at) => sql`
      select event.tenant_id, event.key, event.event_at from usage_events event
        join tenants tenant on tenant.id = event.tenant_id
        left join lateral (
          select min(now_at) as slowest from test_clocks where tenant_id = tenant.id and status <> 'deleted'
        ) clocks on true
      where event.revision = 0 and event.ingested_at > ${at.toISOString()}::timestamptz - interval '1 day'
        and event.event_at > least(${at.toISOString()}::timestamptz, clocks.slowest) - tenant.late_window_days * interval '1 day'
        and not exists (
          select from usage_event_keys known where known.tenant_id = event.tenant_id and known.key = event.key)`,
  },
  {
    // A key may come again with another event when the first would be too old, and only then.
    promise: 'events_are_stored_once',
    sentence: 'No event of use is stored twice, and no revision of it.',
    query: () => sql`
      select event.tenant_id, event.key, event.revision, count(*)::integer as times
      from usage_events event join tenants tenant on tenant.id = event.tenant_id
      group by event.tenant_id, event.key, event.revision, tenant.late_window_days
      having count(*) > 1 and (count(distinct event.event_at) < count(*)
        or max(event.ingested_at) <= min(event.event_at) + tenant.late_window_days * interval '1 day')`,
  },
];
