import { type RawBuilder, sql } from 'kysely';
import type { Backfill } from '../domain/backfill.ts';
import { revisionsOf } from './correct-usage.ts';
import type { Tx } from './doors.ts';
import { query } from './rows.ts';

/**
 * What a backfill does to events when it is closed and when it is reverted. Everything is one transaction, so every
 * count, at any snapshot, sees all of it or nothing. The caller holds `lockCorrections`.
 */
type Saying = { by: string | null; at: Date };

/** Lets the statements of this transaction take longer than what people usually wait for. */
export async function takeTime(tx: Tx, ms: number): Promise<void> {
  await query(tx, sql`select set_config('statement_timeout', ${String(ms)}, true)`);
}

/** How many events would give way; counted no further than `limit`. */
export async function countReplaced(tx: Tx, backfill: Backfill, limit: number): Promise<number> {
  const [row] = await query<{ count: number }>(
    tx,
    sql`select count(*)::int as count from (select from usage_events e where ${replaced(backfill)} limit ${limit}) found`,
  );
  return row?.count ?? 0;
}

/** Stops what counts in the timeframe. What comes at this very moment is not seen, and counts as if it came after. */
export async function voidTimeframe(tx: Tx, backfill: Backfill, { by, at }: Saying): Promise<number> {
  const [row] = await query<{ count: number }>(
    tx,
    sql`with said as (
        insert into usage_voids (tenant_id, key, revision, customer_id, event_name, event_at, reason, backfill_id, note, voided_by, voided_at)
        select e.tenant_id, e.key, e.revision, e.customer_id, e.event_name, e.event_at, 'backfilled', ${backfill.id}, ${backfill.note}, ${by}, ${at.toISOString()}
        from usage_events e where ${replaced(backfill)} returning 1
      ) select count(*)::int as count from said`,
  );
  return row?.count ?? 0;
}

/**
 * Lets what waited count. A key that was never sent begins with it; of one that is known, the event becomes the next
 * revision when none counts, and is left out when one does: that is another time, or another customer's.
 *
 * @returns how many events count now.
 */
export async function insertStaged(
  tx: Tx,
  { id, tenantId }: Pick<Backfill, 'id' | 'tenantId'>,
  at: Date,
): Promise<number> {
  const { latest, stopped } = revisionsOf(tenantId, sql`staged.key`);
  const [row] = await query<{ count: number }>(
    tx,
    sql`with staged as materialized (
        select staged.*, coalesce(staged.customer_id, known.id) as owner from usage_backfill_events staged
          left join customers known on known.tenant_id = ${tenantId} and known.external_id = staged.external_customer_id
            and known.deleted_at is null
        where staged.backfill_id = ${id}
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
      ) select count(*)::int as count from stored`,
  );
  return row?.count ?? 0;
}

/** Stops what the backfill brought, in whatever revision it is. */
export async function voidBrought(
  tx: Tx,
  { id, tenantId }: Pick<Backfill, 'id' | 'tenantId'>,
  { by, at }: Saying,
): Promise<void> {
  await query(
    tx,
    sql`insert into usage_voids (tenant_id, key, revision, customer_id, event_name, event_at, reason, backfill_id, voided_by, voided_at)
      select e.tenant_id, e.key, e.revision, e.customer_id, e.event_name, e.event_at, 'reverted', ${id}, ${by}, ${at.toISOString()}
      from usage_events e where e.tenant_id = ${tenantId} and e.backfill_id = ${id} and ${COUNTS}`,
  );
}

/** Lets what gave way to the backfill count again, unless its key counts otherwise by now. */
export async function restoreReplaced(
  tx: Tx,
  { id, tenantId }: Pick<Backfill, 'id' | 'tenantId'>,
  { at }: Saying,
): Promise<void> {
  const { latest, stopped } = revisionsOf(tenantId, sql`gone.key`);
  await query(
    tx,
    sql`update usage_voids gone set restored_at = ${at.toISOString()}, restored_xid = pg_current_xact_id()
      where gone.tenant_id = ${tenantId} and gone.backfill_id = ${id} and gone.reason = 'backfilled'
        and gone.restored_xid is null and ${stopped} > ${latest}`,
  );
}

const COUNTS = sql`not exists (select from usage_voids v
  where v.tenant_id = e.tenant_id and v.key = e.key and v.revision = e.revision and v.event_at = e.event_at
    and v.restored_xid is null)`;

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
