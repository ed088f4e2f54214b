import { sql } from 'kysely';
import { buildNext } from './build-rollups.ts';
import type { Tx } from './doors.ts';
import type { Fragment } from './meter-sql.ts';
import { query, queryLater } from './rows.ts';
import { type Unseen, unseenRows } from './unseen.ts';
import { CELL, CELL_KEY, cells, type Touched } from './usage-cells.ts';

/** One process at a time rolls up. The number is only a name, unique among our advisory locks. */
const ROLL_UP_LOCK = 7_365_006;

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
  // How many groups there will be nobody knows beforehand, and sorting for them takes longer than everything else. And
  // what is new is a small part of a table, however small that is.
  queryLater(
    tx,
    sql`select set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true),
      set_config('work_mem', '64MB', true)`,
  );
  const built = await buildNext(tx, limit);
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

/** What not all meters have seen, and `until`, what they are to see. */
type Span = News & { until: string; isLast: boolean; events: boolean; voids: boolean };

/** Numbers of transactions: those in `[from, end)`, and of those before it the unfinished. */
type News = { from: string; end: string; unfinished: string[] };

type Seen = {
  from: string;
  to: string;
  unfinished: string[];
  now: string;
  underWay: string[];
  nowTo: string;
};

async function nextSpan(tx: Tx, limit: number): Promise<Span | null> {
  const [seen] = await query<Seen>(
    tx,
    sql`select min(pg_snapshot_xmax(snapshot))::text as "from", max(pg_snapshot_xmax(snapshot))::text as "to",
        array(select distinct xid::text from usage_rollup_states st cross join pg_snapshot_xip(st.snapshot) xid
          where st.built_to is null) as unfinished,
        pg_current_snapshot()::text as now, pg_snapshot_xmax(pg_current_snapshot())::text as "nowTo",
        array(select xid::text from pg_snapshot_xip(pg_current_snapshot()) xid order by xid) as "underWay"
      from usage_rollup_states where built_to is null having count(*) > 0`,
  );
  if (!seen) return null;
  // Snapshots of another server, whose transactions had higher numbers: news would look as if it had been seen.
  if (BigInt(seen.to) > BigInt(seen.nowTo))
    throw new Error(
      'rollups know transactions that are yet to come: see "After a restore" in docs/operating.md',
    );
  const isAny = (table: string, column: string) =>
    sql`exists ${unseenRows(table, column, unseen({ ...seen, end: seen.nowTo }))}`;
  const [news] = await query<{ events: boolean; voids: boolean; far: string | null }>(
    tx,
    sql`select ${isAny('usage_events', 'ingest_xid')} as events,
        ${isAny('usage_voids', 'voided_xid')} or ${isAny('usage_voids', 'restored_xid')} as voids,
        (select ingest_xid from usage_events where ingest_xid >= ${seen.from}::xid8
          order by ingest_xid offset ${limit}::bigint limit 1)::text as far`,
  );
  if (!news || !(news.events || news.voids)) return null;
  const { from, unfinished } = seen;
  return { from, unfinished, ...snapshotUntil(seen, news.far), events: news.events, voids: news.voids };
}

/** Everything that is over by now; of a long backlog up to the transaction `far`, with it. */
function snapshotUntil(seen: Seen, far: string | null): Pick<Span, 'until' | 'end' | 'isLast'> {
  // No meter is to forget what it has seen.
  const end = far === null || BigInt(far) < BigInt(seen.to) ? BigInt(seen.to) : BigInt(far) + 1n;
  if (far === null || end >= BigInt(seen.nowTo)) return { until: seen.now, end: seen.nowTo, isLast: true };
  const underWay = seen.underWay.filter((xid) => BigInt(xid) < end);
  return { until: `${underWay[0] ?? end}:${end}:${underWay.join()}`, end: end.toString(), isLast: false };
}

