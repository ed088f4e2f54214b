import { sql } from 'kysely';
import type { Tx } from './doors.ts';
import { query, queryLater } from './rows.ts';
import { CELL, CELL_KEY, cells, HOUR_OF_EVENT } from './usage-cells.ts';

/** One process at a time rolls up. The number is only a name, unique among our advisory locks. */
const ROLL_UP_LOCK = 7_365_006;

/** How many customers of a new meter are counted in one transaction. */
const CUSTOMERS_AT_ONCE = 200;

/** Whose usage of which meter has changed: what limits and alerts have to look at. */
export type Touched = { tenantId: string; customerId: string; meterId: string };

export type RolledUp = {
  touched: Touched[];
  /** Whether there is more to do at once. */
  more: boolean;
};

/** Whether this transaction may write rollups. The lock ends with it. */
export async function leadRollUp(tx: Tx): Promise<boolean> {
  const [row] = await query<{ leading: boolean }>(
    tx,
    sql`select pg_try_advisory_xact_lock(${ROLL_UP_LOCK}) as leading`,
  );
  return row?.leading ?? false;
}

/** Keeps everybody else from writing rollups until this transaction ends; waits for the one at work. */
export async function holdRollUp(tx: Tx): Promise<void> {
  await query(tx, sql`select pg_advisory_xact_lock(${ROLL_UP_LOCK})`);
}

/**
 * Brings the rollups of all meters from what they had seen to what this transaction sees: new events are added to their
 * cells, and hours of which something was voided or restored are counted anew. Of a long backlog about `limit` events.
 * Each meter version remembers the snapshot, so nothing is added twice and nothing left out however transactions
 * overlap. The caller leads (`leadRollUp`).
 */
export async function rollUp(tx: Tx, limit: number): Promise<RolledUp> {
  // How many groups there will be nobody knows beforehand, and sorting for them takes longer than everything else.
  queryLater(tx, sql`select set_config('enable_sort', 'off', true), set_config('work_mem', '64MB', true)`);
  const built = await buildNext(tx);
  const span = await nextSpan(tx, limit);
  const touched = built ?? [];
  if (!span) return { touched, more: built !== null };
  if (span.events) touched.push(...(await addEvents(tx, span)));
  if (span.voids) touched.push(...(await countAgain(tx, span)));
  touched.push(...(await touchedDistinct(tx, span)));
  await query(
    tx,
    sql`update usage_rollup_states set snapshot = ${span.until}::pg_snapshot, updated_at = clock_timestamp()
      where built_to is null`,
  );
  return { touched: distinct(touched), more: built !== null || !span.isLast };
}

/** From the transaction `xmin` on there is something that not all meters have seen; `until` is what they are to see. */
type Span = { xmin: string; until: string; isLast: boolean; events: boolean; voids: boolean };

async function nextSpan(tx: Tx, limit: number): Promise<Span | null> {
  const [seen] = await query<{
    xmin: string | null;
    xmax: string;
    now: string;
    now_xmin: string;
    now_xmax: string;
  }>(
    tx,
    sql`select min(pg_snapshot_xmin(snapshot))::text as xmin, max(pg_snapshot_xmax(snapshot))::text as xmax,
        pg_current_snapshot()::text as now, pg_snapshot_xmin(pg_current_snapshot())::text as now_xmin,
        pg_snapshot_xmax(pg_current_snapshot())::text as now_xmax
      from usage_rollup_states where built_to is null`,
  );
  if (!seen || seen.xmin === null) return null;
  // Snapshots of another server, whose transactions had higher numbers: news would look as if it had been seen.
  if (BigInt(seen.xmax) > BigInt(seen.now_xmax))
    throw new Error(
      'rollups know transactions that are yet to come: see "After a restore" in docs/operating.md',
    );
  const { xmin } = seen;
  const [news] = await query<{ events: boolean; voids: boolean; far: string | null }>(
    tx,
    sql`select exists (select from usage_events where ingest_xid >= ${xmin}::xid8) as events,
        exists (select from usage_voids where voided_xid >= ${xmin}::xid8)
          or exists (select from usage_voids where restored_xid >= ${xmin}::xid8) as voids,
        (select ingest_xid from usage_events where ingest_xid >= ${xmin}::xid8
          order by ingest_xid offset ${limit}::bigint limit 1)::text as far`,
  );
  if (!news || !(news.events || news.voids)) return null;
  // Everything before a transaction that is older than whatever runs is over: that, too, is a snapshot.
  const far = news.far === null ? null : BigInt(news.far);
  const stopsEarly = far !== null && far > BigInt(seen.xmax) && far <= BigInt(seen.now_xmin);
  return {
    xmin,
    until: stopsEarly ? `${far}:${far}:` : seen.now,
    isLast: !stopsEarly,
    events: news.events,
    voids: news.voids,
  };
}

