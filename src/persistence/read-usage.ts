import { sql } from 'kysely';
import { billableQuantity, type CountingRule, canRollUp, type MeterBucket } from '../domain/meter.ts';
import { Decimal } from '../domain/money.ts';
import { bucketStarts, type Granularity } from '../domain/usage-buckets.ts';
import { countedEvents } from './count-usage.ts';
import type { Tx } from './doors.ts';
import {
  asQuantity,
  eventCounts,
  eventFits,
  eventGroup,
  eventOf,
  eventValue,
  type Fragment,
  instants,
  totalOf,
  totalOfCells,
  type UsageOwner,
  valueOfCell,
} from './meter-sql.ts';
import { readTotal } from './read-total.ts';
import { query } from './rows.ts';

export type UsageRange = {
  /** Null: of all customers together. */
  customerId: string | null;
  /** Only what is this subscription's; null: everything of the customer. */
  subscription: UsageOwner | null;
  /** Half-open, at exact instants. */
  start: Date;
  end: Date;
  timeZone: string;
  granularity: Granularity;
  /** Properties of the meter's own `groupBy`, to tell quantities apart by; none: all together. */
  by: readonly string[];
};

/**
 * `quantity` is what was counted, `billable` the same as a price looks at it: rounded as the meter says, hour by hour or
 * day by day where it prices those alone. `values` are those of `by`, in its order.
 */
export type UsagePoint = {
  start: Date;
  end: Date;
  values: readonly string[];
  quantity: Decimal;
  billable: Decimal;
  eventCount: number;
};

/** `snapshot` tells which events were seen: `countUsage` with it comes to the same. */
export type UsageSeries = { points: UsagePoint[]; snapshot: string };

/** More groups than this are not told apart: the answer says so by having one more. */
export const POINTS_MAX = 20_000;

/**
 * What was used, by hours, days, months or at all, as of now: whole hours from the rollups, and counted from the events
 * what the rollups cannot say: hours that are cut by a boundary, hours in which something was voided since, and what
 * came since. All in one statement, so it is one moment that is looked at. Without groups every bucket is in the answer;
 * with them those in which something was used.
 */
export async function readUsage(tx: Tx, rule: CountingRule, range: UsageRange): Promise<UsageSeries> {
  const starts = bucketStarts(range, range.granularity, range.timeZone);
  // What is priced by hours is the sum of its hours, whatever it is shown by.
  const inner = rule.bucket && isFiner(rule.bucket, range.granularity) ? rule.bucket : null;
  const fine = inner ? bucketStarts(range, inner, range.timeZone) : starts;
  const { rows, snapshot } =
    (await asTotal(tx, rule, range)) ??
    (await fromRollups(tx, rule, range, fine)) ??
    (await fromEvents(tx, rule, range, fine));
  return { points: pointsOf(rows, { rule, range, starts, fine }), snapshot };
}

const isFiner = (bucket: MeterBucket, granularity: Granularity) =>
  granularity === 'total' || granularity === 'month' || (bucket === 'hour' && granularity === 'day');

/** Number of the bucket from 1, values, quantity, events. Texts, as JSON numbers would lose digits. */
type Row = [bucket: number, values: string[], quantity: string, events: string];
type Answer = { rows: Row[]; snapshot: string };

const LISTED = sql`coalesce(json_agg(json_build_array(bucket, "group", quantity, events)), '[]') as rows`;

/** Where nothing is told apart there is one group, and no need to compare it row by row. */
const keyOf = ({ by }: UsageRange) => (by.length > 0 ? sql`bucket, "group"` : sql`bucket`);
const groupOf = ({ by }: UsageRange) => (by.length > 0 ? sql`"group"` : sql`'[]'::jsonb`);

/** The question that is asked most: one customer, one number. */
async function asTotal(
  tx: Tx,
  rule: CountingRule,
  { customerId, ...range }: UsageRange,
): Promise<Answer | null> {
  if (customerId === null || range.granularity !== 'total' || range.by.length > 0 || rule.bucket) return null;
  const total = await readTotal(tx, rule, { customerId, ...range });
  return total && { rows: [[1, [], total.quantity, total.events]], snapshot: total.snapshot };
}

