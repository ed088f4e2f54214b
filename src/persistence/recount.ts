import { sql } from 'kysely';
import type { Tx } from './doors.ts';
import { holdRollUp } from './roll-up.ts';
import { query } from './rows.ts';
import { CELL, CELL_KEY, cells } from './usage-cells.ts';

/** One version of a meter whose rollups are whole. */
export type Rolled = { tenantId: string; meterId: string; version: number };

/** Customers by id: after `after`, up to and with `to`; null: to the last. */
export type CustomerRange = { after: string; to: string | null };

/** A cell that is not what its events come to. Null where there is none on that side. */
export type CellDifference = {
  customerId: string;
  hour: string;
  subscriptionId: string;
  group: string[];
  kept: Record<string, string> | null;
  counted: Record<string, string> | null;
};

export type Recounted = { cells: number; differences: number; rows: CellDifference[] };

/** Enough to see what is wrong. */
const ROWS_SHOWN = 20;

/** All meter versions with rollups, of one tenant or of all, of one meter or of all. Distinct values have none. */
export function rolledMeters(
  tx: Tx,
  { tenantId, meterId }: { tenantId: string | null; meterId: string | null },
): Promise<Rolled[]> {
  return query<Rolled>(
    tx,
    sql`select st.tenant_id as "tenantId", st.meter_id as "meterId", st.meter_version as version
      from usage_rollup_states st join meter_versions v on v.meter_id = st.meter_id and v.version = st.meter_version
      where st.built_to is null and v.aggregation <> 'unique_count'
        and (${tenantId}::text is null or st.tenant_id = ${tenantId})
        and (${meterId}::text is null or st.meter_id = ${meterId}) order by st.meter_id, st.meter_version`,
  );
}

/** Which of the ids that somebody wrote nobody has; null when all are right. */
export async function unknownId(
  tx: Tx,
  { tenantId, meterId }: { tenantId: string | null; meterId: string | null },
): Promise<'tenant' | 'meter' | null> {
  const [known] = await query<{ tenant: boolean; meter: boolean }>(
    tx,
    sql`select ${tenantId}::text is null or exists (select from tenants where id = ${tenantId}) as tenant,
      ${meterId}::text is null or exists (
        select from meters where id = ${meterId} and (${tenantId}::text is null or tenant_id = ${tenantId})) as meter`,
  );
  if (!known?.tenant) return 'tenant';
  return known.meter ? null : 'meter';
}

/** The customers of a tenant who have used anything, in ranges of about `size`, so that each can be counted alone. */
export async function customerRanges(tx: Tx, tenantId: string, size: number): Promise<CustomerRange[]> {
  const rows = await query<{ id: string }>(
    tx,
    sql`with recursive found as (
        (select customer_id from usage_events where tenant_id = ${tenantId} and customer_id is not null order by customer_id limit 1)
        union all
        select (select customer_id from usage_events where tenant_id = ${tenantId} and customer_id > f.customer_id
          order by customer_id limit 1) from found f where f.customer_id is not null),
      numbered as (select customer_id as id, row_number() over (order by customer_id) as n from found where customer_id is not null)
      select id from numbered where n % ${size}::integer = 0 order by id`,
  );
  const bounds = rows.map(({ id }) => id);
  return [...bounds, null].map((to, index) => ({ after: bounds[index - 1] ?? '', to }));
}

/**
 * Compares the cells of some customers with a count of the events, at the snapshot that the cells were made for. Null when
 * the rollups moved on in between: ask again. Changes nothing.
 */
