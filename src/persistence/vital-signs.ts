import { type RawBuilder, sql } from 'kysely';
import type { Tx } from './doors.ts';
import { isLate } from './invariants/due.ts';
import { endpointsDue } from './relay.ts';
import { query } from './rows.ts';
import { MONTHS_AHEAD } from './usage-months.ts';

/** How the installation is, as its rows say. Ages are seconds, 0 when nothing waits. */
export type VitalFacts = {
  overdueSubscriptions: number;
  blockedSubscriptions: number;
  oldestUndeliveredEvent: number;
  oldestDueDelivery: number;
  deliveries: { pending: number; dead: number };
  attempts: { in_flight: number; unknown: number; pending: number; requires_action: number };
  oldestUnknownAttempt: number;
  /** Within the last hour. */
  expiredCommands: number;
  oldestNudge: number;
  usageRollupLag: number;
  /** Of the running imports, since a part of one was taken in. */
  oldestImport: number;
  usageMonthsAhead: number;
  /** Of what was not looked at even once. */
  oldestTouchedUsage: number;
  /** What could not be looked at, and is tried again. */
  failingTouchedUsage: number;
};

/** Whoever asks will ask again soon, so a database that is busy is not made busier. */
const STATEMENT_MS_MAX = 2_000;
const HOUR_MS = 3_600_000;

type Row = Record<Exclude<keyof VitalFacts, 'deliveries' | 'attempts' | 'oldestDueDelivery'>, number> & {
  pending: number;
  dead: number;
  attempts: Partial<VitalFacts['attempts']>;
};

/** Asks for all of it, each by an index of its own; needs the system door. Throws what the database throws. */
export async function vitalFacts(tx: Tx, at: Date): Promise<VitalFacts> {
  await query(tx, sql`select set_config('statement_timeout', ${String(STATEMENT_MS_MAX)}, true)`);
  const hourAgo = new Date(at.getTime() - HOUR_MS).toISOString();
  const [row] = await query<Row>(
    tx,
    sql`select
      (select count(*)::int from subscriptions sub where ${isLate(at)}) as "overdueSubscriptions",
      (select count(*)::int from subscriptions where blocked_reason is not null and ended_at is null) as "blockedSubscriptions",
      ${age(
        at,
        sql`least(
          (select recorded_at from events where position is null order by recorded limit 1),
          (select min(created_at) from webhook_deliveries where status = 'pending'))`,
      )} as "oldestUndeliveredEvent",
      (select count(*)::int from webhook_deliveries where status = 'pending') as pending,
      (select count(*)::int from webhook_deliveries where status = 'dead') as dead,
      (select coalesce(json_object_agg(status, n), '{}') from (
        select status, count(*)::int as n from payment_attempts
        where status in ('in_flight', 'unknown', 'pending', 'requires_action') group by status) unfinished) as attempts,
      ${age(
        at,
        // The other statuses are named for the index, which knows what is unfinished.
        sql`(select min(created_at) from payment_attempts
          where status in ('in_flight', 'unknown', 'pending', 'requires_action') and status = 'unknown')`,
      )} as "oldestUnknownAttempt",
      (select count(*)::int from commands where status = 'expired' and finished_at > ${hourAgo}) as "expiredCommands",
      ${age(at, sql`(select min(next_attempt_at) from nudges)`)} as "oldestNudge",
      ${age(
        at,
        sql`(select least(
            (select ingested_at from usage_events where ingest_xid >= st.xmax order by ingest_xid limit 1),
            (select min(ingested_at) from usage_events where ingest_xid = any(st.xips)))
          from (select pg_snapshot_xmax(snapshot) as xmax, array(select pg_snapshot_xip(snapshot)) as xips
            from usage_rollup_states where built_to is null order by 1 limit 1) st)`,
      )} as "usageRollupLag",
      ${age(at, sql`(select min(updated_at) from usage_imports where status = 'running')`)} as "oldestImport",
      ${preparedAfter(at)} as "usageMonthsAhead",
      ${age(
        at,
        sql`(select not_before from usage_touched where tries = 0 and not_before <= ${at.toISOString()} order by not_before limit 1)`,
      )} as "oldestTouchedUsage",
      (select count(*)::int from usage_touched where tries > 0) as "failingTouchedUsage"`,
  );
  if (!row) throw new Error('the database did not say how it is');
  const waits = (await endpointsDue(tx, at)).map(({ dueAt }) => (at.getTime() - dueAt.getTime()) / 1_000);
  const { pending, dead, attempts, ...facts } = row;
  return {
    ...facts,
    oldestDueDelivery: Math.max(0, ...waits),
    deliveries: { pending, dead },
    attempts: { in_flight: 0, unknown: 0, pending: 0, requires_action: 0, ...attempts },
  };
}

/** How many of the months that `partitions` keeps ready after this one are there. */
const preparedAfter = (
  at: Date,
) => sql`(select count(*)::int from generate_series(1, ${sql.lit(MONTHS_AHEAD)}) n
  where to_regclass('usage_events_' || to_char(date_trunc('month', ${at.toISOString()}::timestamptz at time zone 'UTC')
    + n * interval '1 month', 'YYYYMM')) is not null)`;

/** Seconds since an instant that may be null. */
function age(at: Date, instant: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`greatest(0, coalesce(extract(epoch from ${at.toISOString()}::timestamptz - ${instant}), 0))::float8`;
}