/** Everything from the events: for meters without rollups, and while those are being built. */
async function fromEvents(
  tx: Tx,
  rule: CountingRule,
  range: UsageRange,
  starts: readonly Date[],
): Promise<Answer> {
  const events = countedEvents(rule, range, {
    bucket: sql`width_bucket(e.event_at, ${instants(starts)})`,
    group: eventGroup(range.by),
  });
  const [answer] = await query<Answer>(
    tx,
    sql`select ${LISTED}, pg_current_snapshot()::text as snapshot from (
      select bucket, ${groupOf(range)} as "group", ${asQuantity(totalOf(rule))} as quantity, count(v)::text as events
      from (${events}) counted group by ${keyOf(range)} having count(v) > 0 limit ${POINTS_MAX + 1}) by_bucket`,
  );
  return answer ?? { rows: [], snapshot: '' };
}

/** Null when the meter has no rollups, or not yet whole ones, or none that would help. */
async function fromRollups(
  tx: Tx,
  rule: CountingRule,
  range: UsageRange,
  starts: readonly Date[],
): Promise<Answer | null> {
  const cut = cutHours([...starts, range.end]);
  const hours = (range.end.getTime() - range.start.getTime()) / HOUR_MS;
  if (!canRollUp(rule) || cut.length * 2 > hours) return null;
  // Only a bound for the index: what counts is decided by the snapshot that the next statement finds, which is no older.
  const [state] = await query<{ xmin: string }>(
    tx,
    sql`select pg_snapshot_xmin(snapshot)::text as xmin from usage_rollup_states
      where meter_id = ${rule.meterId} and meter_version = ${rule.version}::integer and built_to is null`,
  );
  if (!state) return null;
  const [answer] = await query<Answer & { ready: boolean }>(
    tx,
    rollupStatement(rule, range, { starts, cut, xmin: state.xmin }),
  );
  return answer?.ready ? answer : null;
}

const HOUR_MS = 3_600_000;

/** The hours of UTC that a boundary divides. */
function cutHours(boundaries: readonly Date[]): Date[] {
  const cut = boundaries.filter((at) => at.getTime() % HOUR_MS !== 0);
  return [...new Set(cut.map((at) => Math.floor(at.getTime() / HOUR_MS) * HOUR_MS))].map(
    (ms) => new Date(ms),
  );
}

type Parts = { starts: readonly Date[]; cut: readonly Date[]; xmin: string };

/**
 * `counted`: cells of the hours that can be taken whole, and single events as cells of their own. `raw`: hours of which
 * the rollups are not asked; a customer of null stands for all of them.
 */
