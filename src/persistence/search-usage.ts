import { type RawBuilder, sql } from 'kysely';
import { bucketStarts } from '../domain/usage-buckets.ts';
import type { StoredUsage, UsageVoid } from '../domain/usage-event.ts';
import type { Tx } from './doors.ts';
import { instants } from './meter-sql.ts';
import { query } from './rows.ts';
import { USAGE_COLUMNS, type UsageRow, usageOf, VOID_OF_EVENT } from './usage-rows.ts';

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
    sql`select ${USAGE_COLUMNS}, void.reason as void_reason, void.note as void_note, void.voided_at
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
  const starts = wholeBuckets(filter, unit, timeZone);
  const rows = await query<{ bucket: number; events: number; counting: number }>(
    tx,
    sql`select width_bucket(event.event_at, ${instants(starts)}) as bucket, count(*)::integer as events,
        (count(*) filter (where void.key is null))::integer as counting
      from usage_events event ${VOIDS} where ${conditions(tenantId, filter)} group by 1`,
  );
  const counted = new Map(rows.map(({ bucket, ...counts }) => [bucket, counts]));
  return starts.map((start, n) => ({ start, ...(counted.get(n + 1) ?? { events: 0, counting: 0 }) }));
}

/** Longer than any hour or day that a clock shows. */
const BEFORE_MS = 2 * 86_400_000;

/** The hours or days of a zone that a stretch touches, whole: the first may have begun before it. */
function wholeBuckets(
  { from, until }: { from: Date; until: Date },
  unit: 'hour' | 'day',
  timeZone: string,
): Date[] {
  const wide = { start: new Date(from.getTime() - BEFORE_MS), end: until };
  const whole = bucketStarts(wide, unit, timeZone).slice(1);
  return whole.slice(whole.findLastIndex((start) => start <= from));
}

/** What is said against an event and holds. */
const VOIDS = sql`left join usage_voids void on ${VOID_OF_EVENT} and void.restored_xid is null`;

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

type Row = UsageRow & {
  void_reason: UsageVoid['reason'] | null;
  void_note: string | null;
  voided_at: string | null;
};

function toUsage(row: Row): StoredUsage {
  const { void_reason: reason, voided_at: voidedAt } = row;
  return usageOf(row, reason && voidedAt ? { reason, note: row.void_note, at: new Date(voidedAt) } : null);
}