/** Adds what came since; what is voided by then is left out, and does not come in later either. */
async function addEvents(tx: Tx, { xmin, until }: Span): Promise<Touched[]> {
  const fresh = cells({
    snapshot: until,
    from: sql`join usage_rollup_states st on st.meter_id = v.meter_id and st.meter_version = v.version and st.built_to is null`,
    where: sql`e.ingest_xid >= ${xmin}::xid8 and not pg_visible_in_snapshot(e.ingest_xid, st.snapshot)`,
  });
  const isLater = sql`(r.latest_at, r.latest_key) < (excluded.latest_at, excluded.latest_key)`;
  return query<Touched>(
    tx,
    sql`with fresh as (${fresh}), kept as (
        insert into usage_rollups as r (${CELL}) select ${CELL} from fresh
        on conflict (${CELL_KEY}) do update set count = r.count + excluded.count, sum = r.sum + excluded.sum,
          min = least(r.min, excluded.min), max = greatest(r.max, excluded.max),
          latest_at = case when ${isLater} then excluded.latest_at else r.latest_at end,
          latest_key = case when ${isLater} then excluded.latest_key else r.latest_key end,
          latest = case when ${isLater} then excluded.latest else r.latest end
        returning r.tenant_id, r.customer_id, r.meter_id)
      select distinct tenant_id as "tenantId", customer_id as "customerId", meter_id as "meterId" from kept`,
  );
}

/** Counts the hours anew in which something was voided or restored since: a maximum cannot be taken back. */
async function countAgain(tx: Tx, span: Span): Promise<Touched[]> {
  const { until } = span;
  const again = cells({
    snapshot: until,
    where: sql`(v.meter_id, v.version, e.customer_id, ${HOUR_OF_EVENT}) in (
        select meter_id, meter_version, customer_id, hour from dirty)
      and exists (select from dirty d where d.tenant_id = e.tenant_id and d.customer_id = e.customer_id
        and d.event_name = e.event_name and e.event_at >= d.hour and e.event_at < d.hour + interval '1 hour')`,
  });
  const gone = await query<Touched>(
    tx,
    sql`with dirty as materialized (${dirtyHours(span)}), gone as (
        delete from usage_rollups r using dirty d where r.tenant_id = d.tenant_id and r.meter_id = d.meter_id
          and r.meter_version = d.meter_version and r.customer_id = d.customer_id and r.hour = d.hour)
      select distinct tenant_id as "tenantId", customer_id as "customerId", meter_id as "meterId" from dirty`,
  );
  // Another statement: within one, the same key cannot go and come.
  await query(
    tx,
    sql`with dirty as materialized (${dirtyHours(span)}) insert into usage_rollups (${CELL}) select ${CELL} from (${again}) again`,
  );
  return gone;
}

/**
 * The customers of meters of distinct values, which have no cells but remember what they had seen like the others. Costs
 * nothing where there is no such meter.
 */
function touchedDistinct(tx: Tx, { xmin, until }: Span): Promise<Touched[]> {
  const isNews = (column: ReturnType<typeof sql>) =>
    sql`(${column} >= ${xmin}::xid8 and pg_visible_in_snapshot(${column}, ${until}::pg_snapshot)
      and not pg_visible_in_snapshot(${column}, st.snapshot))`;
  const changed = (from: ReturnType<typeof sql>, news: ReturnType<typeof sql>) =>
    sql`select distinct m.tenant_id as "tenantId", x.customer_id as "customerId", m.id as "meterId"
      from meters m join distinct_states st on st.meter_id = m.id
        join ${from} x on x.tenant_id = m.tenant_id and x.event_name = m.event_name
      where x.customer_id is not null and ${news}`;
  return query<Touched>(
    tx,
    sql`with distinct_states as materialized (
        select st.meter_id, st.snapshot from usage_rollup_states st
          join meter_versions v on v.meter_id = st.meter_id and v.version = st.meter_version
        where st.built_to is null and v.aggregation = 'unique_count')
      ${changed(sql`usage_events`, isNews(sql`x.ingest_xid`))}
      union
      ${changed(sql`usage_voids`, sql`(${isNews(sql`x.voided_xid`)} or ${isNews(sql`x.restored_xid`)})`)}`,
  );
}