function rollupStatement(rule: CountingRule, range: UsageRange, { starts, cut, xmin }: Parts): Fragment {
  const { customerId, subscription, by } = range;
  const start = range.start.toISOString();
  const end = range.end.toISOString();
  const isCustomer = (column: Fragment) =>
    customerId === null ? sql`` : sql` and ${column} = ${customerId}`;
  const isRaw = (customer: Fragment, hour: Fragment) =>
    sql`exists (select from raw where raw.hour = ${hour} and (raw.customer_id is null or raw.customer_id = ${customer}))`;
  const bucketOf = (at: Fragment) => sql`width_bucket(${at}, ${instants(starts)})`;
  const event = sql`select ${bucketOf(sql`e.event_at`)} as bucket, ${eventGroup(by)} as "group", 1::bigint as count,
      x.v, e.event_at as at, e.key, e.revision`;
  const ofMeter = sql`e.tenant_id = ${rule.tenantId} and e.customer_id is not null${isCustomer(sql`e.customer_id`)}
      and e.event_name = ${rule.eventName} and x.v is not null${eventOf(subscription)}${eventFits(rule)} and ${eventCounts(null)}`;
  const worth = sql`cross join lateral (select ${eventValue(rule)} as v) x`;
  const isNews = (column: Fragment) =>
    sql`${column} >= ${xmin}::xid8 and not pg_visible_in_snapshot(${column}, st.snapshot)`;
  const inHour = sql`e.event_at >= greatest(h.hour, ${start}::timestamptz)
    and e.event_at < least(h.hour + interval '1 hour', ${end}::timestamptz)`;
  // Of one customer the index finds the hour. The planner would read all of his events: it expects few of them.
  const eventsOfHour =
    customerId === null
      ? sql`join usage_events e on ${inHour}`
      : sql`cross join lateral (select * from usage_events e where e.tenant_id = ${rule.tenantId}
          and e.customer_id = ${customerId} and e.event_name = ${rule.eventName} and ${inHour} offset 0) e`;
  const cutRows = cut.length === 0 ? sql`` : sql`union select null, unnest(${instants(cut)})`;
  return sql`with st as materialized (
      select snapshot from usage_rollup_states
      where meter_id = ${rule.meterId} and meter_version = ${rule.version}::integer and built_to is null
        -- not of another server, whose transactions had higher numbers
        and pg_snapshot_xmax(snapshot) <= pg_snapshot_xmax(pg_current_snapshot())),
    raw as materialized (
      select v.customer_id, date_trunc('hour', v.event_at, 'UTC') as hour from usage_voids v, st
      where v.tenant_id = ${rule.tenantId} and v.event_name = ${rule.eventName}
        and v.event_at >= ${start}::timestamptz and v.event_at < ${end}::timestamptz
        and (${isNews(sql`v.voided_xid`)} or ${isNews(sql`v.restored_xid`)})
      ${cutRows}),
    counted as (
      select ${bucketOf(sql`r.hour`)} as bucket, ${groupOfCell(rule, by)} as "group", r.count,
        ${valueOfCell(rule)} as v, r.latest_at as at, r.latest_key as key, 0 as revision
      from usage_rollups r
      where r.tenant_id = ${rule.tenantId} and r.meter_id = ${rule.meterId}
        and r.meter_version = ${rule.version}::integer${isCustomer(sql`r.customer_id`)}
        and r.hour >= ${start}::timestamptz and r.hour < ${end}::timestamptz${eventOf(subscription, sql`r.subscription_id`)}
        and not ${isRaw(sql`r.customer_id`, sql`r.hour`)}
      union all
      ${event} from (select distinct hour from raw) h
        ${eventsOfHour}
        ${worth}
      where ${ofMeter} and ${isRaw(sql`e.customer_id`, sql`h.hour`)}
      union all
      ${event} from st, usage_events e ${worth}
      where ${ofMeter} and e.event_at >= ${start}::timestamptz and e.event_at < ${end}::timestamptz
        and ${isNews(sql`e.ingest_xid`)}
        and not ${isRaw(sql`e.customer_id`, sql`date_trunc('hour', e.event_at, 'UTC')`)})
    select ${LISTED}, pg_current_snapshot()::text as snapshot, exists (select from st) as ready from (
      select bucket, ${groupOf(range)} as "group", ${asQuantity(totalOfCells(rule))} as quantity, sum(count)::text as events
      from counted group by ${keyOf(range)} limit ${POINTS_MAX + 1}) by_bucket`;
}

/** The wanted ones among the values of a cell's group. */
function groupOfCell({ groupBy }: CountingRule, by: readonly string[]): Fragment {
  if (by.length === 0) return sql`'[]'::jsonb`;
  const values = by.map((property) => {
    const index = groupBy.indexOf(property);
    if (index < 0) throw new RangeError(`the meter does not keep "${property}" apart`);
    return sql`r.group_values -> ${index}::integer`;
  });
  return sql`jsonb_build_array(${sql.join(values)})`;
}

type Buckets = { rule: CountingRule; range: UsageRange; starts: readonly Date[]; fine: readonly Date[] };

/** Puts fine buckets into those that are shown, and fills in those in which nothing was used. */
function pointsOf(rows: readonly Row[], { rule, range, starts, fine }: Buckets): UsagePoint[] {
  const points = new Map<string, UsagePoint>();
  const pointOf = (index: number, values: readonly string[]) => {
    const key = JSON.stringify([index, ...values]);
    const found = points.get(key);
    if (found) return found;
    const start = starts[index] ?? range.start;
    const end = starts[index + 1] ?? range.end;
    const none = new Decimal(0);
    const point = { start, end, values, quantity: none, billable: none, eventCount: 0 };
    points.set(key, point);
    return point;
  };
  if (range.by.length === 0) for (const index of starts.keys()) pointOf(index, []);
  for (const [bucket, values, quantity, events] of rows) {
    const at = fine[bucket - 1] ?? range.start;
    const point = pointOf(indexAt(starts, at), values);
    point.quantity = point.quantity.plus(quantity);
    point.billable = point.billable.plus(billableQuantity(new Decimal(quantity), rule.rounding));
    point.eventCount += Number(events);
  }
  const order = (a: UsagePoint, b: UsagePoint) =>
    a.start.getTime() - b.start.getTime() || (a.values.join('\0') < b.values.join('\0') ? -1 : 1);
  return [...points.values()].toSorted(order);
}

/** The last start that is not after `at`. */
function indexAt(starts: readonly Date[], at: Date): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? at) <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}
