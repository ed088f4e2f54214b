import { sql } from 'kysely';
import type { Subscription } from '../domain/subscription.ts';
import type { Tx } from './doors.ts';
import { query, queryLater } from './rows.ts';
import type { Touched } from './usage-cells.ts';

/** One process at a time looks at what was touched. The number is only a name, unique among our advisory locks. */
const WATCH_LOCK = 7_365_007;

/** Stands for the meter where none counts what is to be looked at: use reported by hand, a period that was cut short. */
export const NO_METER = '';

/** Whose use of which meter is to be looked at, up to the row `upTo` of the queue. */
export type TouchedUsage = Touched & { upTo: string };

/** Whether this transaction may look at what was touched. The lock ends with it. */
export async function leadWatch(tx: Tx): Promise<boolean> {
  const [row] = await query<{ leading: boolean }>(
    tx,
    sql`select pg_try_advisory_xact_lock(${WATCH_LOCK}) as leading`,
  );
  return row?.leading ?? false;
}

/**
 * Remembers whose use has changed, in the transaction that saw it: a crash loses nothing. Only what an alert or a usage
 * threshold watches is written down, so without any of them this costs one look.
 */
export async function noteTouched(tx: Tx, touched: readonly Touched[]): Promise<void> {
  if (touched.length === 0) return;
  await query(
    tx,
    sql`insert into usage_touched (tenant_id, customer_id, meter_id)
      select t.tenant_id, t.customer_id, t.meter_id
      from unnest(${touched.map(({ tenantId }) => tenantId)}::text[], ${touched.map(({ customerId }) => customerId)}::text[],
        ${touched.map(({ meterId }) => meterId)}::text[]) as t(tenant_id, customer_id, meter_id)
      where exists (
          select from alerts alert where alert.tenant_id = t.tenant_id and alert.archived_at is null
            and (alert.meter_id is null or alert.meter_id = t.meter_id)
            and (alert.customer_id is null or alert.customer_id = t.customer_id))
        or exists (
          select from subscriptions owner join plan_versions sold on sold.plan_id = owner.plan_id
            and sold.version = owner.plan_version and sold.usage_thresholds <> '[]'
          where owner.customer_id = t.customer_id and owner.ended_at is null)`,
  );
}

/**
 * Remembers that use of a subscription was reported by hand, in the transaction that takes the report, when the cost of
 * all its use is watched. Usage thresholds are looked at by whoever takes it.
 */
export async function noteReported(
  tx: Tx,
  { id, tenantId, customerId, currency }: Pick<Subscription, 'id' | 'tenantId' | 'customerId' | 'currency'>,
): Promise<void> {
  await query(
    tx,
    sql`insert into usage_touched (tenant_id, customer_id, meter_id)
      select ${tenantId}, ${customerId}, ${NO_METER} where exists (
        select from alerts alert where alert.tenant_id = ${tenantId} and alert.archived_at is null
          and alert.kind = 'cost' and alert.meter_id is null and alert.currency = ${currency}
          and (alert.customer_id is null or alert.customer_id = ${customerId})
          and (alert.subscription_id is null or alert.subscription_id = ${id}))`,
  );
}

/**
 * Remembers that a billing period of a customer ended earlier than it would have, in the transaction that ends it: what
 * was told of it is over, and nothing that is used later need tell so.
 */
export function noteCut(tx: Tx, { tenantId, customerId }: Pick<Touched, 'tenantId' | 'customerId'>): void {
  queryLater(
    tx,
    sql`insert into usage_touched (tenant_id, customer_id, meter_id)
      select ${tenantId}, ${customerId}, ${NO_METER} where exists (
        select from alerts where tenant_id = ${tenantId} and (customer_id is null or customer_id = ${customerId}))`,
  );
}

/** The next customers and meters to look at, the longest waiting first. */
export function dueTouched(tx: Tx, limit: number): Promise<TouchedUsage[]> {
  return query<TouchedUsage>(
    tx,
    sql`select tenant_id as "tenantId", customer_id as "customerId", meter_id as "meterId", max(id)::text as "upTo"
      from (select * from usage_touched where not_before <= now() order by not_before limit ${limit * 20}) due
      group by tenant_id, customer_id, meter_id order by min(not_before) limit ${limit}`,
  );
}

/**
 * Takes it off the queue, in the transaction that looks at it. Answers whether it was still there: who finds it gone
 * leaves it to whoever took it.
 */
export async function takeTouched(tx: Tx, touched: TouchedUsage): Promise<boolean> {
  const taken = await query(tx, sql`delete from usage_touched where ${isOf(touched)} returning id`);
  return taken.length > 0;
}

const ERROR_LENGTH_MAX = 500;

/**
 * It could not be looked at: once more later, and later each time, without keeping others waiting. One row of it stays,
 * the oldest, however often use comes meanwhile, and says since when and why.
 */
export async function postponeTouched(tx: Tx, touched: TouchedUsage, error: string): Promise<void> {
  await query(
    tx,
    sql`with waiting as (
        select id, max(tries) over () + 1 as tries, row_number() over (order by created_at, id) as n
        from usage_touched where ${isOf(touched)}
      ), gone as (delete from usage_touched where id in (select id from waiting where n > 1))
      update usage_touched kept set tries = waiting.tries, last_error = ${error.slice(0, ERROR_LENGTH_MAX)},
        not_before = now() + least(power(2, least(waiting.tries - 1, 10)), 300) * interval '1 second'
      from waiting where waiting.n = 1 and kept.id = waiting.id`,
  );
}

/** Looks again in a moment: the customer's time is on its way, or his next period is just being made. */
export async function touchLater(tx: Tx, { tenantId, customerId, meterId }: Touched): Promise<void> {
  await query(
    tx,
    sql`insert into usage_touched (tenant_id, customer_id, meter_id, not_before)
      values (${tenantId}, ${customerId}, ${meterId}, now() + interval '2 seconds')`,
  );
}

/** Looks again when an event that lies a little ahead has happened: nothing else would tell. */
export async function touchWhenHappened(
  tx: Tx,
  { tenantId, customerId, meterId }: Touched,
  now: Date,
): Promise<void> {
  await query(
    tx,
    sql`insert into usage_touched (tenant_id, customer_id, meter_id, not_before)
      select ${tenantId}, ${customerId}, ${meterId}, max(e.event_at) + interval '1 millisecond' from usage_events e
      where e.tenant_id = ${tenantId} and e.customer_id = ${customerId}
        and e.event_name = (select event_name from meters where id = ${meterId})
        and e.event_at > ${now.toISOString()} and e.event_at < ${now.toISOString()}::timestamptz + interval '10 minutes'
      having count(*) > 0`,
  );
}

const isOf = ({ customerId, meterId, upTo }: TouchedUsage) =>
  sql`customer_id = ${customerId} and meter_id = ${meterId} and id <= ${upTo}::bigint`;
