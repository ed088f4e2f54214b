import { sql } from 'kysely';
import type { Tx } from './doors.ts';
import type { Fragment } from './meter-sql.ts';
import { query } from './rows.ts';
import { CELL, cells, type Touched } from './usage-cells.ts';

/**
 * The rollups of a meter version that has none yet. They are made part by part, all at the snapshot at which the building
 * began: what comes meanwhile is news to `rollUp` afterwards. Until they are whole nobody looks at them.
 */

/** At most so many customers are counted in one transaction. */
const CUSTOMERS_AT_ONCE = 200;

/**
 * Counts the next part of one meter version, of about `limit` events. Answers who has used it since it was made, as nobody
 * else will; null: none is being built.
 */
export async function buildNext(tx: Tx, limit: number): Promise<Touched[] | null> {
  await query(
    tx,
    sql`insert into usage_rollup_states (tenant_id, meter_id, meter_version, snapshot, updated_at, built_to)
      select v.tenant_id, v.meter_id, v.version, pg_current_snapshot(), clock_timestamp(), '' from meter_versions v
      where not exists (
        select from usage_rollup_states st where st.meter_id = v.meter_id and st.meter_version = v.version)`,
  );
  const [next] = await query<Building>(
    tx,
    sql`select st.tenant_id as "tenantId", st.meter_id as "meterId", st.meter_version as version, m.event_name as "eventName",
        st.snapshot::text as snapshot, st.built_to as "builtTo"
      from usage_rollup_states st join meters m on m.id = st.meter_id
      where st.built_to is not null order by st.meter_id, st.meter_version limit 1`,
  );
  if (!next) return null;
  const part = await partAfter(tx, next, limit);
  const touched = part ? await build(tx, next, part) : [];
  await query(
    tx,
    sql`update usage_rollup_states set built_to = ${part?.builtTo ?? null}, updated_at = clock_timestamp()
      where meter_id = ${next.meterId} and meter_version = ${next.version}::integer`,
  );
  return touched;
}

type Building = {
  tenantId: string;
  meterId: string;
  version: number;
  eventName: string;
  snapshot: string;
  /** The last customer who is counted; with an hour behind him, he is counted up to that hour. */
  builtTo: string;
};

/** All events of some customers, or those of one in some hours. With the last of them `builtTo` is null. */
type Part = { customers: string[]; from: string | null; to: string | null; builtTo: string | null };

/** Null: there is no more. */
async function partAfter(tx: Tx, building: Building, limit: number): Promise<Part | null> {
  const [last = '', hour] = building.builtTo.split(' ');
  if (hour) return hoursOf(tx, building, { customerId: last, from: hour, limit });
  const customers = await customersAfter(tx, building, { after: last, limit });
  const [first] = customers;
  if (!first) return null;
  if (first.events > limit) return hoursOf(tx, building, { customerId: first.id, from: null, limit });
  const few: string[] = [];
  let events = 0;
  for (const customer of customers) {
    events += customer.events;
    if (events > limit) break;
    few.push(customer.id);
  }
  const isLast = few.length === customers.length && few.length < CUSTOMERS_AT_ONCE;
  return { customers: few, from: null, to: null, builtTo: isLast ? null : (few.at(-1) ?? first.id) };
}

/** The next hours of one customer: as many as have about `limit` events, and at least one. */
async function hoursOf(
  tx: Tx,
  { tenantId, eventName }: Building,
  { customerId, from, limit }: { customerId: string; from: string | null; limit: number },
): Promise<Part> {
  const hour = (at: Fragment) => sql`to_char(${at} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`;
  const theirs = sql`select event_at from usage_events where tenant_id = ${tenantId} and customer_id = ${customerId}
    and event_name = ${eventName} and event_at >= coalesce(${from}::timestamptz, '-infinity') order by event_at`;
  const [found] = await query<{ to: string | null }>(
    tx,
    sql`select ${hour(sql`greatest(date_trunc('hour', beyond.event_at, 'UTC'),
          date_trunc('hour', first.event_at, 'UTC') + interval '1 hour')`)} as "to"
      from (${theirs} limit 1) first cross join (${theirs} offset ${limit}::bigint limit 1) beyond`,
  );
  const to = found?.to ?? null;
  return { customers: [customerId], from, to, builtTo: to === null ? customerId : `${customerId} ${to}` };
}

/** The next customers who have used anything, by id, until they make `limit`. Jumps in the index from one to the next. */
function customersAfter(
  tx: Tx,
  { tenantId, eventName }: Building,
  { after, limit }: { after: string; limit: number },
): Promise<{ id: string; events: number }[]> {
  const next = (last: Fragment) =>
    sql`select customer_id as id, (select count(*)::integer from (
        select from usage_events where tenant_id = ${tenantId} and customer_id = one.customer_id
          and event_name = ${eventName} limit ${limit}::bigint + 1) counted) as events
      from (select customer_id from usage_events where tenant_id = ${tenantId} and customer_id > ${last}
        order by customer_id limit 1) one`;
  return query(
    tx,
    sql`with recursive found as (
        select id, events, events as total, 1 as n from (${next(sql`${after}`)}) first
        union all
        select following.id, following.events, f.total + following.events, f.n + 1
        from found f cross join lateral (${next(sql`f.id`)}) following
        where f.total <= ${limit}::bigint and f.n < ${CUSTOMERS_AT_ONCE}::integer)
      select id, events from found order by id`,
  );
}

/** Distinct values have no cells, so nothing is written for them. */
async function build(
  tx: Tx,
  { tenantId, meterId, version, eventName, snapshot }: Building,
  { customers, from, to }: Part,
): Promise<Touched[]> {
  const events = sql`(select * from usage_events where tenant_id = ${tenantId} and customer_id = any(${customers}::text[])
    and event_name = ${eventName} and event_at >= coalesce(${from}::timestamptz, '-infinity')
    and event_at < coalesce(${to}::timestamptz, 'infinity') offset 0)`;
  const counted = cells({
    snapshot,
    events,
    where: sql`v.meter_id = ${meterId} and v.version = ${version}::integer`,
  });
  await query(tx, sql`insert into usage_rollups (${CELL}) select ${CELL} from (${counted}) counted`);
  // What was used before there was this version was told then, or concerned nobody; a minute is for what was under way.
  return query<Touched>(
    tx,
    sql`select distinct e.tenant_id as "tenantId", e.customer_id as "customerId", v.meter_id as "meterId"
      from ${events} e join meter_versions v on v.meter_id = ${meterId} and v.version = ${version}::integer
      where e.ingested_at > v.created_at - interval '1 minute'`,
  );
}
