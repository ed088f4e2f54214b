import { sql } from 'kysely';
import { type CountingRule, canRollUp } from '../domain/meter.ts';
import { countedEvents } from './count-usage.ts';
import type { Tx } from './doors.ts';
import {
  asQuantity,
  eventCounts,
  eventFits,
  eventOf,
  eventValue,
  type Fragment,
  totalOfCells,
  type UsageOwner,
  valueOfCell,
} from './meter-sql.ts';
import { query } from './rows.ts';
import { LAST, type Unseen, unseenRows } from './unseen.ts';

export type TotalQuestion = {
  customerId: string;
  /** Only what is this subscription's; null: everything of the customer. */
  subscription: UsageOwner | null;
  /** Half-open, at exact instants. */
  start: Date;
  end: Date;
};

/** Texts, as JSON numbers would lose digits. `snapshot` tells which events were seen. */
export type UsageTotal = { quantity: string; events: string; snapshot: string };

const HOUR_MS = 3_600_000;

/**
 * What one customer used of a meter in a stretch of time, in one message: whole hours from the rollups, the events that
 * these have not seen, and from their events the hours that the stretch cuts. All in one statement, so it is one moment
 * that is looked at. Null when it has to be counted otherwise: the meter has no whole rollups, the stretch has no whole
 * hour, or something was said against events of the customer that the rollups have not heard of yet.
 */
export async function readTotal(
  tx: Tx,
  rule: CountingRule,
  question: TotalQuestion,
): Promise<UsageTotal | null> {
  const from = Math.ceil(question.start.getTime() / HOUR_MS) * HOUR_MS;
  const to = Math.floor(question.end.getTime() / HOUR_MS) * HOUR_MS;
  if (!canRollUp(rule) || from >= to) return null;
  const whole = { start: new Date(from), end: new Date(to) };
  const [, [answer]] = await Promise.all([
    query(tx, planKept),
    query<UsageTotal & { isWhole: boolean }>(tx, totalStatement(rule, question, whole)),
    query(tx, planAsBefore),
  ]);
  return answer?.isWhole ? answer : null;
}

/**
 * How the statement is planned: once for all values, because a plan takes longer to make than to run; by indexes only,
 * because the month that was empty when the plan was made will not stay so; and without compiling it, which a plan over
 * large tables seems to deserve. Without sorting `unseenRows` goes by its index.
 */
const PLANNING = Object.entries({
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_sort: 'off',
  jit: 'off',
});
const planKept = sql`select ${sql.join(
  PLANNING.flatMap(([name, value]) => [
    sql`set_config(${`before.${name}`}, current_setting(${name}), true)`,
    sql`set_config(${name}, ${value}, true)`,
  ]),
)}`;
const planAsBefore = sql`select ${sql.join(
  PLANNING.map(([name]) => sql`set_config(${name}, current_setting(${`before.${name}`}), true)`),
)}`;

type Stretch = { start: Date; end: Date };

/**
 * `counted` are cells, with single events as cells of their own. The hour that the end cuts can be taken from its cell,
 * too, unless something is ahead in it: that is how an hour in which much was used costs no more than any other.
 */
function totalStatement(rule: CountingRule, question: TotalQuestion, whole: Stretch): Fragment {
  const { customerId, subscription, start, end } = question;
  const last = { start: whole.end, end: new Date(whole.end.getTime() + (end > whole.end ? HOUR_MS : 0)) };
  const head = start < whole.start ? { ...question, start, end: whole.start } : null;
  const tail = end > whole.end ? { ...question, start: whole.end, end } : null;
  const until = sql`(select until from cells)`;
  const unseen = unseenRows('usage_events', 'ingest_xid', UNSEEN, sql`event_at >= ${instant(whole.start)}`);
  return sql`with st as materialized (
      select snapshot, pg_snapshot_xmax(snapshot) as xmax, array(select pg_snapshot_xip(snapshot)) as xips
      from usage_rollup_states
      where meter_id = ${rule.meterId} and meter_version = ${rule.version}::integer and built_to is null
        -- not of another server, whose transactions had higher numbers
        and pg_snapshot_xmax(snapshot) <= pg_snapshot_xmax(pg_current_snapshot())),
    cells as materialized (
      select case when exists (select from usage_events e
          where e.tenant_id = ${rule.tenantId} and e.customer_id = ${customerId} and e.event_name = ${rule.eventName}
            and e.event_at >= ${instant(end)} and e.event_at < ${instant(last.end)})
        then ${instant(last.start)} else ${instant(last.end)} end as until),
    counted (count, v, at, key, revision) as (
      select r.count, ${valueOfCell(rule)}, r.latest_at, r.latest_key, 0
      from usage_rollups r
      where r.tenant_id = ${rule.tenantId} and r.meter_id = ${rule.meterId}
        and r.meter_version = ${rule.version}::integer and r.customer_id = ${customerId}
        and r.hour >= ${instant(whole.start)} and r.hour < ${until}${eventOf(subscription, sql`r.subscription_id`)}
      ${head ? sql`union all ${eventsOf(rule, head)}` : sql``}
      ${tail ? sql`union all ${eventsOf(rule, tail)} and ${until} = ${instant(tail.start)}` : sql``}
      union all
      select 1::bigint, x.v, e.event_at, e.key, e.revision
      from (select * from ${unseen} unseen offset 0) e
        cross join st cross join lateral (select ${eventValue(rule)} as v) x
      where e.tenant_id = ${rule.tenantId} and e.customer_id = ${customerId} and e.event_name = ${rule.eventName}
        and e.event_at < least(${instant(end)}, ${until}) and not pg_visible_in_snapshot(e.ingest_xid, st.snapshot)
        and x.v is not null${eventOf(subscription)}${eventFits(rule)} and ${eventCounts(null)})
    select ${asQuantity(totalOfCells(rule))} as quantity, coalesce(sum(count), 0)::text as events,
      pg_current_snapshot()::text as snapshot,
      exists (select from st) and not ${isSaid(customerId, 'voided_xid')} and not ${isSaid(customerId, 'restored_xid')} as "isWhole"
    from counted`;
}

const instant = (at: Date) => sql`${at.toISOString()}::timestamptz`;

const eventsOf = (rule: CountingRule, question: TotalQuestion) =>
  sql`select 1::bigint, v, at, key, revision
    from (${countedEvents(rule, question, { bucket: sql`0`, group: sql`null` })}) e where v is not null`;

const UNSEEN: Unseen = {
  from: sql`(select xmax from st)`,
  to: LAST,
  unfinished: sql`(select xips from st)::xid8[]`,
};

/** Whether something was said, or taken back, that the rollups have not seen, of the customer or of nobody yet. */
const isSaid = (customerId: string, column: 'voided_xid' | 'restored_xid') => sql`exists (
  select from (select * from ${unseenRows('usage_voids', column, UNSEEN)} unseen offset 0) v, st
  where (v.customer_id = ${customerId} or v.customer_id is null)
    and not pg_visible_in_snapshot(v.${sql.ref(column)}, st.snapshot))`;
