import { sql } from 'kysely';
import type { Tx } from '../doors.ts';
import { query } from '../rows.ts';

/** What the workflow of a subscription has to know. `unsettled`: the row may be ahead of it for good reason. */
export type WakeUp = {
  id: string;
  tenantId: string;
  ended: boolean;
  step: string | null;
  atMs: number | null;
  /** A nudge is under way, or a test clock is moving and steps follow each other faster than Temporal is told. */
  unsettled: boolean;
};

const COLUMNS = sql`sub.id, sub.tenant_id as "tenantId", sub.ended_at is not null as ended, sub.next_step as step,
  (extract(epoch from sub.next_step_at) * 1000)::float8 as "atMs",
  coalesce(clock.status in ('advancing', 'failed'), false)
    or exists (select from nudges nudge where nudge.entity_id = sub.id) as unsettled`;
const FROM = sql`from subscriptions sub left join test_clocks clock on clock.id = sub.test_clock_id`;

/** All subscriptions by id, `limit` at a time. */
export function wakeUpsAfter(tx: Tx, afterId: string, limit: number): Promise<WakeUp[]> {
  return query(tx, sql`select ${COLUMNS} ${FROM} where sub.id > ${afterId} order by sub.id limit ${limit}`);
}

export async function findWakeUp(tx: Tx, id: string): Promise<WakeUp | null> {
  const [row] = await query<WakeUp>(tx, sql`select ${COLUMNS} ${FROM} where sub.id = ${id}`);
  return row ?? null;
}
