import { type RawBuilder, sql } from 'kysely';
import type { StoredUsage, UsageProperties, UsageVoid } from '../domain/usage-event.ts';
import type { Tx } from './doors.ts';
import { query } from './rows.ts';

/** Which events; what is null is not asked for. Of `from` and `until` either may be open. */
export type UsageFilter = {
  customerId: string | null;
  externalCustomerId: string | null;
  subscriptionId: string | null;
  eventName: string | null;
  /** Inclusive. */
  from: Date | null;
  /** Exclusive. */
  until: Date | null;
  /** Properties with the text of their values; all of them have to fit. */
  properties: Readonly<Record<string, string>>;
  /** Only those that count, or only those that do not. */
  isVoid: boolean | null;
};

/** The place of an event in the order of a search: newest first, ties by key, then by revision. */
export type UsagePlace = { at: Date; key: string; revision: number };

/** A page of a tenant's events, newest first, from behind a place. */
export async function searchUsage(
  tx: Tx,
  tenantId: string,
  filter: UsageFilter,
  { limit, after }: { limit: number; after: UsagePlace | null },
): Promise<StoredUsage[]> {
  const beyond = after
    ? sql`and (event.event_at, event.key, event.revision) < (${after.at.toISOString()}::timestamptz, ${after.key}, ${after.revision}::integer)`
    : sql``;
  const rows = await query<Row>(
    tx,
    sql`select event.key, event.revision, event.event_name, event.customer_id, event.external_customer_id, event.subscription_id,
        event.event_at, event.properties, event.backfill_id, event.ingested_at,
        void.reason as void_reason, void.note as void_note, void.voided_at
      from usage_events event ${VOIDS} where ${conditions(tenantId, filter)} ${beyond}
      order by event.event_at desc, event.key desc, event.revision desc limit ${limit}`,
  );
  return rows.map(toUsage);
}

/** How many events there were in each hour or day of a zone, and how many of those count. Times without any are among them. */
export async function usageVolume(
  tx: Tx,
  tenantId: string,
  filter: UsageFilter & { from: Date; until: Date },
  { unit, timeZone }: { unit: 'hour' | 'day'; timeZone: string },
): Promise<{ start: Date; events: number; counting: number }[]> {
  const [from, until] = [filter.from.toISOString(), filter.until.toISOString()];
  const rows = await query<{ start: string; events: number; counting: number }>(
    tx,
    sql`with counted as (
        select date_trunc(${unit}, event.event_at, ${timeZone}) as start, count(*)::integer as events,
          (count(*) filter (where void.key is null))::integer as counting
        from usage_events event ${VOIDS} where ${conditions(tenantId, filter)} group by 1
      )
      select time.start, coalesce(counted.events, 0) as events, coalesce(counted.counting, 0) as counting
      from generate_series(date_trunc(${unit}, ${from}::timestamptz, ${timeZone}), ${until}::timestamptz - interval '1 microsecond',
        ${`1 ${unit}`}::interval, ${timeZone}) as time (start) left join counted on counted.start = time.start
      order by 1`,
  );
  return rows.map(({ start, ...counts }) => ({ start: new Date(start), ...counts }));
}

/** What is said against an event and holds. */
const VOIDS = sql`left join usage_voids void on void.tenant_id = event.tenant_id and void.key = event.key
  and void.revision = event.revision and void.restored_xid is null`;

function conditions(tenantId: string, filter: UsageFilter): RawBuilder<unknown> {
  const { customerId, externalCustomerId, subscriptionId, eventName, from, until, properties, isVoid } =
    filter;
  const parts = [sql`event.tenant_id = ${tenantId}`];
  if (customerId !== null) parts.push(sql`event.customer_id = ${customerId}`);
  if (externalCustomerId !== null) parts.push(sql`event.external_customer_id = ${externalCustomerId}`);
  if (subscriptionId !== null) parts.push(sql`event.subscription_id = ${subscriptionId}`);
  if (eventName !== null) parts.push(sql`event.event_name = ${eventName}`);
  if (from !== null) parts.push(sql`event.event_at >= ${from.toISOString()}`);
  if (until !== null) parts.push(sql`event.event_at < ${until.toISOString()}`);
  for (const [name, value] of Object.entries(properties))
    parts.push(sql`event.properties ->> ${name}::text = ${value}`);
  if (isVoid !== null) parts.push(isVoid ? sql`void.key is not null` : sql`void.key is null`);
  return sql.join(parts, sql` and `);
}

type Row = {
  key: string;
  revision: number;
  event_name: string;
  customer_id: string | null;
  external_customer_id: string | null;
  subscription_id: string | null;
  event_at: string;
  properties: UsageProperties;
  backfill_id: string | null;
  ingested_at: string;
  void_reason: UsageVoid['reason'] | null;
  void_note: string | null;
  voided_at: string | null;
};

function toUsage(row: Row): StoredUsage {
  const { void_reason: reason, voided_at: voidedAt } = row;
  return {
    key: row.key,
    revision: row.revision,
    eventName: row.event_name,
    customerId: row.customer_id,
    externalCustomerId: row.external_customer_id,
    subscriptionId: row.subscription_id,
    at: new Date(row.event_at),
    properties: row.properties,
    backfillId: row.backfill_id,
    ingestedAt: new Date(row.ingested_at),
    void: reason && voidedAt ? { reason, note: row.void_note, at: new Date(voidedAt) } : null,
  };
}
