import { sql } from 'kysely';
import type { Tx } from '../doors.ts';
import { query } from '../rows.ts';
import { isLate } from './due.ts';

/** What the workflow of a subscription has to know. `unsettled`: the row may be ahead of it for good reason. */
export type WakeUp = {
  id: string;
  tenantId: string;
  ended: boolean;
  step: string | null;
  atMs: number | null;
  /** A nudge is under way, or a test clock is moving and steps follow each other faster than Temporal is told. */
  unsettled: boolean;
  /** Whether the next step is late by `LATE_MS` and more, and nobody but its workflow can be waited for. */
  overdue: boolean;
};

const columns = (
  at: Date,
) => sql`sub.id, sub.tenant_id as "tenantId", sub.ended_at is not null as ended, sub.next_step as step,
  (extract(epoch from sub.next_step_at) * 1000)::float8 as "atMs",
  coalesce(clock.status in ('advancing', 'failed'), false)
    or exists (select from nudges nudge where nudge.entity_id = sub.id) as unsettled,
  coalesce(${isLate(at)}, false) as overdue`;
const FROM = sql`from subscriptions sub left join test_clocks clock on clock.id = sub.test_clock_id`;

/** All subscriptions by id, `limit` at a time. */
export function wakeUpsAfter(tx: Tx, afterId: string, limit: number, at: Date): Promise<WakeUp[]> {
  return query(
    tx,
    sql`select ${columns(at)} ${FROM} where sub.id > ${afterId} order by sub.id limit ${limit}`,
  );
}

/** Ids of the living subscriptions, in their order. */
export async function livingAfter(tx: Tx, afterId: string, limit: number): Promise<string[]> {
  const rows = await query<{ id: string }>(
    tx,
    sql`select id from subscriptions where id > ${afterId} and ended_at is null order by id limit ${limit}`,
  );
  return rows.map(({ id }) => id);
}

/** Those of the subscriptions that have a row. */
export function wakeUpsOf(tx: Tx, ids: readonly string[], at: Date): Promise<WakeUp[]> {
  return query(tx, sql`select ${columns(at)} ${FROM} where sub.id = any(${[...ids]}::text[])`);
}
