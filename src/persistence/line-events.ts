import { sql } from 'kysely';
import type { LineEvent } from '../domain/line-event.ts';
import type { Database, Tx } from './doors.ts';
import { asQuantity, eventCounts, eventFits, eventOf, eventValue, type UsageOwner } from './meter-sql.ts';
import { rulesOf } from './metered-usage.ts';
import { query } from './rows.ts';

/** What a line had seen, and what had been seen when the same period was billed before it. */
export type SeenByLine = {
  itemId: string;
  meterId: string;
  meterVersion: number;
  customerId: string;
  start: string;
  end: string;
  snapshot: string;
  before: string | null;
  owner: UsageOwner;
};

const BATCH = 1_000;

/** What stands behind a metered line; null where nothing does. */
export async function seenByLine(tx: Tx, lineId: string): Promise<SeenByLine | null> {
  const [row] = await query<Omit<SeenByLine, 'owner'> & Record<'ownerId' | 'scope', string>>(
    tx,
    sql`select c.item_id as "itemId", c.meter_id as "meterId", c.meter_version as "meterVersion", c.customer_id as "customerId",
        c.period_start as start, c.period_end as end, c.snapshot::text as snapshot,
        (select earlier.snapshot::text from usage_closures earlier
          where earlier.item_id = c.item_id and earlier.period_start = c.period_start and earlier.revision < c.revision
            and earlier.line_id is distinct from c.line_id order by earlier.revision desc limit 1) as before,
        sub.id as "ownerId", sub.usage_scope as scope
      from usage_closures c join subscriptions sub on sub.id = c.subscription_id
      where c.line_id = ${lineId} order by c.revision desc limit 1`,
  );
  if (!row) return null;
  const { ownerId: id, scope, ...seen } = row;
  return { ...seen, owner: { id, usageScope: scope === 'subscription' ? 'subscription' : 'customer' } };
}

/**
 * The very events behind a line, oldest first, in batches: for a line of what came late those that were not billed before.
 * Each batch is a transaction of its own, and still they are of one piece, because a snapshot tells what belongs to it.
 */
export async function* lineEvents(
  database: Database,
  tenantId: string,
  seen: SeenByLine,
): AsyncGenerator<LineEvent[]> {
  const next = (after: LineEvent | null) =>
    database.withTenant(tenantId, (tx) => nextEvents(tx, seen, after));
  let batch = await next(null);
  while (batch.length > 0) {
    yield batch;
    batch = batch.length < BATCH ? [] : await next(batch.at(-1) ?? null);
  }
}

async function nextEvents(tx: Tx, seen: SeenByLine, after: LineEvent | null): Promise<LineEvent[]> {
  const rules = await rulesOf(tx, [{ price: seen }]);
  const rule = rules.get(seen.meterId)?.find(({ version }) => version === seen.meterVersion);
  if (!rule) throw new Error(`meter ${seen.meterId} has no version ${seen.meterVersion}`);
  const { customerId, start, end, snapshot, before } = seen;
  const value = eventValue(rule);
  const text = rule.aggregation === 'unique_count' ? value : asQuantity(value);
  const counts = sql`(${eventCounts(snapshot)})`;
  const counted = before === null ? sql`false` : sql`(${eventCounts(before)})`;
  const behind = after
    ? sql` and (e.event_at, e.key, e.revision) > (${after.at}::timestamptz, ${after.key}, ${after.revision}::integer)`
    : sql``;
  return query<LineEvent>(
    tx,
    sql`select case when counts then 'added' else 'removed' end as effect, key, revision, "eventName", at, value, properties
      from (
        select e.key, e.revision, e.event_name as "eventName", to_char(e.event_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at,
          e.event_at, ${text} as value, e.properties, ${counts} as counts, ${counted} as counted
        from usage_events e
        where e.tenant_id = ${rule.tenantId} and e.customer_id = ${customerId} and e.event_name = ${rule.eventName}
          and e.event_at >= ${start} and e.event_at < ${end} and ${value} is not null
          ${eventOf(seen.owner)}${eventFits(rule)}${behind}) seen
      where counts <> counted order by event_at, key, revision limit ${BATCH}`,
  );
}
