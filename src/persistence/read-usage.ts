import { sql } from 'kysely';
import { DomainError } from '../domain/errors.ts';
import { billableQuantity, type CountingRule, canRollUp, type MeterBucket } from '../domain/meter.ts';
import { Decimal } from '../domain/money.ts';
import { bucketStarts, type Granularity } from '../domain/usage-buckets.ts';
import { countedEvents } from './count-usage.ts';
import type { Tx } from './doors.ts';
import {
  asBillable,
  asQuantity,
  eventCounts,
  eventFits,
  eventGroup,
  eventOf,
  eventValue,
  type Fragment,
  instants,
  toTwelve,
  totalOf,
  totalOfCells,
  type UsageOwner,
  valueOfCell,
} from './meter-sql.ts';
import { readTotal } from './read-total.ts';
import { query } from './rows.ts';
import { LAST, unseenRows } from './unseen.ts';

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
  /** The groups, each rounded by itself as a matrix prices it, are added up, however many there are; else each is listed. */
  addedUp?: boolean;
};

/**
 * `quantity` is what was counted, `billable` the same as a price looks at it: rounded as the meter says, hour by hour or
 * day by day where it prices those alone, group by group where the price does. `values` are those of `by`, in its order.
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

/** An answer that would list more is refused. What is summed up is the sum of all there is. */
const POINTS_MAX = 20_000;

/**
 * What was used, by hours, days, months or at all, as of now: whole hours from the rollups, and counted from the events
 * what the rollups cannot say: hours that are cut by a boundary, hours in which something was voided since, and what
 * came since. All in one statement, so it is one moment that is looked at. Without groups every bucket is in the answer;
 * with them those in which something was used. Throws `validation_failed` when they are too many for a list.
 */
export async function readUsage(tx: Tx, rule: CountingRule, range: UsageRange): Promise<UsageSeries> {
  const starts = bucketStarts(range, range.granularity, range.timeZone);
  // What is priced by hours is the sum of its hours, whatever it is shown by.
  const inner = rule.bucket && isFiner(rule.bucket, range.granularity) ? rule.bucket : null;
  const fine = inner ? bucketStarts(range, inner, range.timeZone) : starts;
  const shown = { rule, range, starts, fine };
  const { rows, snapshot } =
    (await asTotal(tx, rule, range)) ?? (await fromRollups(tx, shown)) ?? (await fromEvents(tx, shown));
  if (rows.length > POINTS_MAX) throw tooMany();
  return { points: pointsOf(rows, shown), snapshot };
}

function tooMany(): DomainError {
  const message = `There are more than ${POINTS_MAX} groups; group by less, ask for a shorter time, or for one customer.`;
  return new DomainError('validation_failed', `group_by[]: ${message}`, {
    errors: [{ path: 'group_by[]', code: 'too_big', message }],
  });
}

const isFiner = (bucket: MeterBucket, granularity: Granularity) =>
  granularity === 'total' || granularity === 'month' || (bucket === 'hour' && granularity === 'day');

/** Asked are the buckets that begin at `starts`; summed up in them are those that begin at `fine`, which a price looks at. */
type Shown = { rule: CountingRule; range: UsageRange; starts: readonly Date[]; fine: readonly Date[] };

/** The number of the bucket from 1, the values of the group. Texts, as JSON numbers would lose digits. */
type Row = [bucket: number, values: string[], ...Numbers];
type Numbers = [quantity: string, billable: string, events: string];
type Answer = { rows: Row[]; snapshot: string };

/** Where nothing is told apart there is one group, and no need to compare it row by row. */
const keyOf = ({ by }: UsageRange) => (by.length > 0 ? sql`bucket, "group"` : sql`bucket`);
const groupOf = ({ by }: UsageRange) => (by.length > 0 ? sql`"group"` : sql`'[]'::jsonb`);
const isList = ({ by, addedUp = false }: UsageRange) => by.length > 0 && !addedUp;

/**
 * The rows of an answer, made of what is priced by itself: of `quantity` and `events` by fine `bucket` and "group". One
 * row more than an answer may have tells that there are too many.
 */
