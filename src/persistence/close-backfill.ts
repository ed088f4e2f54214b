import { type RawBuilder, sql } from 'kysely';
import type { Backfill } from '../domain/backfill.ts';
import { revisionsOf } from './correct-usage.ts';
import type { Tx } from './doors.ts';
import { query, queryLater } from './rows.ts';

/**
 * What a backfill does to events when it is closed and when it is reverted. Everything is one transaction, so every
 * count, at any snapshot, sees all of it or nothing. The caller holds `lockCorrections`.
 */
type Saying = { by: string | null; at: Date };

/** How many events one statement changes: the process that asks gives up a server that says nothing for long. */
const SLICE = 10_000;

/**
 * Each event is looked up by its key, also when a table was empty a moment ago: read as a whole, a table that grows by
 * every event is read once for each.
 */
export function lookUpByKey(tx: Tx): void {
  queryLater(tx, sql`select set_config('enable_seqscan', 'off', true), set_config('work_mem', '32MB', true)`);
}

/** Tells the planner what became of `count` events, if they are many; at the end, because it waits for its like. */
export function measureVoids(tx: Tx, count: number): void {
  if (count >= SLICE) queryLater(tx, sql`select measure_usage_voids()`);
}

/** The events that give way: how many, what was seen when they were counted, and where each slice of them ends. */
export type Replaced = { count: number; snapshot: string; ends: { at: string; key: string }[] };

/** Looks which events would give way; no further than `limit`. */
export async function findReplaced(tx: Tx, backfill: Backfill, limit: number): Promise<Replaced> {
  const [row] = await query<Replaced>(
    tx,
    sql`with found as materialized (
        select event_at, key, row_number() over (order by event_at, key) as n
        from (select e.event_at, e.key from usage_events e where ${replaced(backfill)} limit ${limit}) found
      ) select (select count(*)::int from found) as count, pg_current_snapshot()::text as snapshot,
        (select coalesce(jsonb_agg(jsonb_build_object('at', event_at, 'key', key) order by n), '[]')
          from found where n % ${SLICE}::int = 0 or n = (select max(n) from found)) as ends`,
  );
  return row ?? { count: 0, snapshot: '', ends: [] };
}

/** Stops them. What has come since they were counted stays, and counts as if it came after. */
export async function voidReplaced(
  tx: Tx,
  backfill: Backfill,
  { ends, snapshot }: Replaced,
  { by, at }: Saying,
): Promise<number> {
  let count = 0;
  for (const [index, end] of ends.entries()) {
    const before = ends[index - 1];
    const after = before
      ? sql`and e.event_at >= ${before.at} and (e.event_at, e.key) > (${before.at}, ${before.key})`
      : sql``;
    const [row] = await query<{ count: number }>(
      tx,
      sql`with said as (
          insert into usage_voids (tenant_id, key, revision, customer_id, event_name, event_at, reason, backfill_id, note, voided_by, voided_at)
          select e.tenant_id, e.key, e.revision, e.customer_id, e.event_name, e.event_at, 'backfilled', ${backfill.id}, ${backfill.note}, ${by}, ${at.toISOString()}
          from usage_events e where ${replaced(backfill)} and pg_visible_in_snapshot(e.ingest_xid, ${snapshot}::pg_snapshot)
            and e.event_at <= ${end.at} and (e.event_at, e.key) <= (${end.at}, ${end.key}) ${after}
          returning 1
        ) select count(*)::int as count from said`,
    );
    count += row?.count ?? 0;
  }
  return count;
}

/**
 * Lets what waited count. A key that was never sent begins with it; of one that is known, the event becomes the next
 * revision when none counts, and is left out when one does: that is another time, or another customer's.
 *
 * @returns how many events count now.
 */
export async function insertStaged(
  tx: Tx,
  backfill: Pick<Backfill, 'id' | 'tenantId'>,
  at: Date,
): Promise<number> {
  // What is joined here exists only in this statement, so nobody knows beforehand how much it is.
  queryLater(tx, sql`select set_config('enable_nestloop', 'off', true)`);
  let count = 0;
  for (let after = ''; ; ) {
    const slice = await insertSlice(tx, backfill, at, after);
    if (slice.last === null) break;
    count += slice.count;
    after = slice.last;
  }
  queryLater(tx, sql`select set_config('enable_nestloop', 'on', true)`);
  return count;
}

