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

/**
 * Cells counted from the events that count at `snapshot`. In `from` and `where` `e` is an event, `v` one version of a
 * meter that counts events of its name. The same rules as in `meter-sql.ts`, read from the rows of the meters, because
 * here many are counted at once.
 */
export function cells({
  snapshot,
  from,
  where,
}: {
  snapshot: string;
  from?: Fragment;
  where: Fragment;
}): Fragment {
  const only = (...aggregations: string[]) =>
    sql`filter (where v.aggregation = any(${aggregations}::text[]))`;
  const latestFirst = sql`order by e.event_at desc, e.key desc, e.revision desc`;
  return sql`select v.tenant_id, v.meter_id, v.version as meter_version, e.customer_id, ${HOUR_OF_EVENT} as hour,
      coalesce(e.subscription_id, '') as subscription_id, ${GROUP} as group_values, count(*) as count,
      sum(x.v) ${only('sum', 'sum_product')} as sum, min(x.v) ${only('min')} as min, max(x.v) ${only('max')} as max,
      max(e.event_at) ${only('latest')} as latest_at,
      (array_agg(e.key ${latestFirst}) ${only('latest')})[1] as latest_key,
      (array_agg(x.v ${latestFirst}) ${only('latest')})[1] as latest
    from usage_events e
      join meters m on m.tenant_id = e.tenant_id and m.event_name = e.event_name
      join meter_versions v on v.meter_id = m.id and v.aggregation <> 'unique_count'
      ${from ?? sql``}
      cross join lateral (select ${VALUE} as v) x
    where e.customer_id is not null and x.v is not null and ${FITS} and ${eventCounts(snapshot)} and ${where}
    group by v.tenant_id, v.meter_id, v.version, e.customer_id, 5, 6, 7`;
}

export const HOUR_OF_EVENT = sql`date_trunc('hour', e.event_at, 'UTC')`;

const VALUE = sql`case v.aggregation when 'count' then 1::numeric
  when 'sum_product' then usage_number(e.properties, v.property) * usage_number(e.properties, v.factor_property)
  else usage_number(e.properties, v.property) end`;

const FITS = sql`(v.filters = '[]' or not exists (select from jsonb_to_recordset(v.filters) as f(property text, "values" jsonb)
  where not coalesce(f."values" ? (e.properties ->> f.property), false)))`;

const GROUP = sql`case when v.group_by = '{}' then '[]'::jsonb else (
  select jsonb_agg(coalesce(e.properties ->> g.property, '') order by g.n)
  from unnest(v.group_by) with ordinality as g(property, n)) end`;
