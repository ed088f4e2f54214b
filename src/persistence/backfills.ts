import { EntitySchema } from '@mikro-orm/core';
import { sql } from 'kysely';
import type { Backfill } from '../domain/backfill.ts';
import { isId } from '../domain/ids.ts';
import type { IncomingUsage } from '../domain/usage-event.ts';
import { flag, id, instant, integer, json, optionalInstant, optionalText, text } from './columns.ts';
import type { Tx } from './doors.ts';
import { digestOf } from './ingest-usage.ts';
import { findRow, insertRow, lockRow, query, selectRows, updateRows } from './rows.ts';

export const BackfillSchema = new EntitySchema<Backfill>({
  name: 'Backfill',
  tableName: 'usage_backfills',
  properties: {
    id,
    tenantId: text,
    customerId: optionalText,
    eventNames: { type: 'array', columnType: 'text[]', nullable: true },
    timeframeStart: instant,
    timeframeEnd: instant,
    replaces: flag,
    status: text,
    voided: integer,
    inserted: integer,
    duplicates: integer,
    note: optionalText,
    createdBy: optionalText,
    metadata: json,
    createdAt: instant,
    updatedAt: instant,
    closedAt: optionalInstant,
    revertedAt: optionalInstant,
  },
});

export function insertBackfill(tx: Tx, backfill: Backfill): Promise<Backfill> {
  return insertRow(tx, BackfillSchema, backfill);
}

export async function findBackfill(tx: Tx, id: string): Promise<Backfill | null> {
  return isId('bf', id) ? findRow(tx, BackfillSchema, { id }) : null;
}

export async function lockBackfill(tx: Tx, id: string): Promise<Backfill | null> {
  return isId('bf', id) ? lockRow(tx, BackfillSchema, { id }) : null;
}

/** Writes changes to a backfill that the caller has locked and answers it as it is now. */
export async function changeBackfill(
  tx: Tx,
  backfill: Backfill,
  changes: Partial<Backfill> & { updatedAt: Date },
): Promise<Backfill> {
  await updateRows(tx, BackfillSchema, { id: backfill.id }, changes);
  return { ...backfill, ...changes };
}

/** How many events wait in each backfill, by id. */
export async function stagedCounts(tx: Tx, ids: readonly string[]): Promise<Map<string, number>> {
  const rows = await query<{ id: string; count: number }>(
    tx,
    sql`select backfill.id, (select count(*)::int from usage_backfill_events staged where staged.backfill_id = backfill.id) as count
      from unnest(${[...ids]}::text[]) as backfill (id)`,
  );
  return new Map(rows.map(({ id, count }) => [id, count]));
}

export type Staged = 'accepted' | 'duplicate' | 'other';

/**
 * Lets events wait in a backfill that the caller has locked.
 *
 * @param events no two of them with the same key.
 * @returns for each whether it waits now, did so before, or its key stands for another event of the backfill.
 */
export async function stageUsage(
  tx: Tx,
  { id, tenantId }: Backfill,
  events: readonly IncomingUsage[],
): Promise<Staged[]> {
  const digests = events.map(digestOf);
  const keys = events.map(({ key }) => key);
  const rows = await query<{ key: string; fresh: boolean; digest: string }>(
    tx,
    sql`with fresh as (
        insert into usage_backfill_events (backfill_id, key, tenant_id, digest, event_name, customer_id, external_customer_id,
          subscription_id, event_at, properties)
        select ${id}, key, ${tenantId}, decode(digest, 'hex'), event_name, customer_id, external_customer_id, subscription_id, at,
          properties::jsonb
        from unnest(${keys}::text[], ${digests}::text[], ${events.map(({ eventName }) => eventName)}::text[],
          ${events.map(({ customerId }) => customerId)}::text[],
          ${events.map(({ externalCustomerId }) => externalCustomerId)}::text[],
          ${events.map(({ subscriptionId }) => subscriptionId)}::text[],
          ${events.map(({ at }) => at.toISOString())}::timestamptz[],
          ${events.map(({ properties }) => JSON.stringify(properties))}::text[])
          as sent (key, digest, event_name, customer_id, external_customer_id, subscription_id, at, properties)
        on conflict do nothing returning key, digest
      )
      select key, true as fresh, encode(digest, 'hex') as digest from fresh
      union all
      select key, false, encode(digest, 'hex') from usage_backfill_events
      where backfill_id = ${id} and key = any(${keys}::text[])`,
  );
  const found = new Map(rows.map((row) => [row.key, row]));
  return keys.map((key, index) => {
    const row = found.get(key);
    if (row?.fresh) return 'accepted';
    return row?.digest === digests[index] ? 'duplicate' : 'other';
  });
}

/** Forgets what waited. */
export async function forgetStaged(tx: Tx, backfillId: string): Promise<void> {
  await query(tx, sql`delete from usage_backfill_events where backfill_id = ${backfillId}`);
}

/** A backfill closed later that took the place of some of the same time; reverting this one would bring back what that one replaced. */
export async function laterBackfill(tx: Tx, backfill: Backfill): Promise<Backfill | null> {
  const { id, tenantId, customerId, eventNames, timeframeStart, timeframeEnd, closedAt } = backfill;
  const [later] = await selectRows(
    tx,
    BackfillSchema,
    sql`tenant_id = ${tenantId} and id <> ${id} and status = 'closed' and replaces
      and (closed_at, id) > (${(closedAt ?? timeframeEnd).toISOString()}::timestamptz, ${id})
      and timeframe_start < ${timeframeEnd.toISOString()} and timeframe_end > ${timeframeStart.toISOString()}
      and (customer_id is null or ${customerId}::text is null or customer_id = ${customerId})
      and (event_names is null or ${eventNames}::text[] is null or event_names && ${eventNames}::text[])
      order by closed_at desc limit 1`,
  );
  return later ?? null;
}