/** Those with the keys that follow `after`; `last` is null when there is none. */
async function insertSlice(
  tx: Tx,
  { id, tenantId }: Pick<Backfill, 'id' | 'tenantId'>,
  at: Date,
  after: string,
): Promise<{ count: number; last: string | null }> {
  const { latest, stopped } = revisionsOf(tenantId, sql`staged.key`);
  const [row] = await query<{ count: number; last: string | null }>(
    tx,
    sql`with staged as materialized (
        select staged.*, coalesce(staged.customer_id, known.id) as owner from (
          select * from usage_backfill_events where backfill_id = ${id} and key > ${after} order by key limit ${SLICE}
        ) staged left join customers known on known.tenant_id = ${tenantId} and known.external_id = staged.external_customer_id
          and known.deleted_at is null
      ), fresh as (
        insert into usage_event_keys (tenant_id, key, digest, event_at)
        select tenant_id, key, digest, event_at from staged order by key collate "C"
        on conflict do nothing returning key
      ), numbered as (
        select staged.*, 0 as revision from staged join fresh on fresh.key = staged.key
        union all
        select staged.*, ${latest} + 1 as revision from staged
        where not exists (select from fresh where fresh.key = staged.key) and ${stopped} > ${latest}
      ), stored as (
        insert into usage_events (tenant_id, key, revision, event_name, customer_id, external_customer_id, subscription_id,
          event_at, properties, backfill_id, ingested_at)
        select tenant_id, key, revision, event_name, owner, external_customer_id, subscription_id, event_at, properties,
          ${id}, ${at.toISOString()} from numbered
        returning 1
      ) select (select count(*)::int from stored) as count, (select max(key) from staged) as last`,
  );
  return row ?? { count: 0, last: null };
}

/** Stops what the backfill brought, in whatever revision it is. */
export async function voidBrought(
  tx: Tx,
  { id, tenantId }: Pick<Backfill, 'id' | 'tenantId'>,
  { by, at }: Saying,
): Promise<void> {
  for (let after: string | null = ''; after !== null; ) {
    const [row]: { last: string | null }[] = await query(
      tx,
      sql`with said as (
          insert into usage_voids (tenant_id, key, revision, customer_id, event_name, event_at, reason, backfill_id, voided_by, voided_at)
          select e.tenant_id, e.key, e.revision, e.customer_id, e.event_name, e.event_at, 'reverted', ${id}, ${by}, ${at.toISOString()}
          from usage_events e where e.tenant_id = ${tenantId} and e.backfill_id = ${id} and e.key > ${after} and ${COUNTS}
          order by e.key limit ${SLICE} returning key
        ) select max(key) as last from said`,
    );
    after = row?.last ?? null;
  }
}

/** Lets what gave way to the backfill count again, unless its key counts otherwise by now. */
export async function restoreReplaced(
  tx: Tx,
  { id, tenantId }: Pick<Backfill, 'id' | 'tenantId'>,
  { at }: Saying,
): Promise<void> {
  const gone = sql`gone.tenant_id = ${tenantId} and gone.backfill_id = ${id} and gone.reason = 'backfilled' and gone.restored_xid is null`;
  const ends = await query<{ key: string }>(
    tx,
    sql`select key from (
        select key, row_number() over (order by key) as n, count(*) over () as count from usage_voids gone where ${gone}
      ) gone where n % ${SLICE}::int = 0 or n = count order by n`,
  );
  const { latest, stopped } = revisionsOf(tenantId, sql`gone.key`);
  for (const [index, { key: end }] of ends.entries()) {
    await query(
      tx,
      sql`update usage_voids gone set restored_at = ${at.toISOString()}, restored_xid = pg_current_xact_id()
        where ${gone} and gone.key > ${ends[index - 1]?.key ?? ''} and gone.key <= ${end} and ${stopped} > ${latest}`,
    );
  }
}

// With a limit it is no join, which might be made by reading a table as a whole that grows while it is read.
const COUNTS = sql`(select true from usage_voids v
  where v.tenant_id = e.tenant_id and v.key = e.key and v.revision = e.revision and v.event_at = e.event_at
    and v.restored_xid is null limit 1) is null`;

/** Of events `e`: whether it counts, and the backfill is for it. */
function replaced(backfill: Backfill): RawBuilder<unknown> {
  const { tenantId, customerId, eventNames, timeframeStart, timeframeEnd } = backfill;
  const conditions = [
    sql`e.tenant_id = ${tenantId}`,
    sql`e.event_at >= ${timeframeStart.toISOString()} and e.event_at < ${timeframeEnd.toISOString()}`,
    ...(customerId === null ? [] : [sql`e.customer_id = ${customerId}`]),
    ...(eventNames === null ? [] : [sql`e.event_name = any(${eventNames}::text[])`]),
    COUNTS,
  ];
  return sql.join(conditions, sql` and `);
}