function rowsOf(priced: Fragment, { rule, range, starts, fine }: Shown): Fragment {
  const shownIn = fine.map((at) => indexAt(starts, at) + 1);
  const bucket = fine === starts ? sql`bucket` : sql`(${shownIn}::integer[])[bucket]`;
  return sql`(select coalesce(json_agg(json_build_array(bucket, "group", quantity, billable, events)), '[]') from (
    select ${bucket} as bucket, ${isList(range) ? sql`"group"` : sql`'[]'::jsonb`} as "group",
      ${asQuantity(sql`sum(quantity)`)} as quantity,
      ${asQuantity(sql`sum(${asBillable(sql`quantity`, rule.rounding)})`)} as billable, sum(events)::text as events
    from (${priced}) priced group by 1, 2 limit ${POINTS_MAX + 1}) points) as rows`;
}

/** The question that is asked most: one customer, one number. */
async function asTotal(
  tx: Tx,
  rule: CountingRule,
  { customerId, ...range }: UsageRange,
): Promise<Answer | null> {
  if (customerId === null || range.granularity !== 'total' || range.by.length > 0 || rule.bucket) return null;
  const total = await readTotal(tx, rule, { customerId, ...range });
  if (!total) return null;
  const billable = billableQuantity(new Decimal(total.quantity), rule.rounding).toFixed();
  return { rows: [[1, [], total.quantity, billable, total.events]], snapshot: total.snapshot };
}

/** Everything from the events: for meters without rollups, and while those are being built. */
async function fromEvents(tx: Tx, shown: Shown): Promise<Answer> {
  const { rule, range, fine } = shown;
  const events = countedEvents(rule, range, {
    bucket: sql`width_bucket(e.event_at, ${instants(fine)})`,
    group: eventGroup(range.by),
  });
  const priced = sql`select bucket, ${groupOf(range)} as "group", ${toTwelve(totalOf(rule))} as quantity, count(v) as events
    from (${events}) counted group by ${keyOf(range)} having count(v) > 0`;
  const [answer] = await query<Answer>(
    tx,
    sql`select ${rowsOf(priced, shown)}, pg_current_snapshot()::text as snapshot`,
  );
  return answer ?? { rows: [], snapshot: '' };
}

