import { sql } from 'kysely';
import type { Tx } from './doors.ts';
import { query } from './rows.ts';

/** How many months from now on are prepared, beside this one. */
export const MONTHS_AHEAD = 3;
/** At least so many past ones; more where some tenant takes events that are older. */
const MONTHS_BACK_MIN = 2;
const DAYS_OF_SHORTEST_MONTH = 28;

/** The first days of the months that should be there, oldest first. Needs the system door. */
export async function monthsNeeded(tx: Tx, now: Date): Promise<Date[]> {
  const [row] = await query<{ days: number }>(
    tx,
    sql`select coalesce(max(late_window_days), 0) as days from tenants`,
  );
  const back = Math.max(MONTHS_BACK_MIN, Math.ceil((row?.days ?? 0) / DAYS_OF_SHORTEST_MONTH));
  const count = back + 1 + MONTHS_AHEAD;
  const [year, month] = [now.getUTCFullYear(), now.getUTCMonth() - back];
  return Array.from({ length: count }, (_, index) => new Date(Date.UTC(year, month + index, 1)));
}

/**
 * Makes the partition of a month, with what came before it was there. One month a transaction: everybody who writes
 * events that no month is prepared for waits meanwhile.
 *
 * @returns how many events moved; null when the month was there.
 */
export async function prepareMonth(tx: Tx, month: Date): Promise<number | null> {
  const [row] = await query<{ moved: string | null }>(
    tx,
    sql`select prepare_usage_month(${month.toISOString().slice(0, 10)}::date) as moved`,
  );
  return row?.moved == null ? null : Number(row.moved);
}

/**
 * Until when events of a tenant are over: older ones are refused, so a repetition of theirs is refused as well and
 * their keys need not be known. With a day to spare, and by the slowest of its test clocks where it has some.
 */
const OVER = sql`least(${sql.ref('now')}, clocks.slowest) - (tenant.late_window_days + 1) * interval '1 day'`;

const tenants = (
  now: Date,
) => sql`(select ${now.toISOString()}::timestamptz as now) present cross join tenants tenant
  left join lateral (
    select min(now_at) as slowest from test_clocks where tenant_id = tenant.id and status <> 'deleted'
  ) clocks on true`;

/**
 * Forgets up to `limit` keys of events that would be too old by now, and from then on may name others. Not of those that
 * were corrected: what was said against one of their revisions must never be taken for said against another event.
 *
 * @returns how many there were.
 */
export async function forgetOldKeys(tx: Tx, now: Date, limit: number): Promise<number> {
  const [row] = await query<{ forgotten: number }>(
    tx,
    sql`with old as (
        select key.ctid from ${tenants(now)} join usage_event_keys key on key.tenant_id = tenant.id and key.event_at < ${OVER}
        -- The same for everybody and before the latest of them: what lets whole pages be passed over.
        where key.event_at < ${now.toISOString()}::timestamptz - interval '2 days'
          and not exists (select from usage_voids void where void.tenant_id = key.tenant_id and void.key = key.key)
        limit ${sql.lit(limit)}
      ), gone as (delete from usage_event_keys where ctid = any (array(select ctid from old)) returning 1)
      select count(*)::integer as forgotten from gone`,
  );
  return row?.forgotten ?? 0;
}

/** Deletes up to `limit` events whose tenant does not want them kept that long, and none that could come again. */
export async function deleteRetained(tx: Tx, now: Date, limit: number): Promise<number> {
  const wanting = await query<{ id: string; until: string }>(
    tx,
    sql`select tenant.id, least(${OVER}, now - tenant.usage_retention_days * interval '1 day') as until
      from ${tenants(now)} where tenant.usage_retention_days is not null`,
  );
  let left = limit;
  for (const { id, until } of wanting) {
    if (left <= 0) break;
    const [row] = await query<{ deleted: number }>(
      tx,
      sql`with gone as (
          delete from usage_events where tenant_id = ${id} and event_at < ${until} and (tenant_id, key, revision, event_at) in (
            select tenant_id, key, revision, event_at from usage_events
            where tenant_id = ${id} and event_at < ${until} limit ${sql.lit(left)})
          returning 1
        ) select count(*)::integer as deleted from gone`,
    );
    left -= row?.deleted ?? 0;
  }
  return limit - left;
}