/** Adds what came since; what is voided by then is left out, and does not come in later either. */
async function addEvents(tx: Tx, span: Span): Promise<Touched[]> {
  const fresh = cells({
    snapshot: span.until,
    events: newEvents(span),
    from: sql`join usage_rollup_states st on st.meter_id = v.meter_id and st.meter_version = v.version and st.built_to is null`,
    where: sql`not pg_visible_in_snapshot(e.ingest_xid, st.snapshot)`,
  });
  countOnce(tx, true);
  const isLater = sql`(r.latest_at, r.latest_key) < (excluded.latest_at, excluded.latest_key)`;
  const touched = await query<Touched>(
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
  countOnce(tx, false);
  return touched;
}

/**
 * Events are read once, and meters hashed for them. How many events there are the planner cannot know, and expects so few
 * that it would gladly read them again for each meter.
 */
function countOnce(tx: Tx, isOn: boolean): void {
  queryLater(tx, sql`select set_config('enable_nestloop', ${isOn ? 'off' : 'on'}, true)`);
}

/** Counts the hours anew in which something was voided or restored since: a maximum cannot be taken back. */
async function countAgain(tx: Tx, span: Span): Promise<Touched[]> {
  const again = cells({
    snapshot: span.until,
    // Hour by hour, each by the index, once for every meter that is to count it.
    events: sql`(select d.meter_id as dirty_meter, d.meter_version as dirty_version, own.*
      from dirty d cross join lateral (select * from usage_events where tenant_id = d.tenant_id and customer_id = d.customer_id
        and event_name = d.event_name and event_at >= d.hour and event_at < d.hour + interval '1 hour' offset 0) own offset 0)`,
    where: sql`v.meter_id = e.dirty_meter and v.version = e.dirty_version`,
  });
  const gone = await query<Touched>(
    tx,
    sql`with dirty as materialized (${dirtyHours(span)}), gone as (
        delete from usage_rollups r using dirty d where r.tenant_id = d.tenant_id and r.meter_id = d.meter_id
          and r.meter_version = d.meter_version and r.customer_id = d.customer_id and r.hour = d.hour)
      select distinct tenant_id as "tenantId", customer_id as "customerId", meter_id as "meterId" from dirty`,
  );
  countOnce(tx, true);
  // Another statement: within one, the same key cannot go and come.
  await query(
    tx,
    sql`with dirty as materialized (${dirtyHours(span)}) insert into usage_rollups (${CELL}) select ${CELL} from (${again}) again`,
  );
  countOnce(tx, false);
  return gone;
}

/**
 * The customers of meters of distinct values, which have no cells but remember what they had seen like the others. Costs
 * nothing where there is no such meter.
 */
function touchedDistinct(tx: Tx, span: Span): Promise<Touched[]> {
  const changed = (from: Fragment, news: Fragment) =>
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
      ${changed(newEvents(span), isNews(span, sql`x.ingest_xid`))}
      union
      ${changed(newVoids(span), isVoidNews(span, 'x'))}`,
  );
}

/** An event that was voided before it had found its customer is looked up, and only such a one: since then it may have. */
function dirtyHours(span: Span): Fragment {
  return sql`select distinct v.tenant_id, m.id as meter_id, st.meter_version, v.event_name, v.owner as customer_id,
      date_trunc('hour', v.event_at, 'UTC') as hour
    from (select v.*, coalesce(v.customer_id, (
          select e.customer_id from usage_events e where e.tenant_id = v.tenant_id and e.event_at = v.event_at
            and e.key = v.key and e.revision = v.revision limit 1)) as owner
        from ${newVoids(span)} v offset 0) v
      join meters m on m.tenant_id = v.tenant_id and m.event_name = v.event_name
      join usage_rollup_states st on st.meter_id = m.id and st.built_to is null
    where ${isVoidNews(span, 'v')} and v.owner is not null`;
}

/** What may be new to some meter, on its own, so that the planner begins with these few. */
function newEvents(span: Span): Fragment {
  return sql`(select * from ${unseenRows('usage_events', 'ingest_xid', unseen(span))} news offset 0)`;
}

function newVoids(span: Span): Fragment {
  return sql`(select * from ${unseenRows('usage_voids', 'voided_xid', unseen(span))} voided
    union select * from ${unseenRows('usage_voids', 'restored_xid', unseen(span))} restored offset 0)`;
}

function unseen({ from, end, unfinished }: News): Unseen {
  return {
    from: sql`${from}::xid8`,
    to: sql`${(BigInt(end) - 1n).toString()}::xid8`,
    unfinished: sql`${unfinished}::xid8[]`,
  };
}

/** Whether the meter of `st` is to see it and had not. */
function isNews(span: Span, column: Fragment): Fragment {
  return sql`(pg_visible_in_snapshot(${column}, ${span.until}::pg_snapshot)
    and not pg_visible_in_snapshot(${column}, st.snapshot))`;
}

function isVoidNews(span: Span, of: 'v' | 'x'): Fragment {
  const row = sql.raw(of);
  return sql`(${isNews(span, sql`${row}.voided_xid`)} or ${isNews(span, sql`${row}.restored_xid`)})`;
}

function distinct(touched: readonly Touched[]): Touched[] {
  return [...new Map(touched.map((one) => [`${one.customerId} ${one.meterId}`, one])).values()];
}