/** Null when the meter has no rollups, or not yet whole ones, or none that would help. */
async function fromRollups(tx: Tx, shown: Shown): Promise<Answer | null> {
  const { rule, range, fine } = shown;
  const cut = cutHours([...fine, range.end]);
  const hours = (range.end.getTime() - range.start.getTime()) / HOUR_MS;
  if (!canRollUp(rule) || cut.length * 2 > hours) return null;
  // Only a bound for the index: what counts is decided by the snapshot that the next statement finds, which is no older.
  const [state] = await query<{ xmax: string; xips: string[] }>(
    tx,
    sql`select pg_snapshot_xmax(snapshot)::text as xmax, array(select pg_snapshot_xip(snapshot)::text) as xips
      from usage_rollup_states
      where meter_id = ${rule.meterId} and meter_version = ${rule.version}::integer and built_to is null`,
  );
  if (!state) return null;
  const [answer] = await query<Answer & { ready: boolean }>(tx, rollupStatement(shown, { cut, ...state }));
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

type Parts = { cut: readonly Date[]; xmax: string; xips: string[] };

/**
 * `counted`: cells of the hours that can be taken whole, and single events as cells of their own. `raw`: hours of which
 * the rollups are not asked; a customer of null stands for all of them.
 */
function rollupStatement(shown: Shown, { cut, xmax, xips }: Parts): Fragment {
  const { rule, range, fine } = shown;
  const { customerId, subscription, by } = range;
  const start = range.start.toISOString();
  const end = range.end.toISOString();
  const isCustomer = (column: Fragment) =>
    customerId === null ? sql`` : sql` and ${column} = ${customerId}`;
  const isRaw = (customer: Fragment, hour: Fragment) =>
    sql`exists (select from raw where raw.hour = ${hour} and (raw.customer_id is null or raw.customer_id = ${customer}))`;
  const bucketOf = (at: Fragment) => sql`width_bucket(${at}, ${instants(fine)})`;
  const event = sql`select ${bucketOf(sql`e.event_at`)} as bucket, ${eventGroup(by)} as "group", 1::bigint as count,
      x.v, e.event_at as at, e.key, e.revision`;
  const ofMeter = sql`e.tenant_id = ${rule.tenantId} and e.customer_id is not null${isCustomer(sql`e.customer_id`)}
      and e.event_name = ${rule.eventName} and x.v is not null${eventOf(subscription)}${eventFits(rule)} and ${eventCounts(null)}`;
  const worth = sql`cross join lateral (select ${eventValue(rule)} as v) x`;
  const unseen = { from: sql`${xmax}::xid8`, to: LAST, unfinished: sql`${xips}::xid8[]` };
  const isUnseen = (column: Fragment) => sql`not pg_visible_in_snapshot(${column}, st.snapshot)`;
  const inRange = sql`event_at >= ${start}::timestamptz and event_at < ${end}::timestamptz`;
  const said = (column: string) => sql`select v.customer_id, date_trunc('hour', v.event_at, 'UTC') as hour
      from ${unseenRows('usage_voids', column, unseen, inRange)} v, st
      where v.tenant_id = ${rule.tenantId} and v.event_name = ${rule.eventName} and ${isUnseen(sql`v.${sql.ref(column)}`)}`;
  const inHour = sql`e.event_at >= greatest(h.hour, ${start}::timestamptz)
    and e.event_at < least(h.hour + interval '1 hour', ${end}::timestamptz)`;
  // Of one customer the index finds the hour. The planner would read all of his events: it expects few of them.
  const eventsOfHour =
    customerId === null
      ? sql`join usage_events e on ${inHour}`
      : sql`cross join lateral (select * from usage_events e where e.tenant_id = ${rule.tenantId}
          and e.customer_id = ${customerId} and e.event_name = ${rule.eventName} and ${inHour} offset 0) e`;
  const priced = sql`select bucket, ${groupOf(range)} as "group", ${toTwelve(totalOfCells(rule))} as quantity, sum(count) as events
      from counted group by ${keyOf(range)}`;
  const cutRows = cut.length === 0 ? sql`` : sql`union select null, unnest(${instants(cut)})`;
  return sql`with st as materialized (
      select snapshot from usage_rollup_states
      where meter_id = ${rule.meterId} and meter_version = ${rule.version}::integer and built_to is null
        -- not of another server, whose transactions had higher numbers
        and pg_snapshot_xmax(snapshot) <= pg_snapshot_xmax(pg_current_snapshot())),
    raw as materialized (
      ${said('voided_xid')} union ${said('restored_xid')}
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
      ${event} from st, ${unseenRows('usage_events', 'ingest_xid', unseen, inRange)} e ${worth}
      where ${ofMeter} and ${isUnseen(sql`e.ingest_xid`)}
        and not ${isRaw(sql`e.customer_id`, sql`date_trunc('hour', e.event_at, 'UTC')`)})
    select ${rowsOf(priced, shown)}, pg_current_snapshot()::text as snapshot, exists (select from st) as ready`;
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

/** Oldest first. Where nothing is told apart, those in which nothing was used are filled in. */
function pointsOf(rows: readonly Row[], { range, starts }: Shown): UsagePoint[] {
  const pointOf = (index: number, values: readonly string[], [quantity, billable, events]: Numbers) => ({
    start: starts[index] ?? range.start,
    end: starts[index + 1] ?? range.end,
    values,
    quantity: new Decimal(quantity),
    billable: new Decimal(billable),
    eventCount: Number(events),
  });
  if (!isList(range)) {
    const found = new Map(rows.map(([bucket, , ...numbers]) => [bucket - 1, numbers]));
    return starts.map((_, index) => pointOf(index, [], found.get(index) ?? ['0', '0', '0']));
  }
  const points = rows.map(([bucket, values, ...numbers]) => pointOf(bucket - 1, values, numbers));
  const order = (a: UsagePoint, b: UsagePoint) =>
    a.start.getTime() - b.start.getTime() || (a.values.join('\0') < b.values.join('\0') ? -1 : 1);
  return points.toSorted(order);
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
