import { sql } from 'kysely';
import type { Promised } from './promised.ts';

/** Corrections and imports of usage count once, too: promise 3 of `docs/promises.md`. */
export const USAGE_CORRECTION_PROMISES: readonly Promised[] = [
  {
    promise: 'one_revision_counts',
    sentence: 'Of an event of use that was corrected, at most one revision counts.',
    query: () => sql`
      select event.tenant_id, event.key, array_agg(event.revision order by event.revision) as counting
      from (select distinct tenant_id, key from usage_events where revision > 0) corrected
      join usage_events event on event.tenant_id = corrected.tenant_id and event.key = corrected.key
      where not exists (
        select from usage_voids void where void.tenant_id = event.tenant_id and void.key = event.key
          and void.revision = event.revision and void.event_at = event.event_at and void.restored_xid is null)
        -- and is not an event of long ago that had the key before
        and (event.revision > 0 or not exists (
          select from usage_event_keys known where known.tenant_id = event.tenant_id and known.key = event.key
            and known.event_at <> event.event_at))
      group by event.tenant_id, event.key having count(*) > 1`,
  },
  {
    promise: 'imports_take_each_row',
    sentence: 'A completed import of usage has an outcome for each of its rows.',
    query: () => sql`
      select made.tenant_id, made.id, made.rows, coalesce(sum(chunk.accepted + chunk.duplicates + chunk.rejected), 0)::integer as taken
      from usage_imports made left join usage_import_chunks chunk on chunk.import_id = made.id
      where made.status = 'completed'
      group by made.id having made.rows <> coalesce(sum(chunk.accepted + chunk.duplicates + chunk.rejected), 0)`,
  },
];
