import { sql } from 'kysely';
import { eventCounts, type Fragment } from './meter-sql.ts';

/**
 * Hourly sub-totals of what meters count: a cell is what the events of one meter version, customer, hour, subscription
 * and group come to. Of a cell only what its aggregation needs is kept. Hours are those of UTC; what begins at half past
 * is counted from the events where it is asked for.
 */

/** The columns of a cell in their order. */
export const CELL = sql`tenant_id, meter_id, meter_version, customer_id, hour, subscription_id, group_values,
  count, sum, min, max, latest_at, latest_key, latest`;

/** What tells a cell from others, in the order of the primary key. */
export const CELL_KEY = sql`tenant_id, meter_id, meter_version, customer_id, hour, subscription_id, group_values`;

/** Whose usage of which meter has changed: what limits and alerts have to look at. */
export type Touched = { tenantId: string; customerId: string; meterId: string };

/**
 * Cells counted from the events that count at `snapshot`, of all events or of `events`. In `from` and `where` `e` is an
 * event, `v` one version of a meter that counts events of its name. The same rules as in `meter-sql.ts`, read from the
 * rows of the meters, because here many are counted at once.
 */
export function cells({
  snapshot,
  events,
  from,
  where,
}: {
  snapshot: string;
  events?: Fragment;
  from?: Fragment;
  where: Fragment;
}): Fragment {
  const only = (...aggregations: string[]) => sql`filter (where aggregation = any(${aggregations}::text[]))`;
  return sql`select tenant_id, meter_id, meter_version, customer_id, hour, subscription_id, group_values,
      count(*) as count, sum(v) ${only('sum', 'sum_product')} as sum, min(v) ${only('min')} as min,
      max(v) ${only('max')} as max, to_timestamp((max(latest))[1]::numeric / 1000) as latest_at,
      (max(latest))[2] as latest_key, (max(latest))[4]::numeric as latest
    from (
      select v.tenant_id, v.meter_id, v.version as meter_version, v.aggregation, e.customer_id, ${HOUR_OF_EVENT} as hour,
        coalesce(e.subscription_id, '') as subscription_id, ${GROUP} as group_values, x.v,
        case v.aggregation when 'latest' then ${RANK} end as latest
      from ${events ?? sql`usage_events`} e
        join meters m on m.tenant_id = e.tenant_id and m.event_name = e.event_name
        join meter_versions v on v.meter_id = m.id and v.aggregation <> 'unique_count'
        ${from ?? sql``}
        cross join lateral (select ${VALUE} as v offset 0) x
      where e.customer_id is not null and ${FITS} and ${eventCounts(snapshot)} and ${where}
      offset 0) valued
    where v is not null
    group by customer_id, hour, meter_id, group_values, meter_version, subscription_id, tenant_id`;
}

/** Texts that are in the order of time, then of the key: the greatest is the latest, and no sorting has to find it. */
const RANK = sql`array[to_char(extract(epoch from e.event_at) * 1000, 'FM000000000000000'), e.key,
  to_char(e.revision, 'FM0000000000'), x.v::text] collate "C"`;

export const HOUR_OF_EVENT = sql`date_trunc('hour', e.event_at, 'UTC')`;

const VALUE = sql`case v.aggregation when 'count' then 1::numeric
  when 'sum_product' then usage_number(e.properties, v.property) * usage_number(e.properties, v.factor_property)
  else usage_number(e.properties, v.property) end`;

const FITS = sql`(v.filters = '[]' or not exists (select from jsonb_to_recordset(v.filters) as f(property text, "values" jsonb)
  where not coalesce(f."values" ? (e.properties ->> f.property), false)))`;

/** Written out for each number of properties: a list that is taken apart for each event costs as much as the rest. */
const GROUP = sql`case cardinality(v.group_by) when 0 then '[]'::jsonb
  when 1 then jsonb_build_array(${nth(1)}) when 2 then jsonb_build_array(${nth(1)}, ${nth(2)})
  when 3 then jsonb_build_array(${nth(1)}, ${nth(2)}, ${nth(3)}) end`;

function nth(n: number): Fragment {
  return sql`coalesce(e.properties ->> v.group_by[${sql.lit(n)}], '')`;
}