/** An event that was voided before it had found its customer is looked up: since then it may have. */
function dirtyHours({ xmin, until }: Span) {
  const isNews = (column: ReturnType<typeof sql>) =>
    sql`(${column} >= ${xmin}::xid8 and pg_visible_in_snapshot(${column}, ${until}::pg_snapshot)
      and not pg_visible_in_snapshot(${column}, st.snapshot))`;
  return sql`select distinct v.tenant_id, m.id as meter_id, st.meter_version, v.event_name,
      coalesce(v.customer_id, e.customer_id) as customer_id, date_trunc('hour', v.event_at, 'UTC') as hour
    from usage_voids v
      join meters m on m.tenant_id = v.tenant_id and m.event_name = v.event_name
      join usage_rollup_states st on st.meter_id = m.id and st.built_to is null
      left join usage_events e on v.customer_id is null and e.tenant_id = v.tenant_id and e.event_at = v.event_at
        and e.key = v.key and e.revision = v.revision
    where (${isNews(sql`v.voided_xid`)} or ${isNews(sql`v.restored_xid`)})
      and coalesce(v.customer_id, e.customer_id) is not null`;
}

/**
 * Counts the next customers of a meter version that has no rollups yet, all at the snapshot at which its building began.
 * Until it is whole it is not looked at. Answers who has used it since it was made, as nobody else will; null: none is
 * being built.
 */
async function buildNext(tx: Tx): Promise<Touched[] | null> {
  await query(
    tx,
    sql`insert into usage_rollup_states (tenant_id, meter_id, meter_version, snapshot, updated_at, built_to)
      select v.tenant_id, v.meter_id, v.version, pg_current_snapshot(), clock_timestamp(), '' from meter_versions v
      where not exists (
        select from usage_rollup_states st where st.meter_id = v.meter_id and st.meter_version = v.version)`,
  );
  const [next] = await query<Building>(
    tx,
    sql`select st.tenant_id as "tenantId", st.meter_id as "meterId", st.meter_version as version,
        st.snapshot::text as snapshot, st.built_to as "builtTo"
      from usage_rollup_states st where st.built_to is not null order by st.meter_id, st.meter_version limit 1`,
  );
  if (!next) return null;
  const customers = await customersAfter(tx, next.tenantId, next.builtTo);
  const touched = customers.length > 0 ? await buildFor(tx, next, customers) : [];
  const builtTo = customers.length < CUSTOMERS_AT_ONCE ? null : (customers.at(-1) ?? null);
  await query(
    tx,
    sql`update usage_rollup_states set built_to = ${builtTo}, updated_at = clock_timestamp()
      where meter_id = ${next.meterId} and meter_version = ${next.version}::integer`,
  );
  return touched;
}

type Building = { tenantId: string; meterId: string; version: number; snapshot: string; builtTo: string };

/** Distinct values have no cells, so nothing is written for them. */
async function buildFor(tx: Tx, building: Building, customers: readonly string[]): Promise<Touched[]> {
  const { tenantId, meterId, version, snapshot } = building;
  const isTheirs = sql`e.tenant_id = ${tenantId} and e.customer_id = any(${[...customers]}::text[])`;
  const counted = cells({
    snapshot,
    where: sql`v.meter_id = ${meterId} and v.version = ${version}::integer and ${isTheirs}`,
  });
  await query(tx, sql`insert into usage_rollups (${CELL}) select ${CELL} from (${counted}) counted`);
  // What was used before there was this version was told then, or concerned nobody; a minute is for what was under way.
  return query<Touched>(
    tx,
    sql`select distinct e.tenant_id as "tenantId", e.customer_id as "customerId", m.id as "meterId"
      from meters m join meter_versions v on v.meter_id = m.id and v.version = ${version}::integer
        join usage_events e on e.tenant_id = m.tenant_id and e.event_name = m.event_name
      where m.id = ${meterId} and ${isTheirs} and e.ingested_at > v.created_at - interval '1 minute'`,
  );
}

/** The next customers who have used anything, by id. Jumps from one to the next in the index, past all their events. */
async function customersAfter(tx: Tx, tenantId: string, after: string): Promise<string[]> {
  const next = (last: ReturnType<typeof sql>) =>
    sql`select customer_id from usage_events where tenant_id = ${tenantId} and customer_id > ${last} order by customer_id limit 1`;
  const rows = await query<{ id: string }>(
    tx,
    sql`with recursive found as ((${next(sql`${after}`)}) union all
        select (${next(sql`f.customer_id`)}) from found f where f.customer_id is not null)
      select customer_id as id from found where customer_id is not null limit ${CUSTOMERS_AT_ONCE}`,
  );
  return rows.map(({ id }) => id);
}

function distinct(touched: readonly Touched[]): Touched[] {
  return [...new Map(touched.map((one) => [`${one.customerId} ${one.meterId}`, one])).values()];
}