export async function compareCells(tx: Tx, rolled: Rolled, range: CustomerRange): Promise<Recounted | null> {
  const made = await madeAt(tx, rolled);
  if (!made) return null;
  const [found] = await query<{ still: boolean; cells: string; differences: string; rows: CellDifference[] }>(
    tx,
    sql`with counted as (${counting(rolled, range, made)}),
      kept as (select ${CELL} from usage_rollups r where ${ofRange(rolled, range, made)}),
      compared as (
        select customer_id, hour, subscription_id, group_values, ${worth(sql`k`)} as kept, ${worth(sql`c`)} as counted,
          (k.count, k.sum, k.min, k.max, k.latest_at, k.latest_key, k.latest)
            is distinct from (c.count, c.sum, c.min, c.max, c.latest_at, c.latest_key, c.latest) as differs
        from kept k full join counted c using (${CELL_KEY})),
      shown as (
        select customer_id as "customerId", hour, subscription_id as "subscriptionId", group_values as "group", kept, counted
        from compared where differs order by customer_id, hour limit ${ROWS_SHOWN})
      select count(*)::text as cells, (count(*) filter (where differs))::text as differences,
        coalesce((select json_agg(shown) from shown), '[]') as rows,
        exists (select from usage_rollup_states st where st.meter_id = ${rolled.meterId}
          and st.meter_version = ${rolled.version}::integer and st.snapshot::text = ${made.snapshot}) as still
      from compared`,
  );
  if (!found?.still) return null;
  return { cells: Number(found.cells), differences: Number(found.differences), rows: found.rows };
}

/** The same, and where something differs the cells of these customers are written anew. Rollups wait meanwhile. */
export async function repairCells(tx: Tx, rolled: Rolled, range: CustomerRange): Promise<Recounted | null> {
  await holdRollUp(tx);
  const found = await compareCells(tx, rolled, range);
  const made = await madeAt(tx, rolled);
  if (!found || !made || found.differences === 0) return found;
  await query(tx, sql`delete from usage_rollups r where ${ofRange(rolled, range, made)}`);
  await query(
    tx,
    sql`insert into usage_rollups (${CELL}) select ${CELL} from (${counting(rolled, range, made)}) counted`,
  );
  return found;
}

/** What the cells had seen, and since when their events are surely kept: older sub-totals may outlive theirs. */
type Made = { snapshot: string; keptFrom: string };

async function madeAt(tx: Tx, { tenantId, meterId, version }: Rolled): Promise<Made | null> {
  const [made] = await query<Made>(
    tx,
    sql`select st.snapshot::text as snapshot, coalesce(date_trunc('hour',
        now() - make_interval(days => tenant.usage_retention_days) + interval '2 hours', 'UTC'), '-infinity')::text as "keptFrom"
      from usage_rollup_states st join tenants tenant on tenant.id = ${tenantId}
      where st.meter_id = ${meterId} and st.meter_version = ${version}::integer and st.built_to is null`,
  );
  return made ?? null;
}

function counting(rolled: Rolled, range: CustomerRange, { snapshot, keptFrom }: Made) {
  return cells({
    snapshot,
    where: sql`e.tenant_id = ${rolled.tenantId} and v.meter_id = ${rolled.meterId}
      and v.version = ${rolled.version}::integer and e.event_at >= ${keptFrom}::timestamptz and ${within(range, sql`e`)}`,
  });
}

function ofRange(rolled: Rolled, range: CustomerRange, { keptFrom }: Made) {
  return sql`r.tenant_id = ${rolled.tenantId} and r.meter_id = ${rolled.meterId}
    and r.meter_version = ${rolled.version}::integer and r.hour >= ${keptFrom}::timestamptz and ${within(range, sql`r`)}`;
}

function within({ after, to }: CustomerRange, row: ReturnType<typeof sql>) {
  return sql`${row}.customer_id > ${after} and (${to}::text is null or ${row}.customer_id <= ${to})`;
}

/** What a cell holds, as texts; null where there is no cell. */
function worth(row: ReturnType<typeof sql>) {
  return sql`case when ${row}.count is not null then json_strip_nulls(json_build_object('count', ${row}.count::text,
    'sum', ${row}.sum::text, 'min', ${row}.min::text, 'max', ${row}.max::text, 'latest', ${row}.latest::text)) end`;
}
