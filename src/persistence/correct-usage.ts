import { type RawBuilder, sql } from 'kysely';
import type { IncomingUsage, StoredUsage, UsageRefusal, UsageVoid } from '../domain/usage-event.ts';
import type { Tx } from './doors.ts';
import { columnsOf, digestOf, judgedOf } from './ingest-usage.ts';
import { query, queryLater } from './rows.ts';
import { USAGE_COLUMNS, type UsageRow, usageOf, VOID_OF_EVENT } from './usage-rows.ts';

/**
 * What is said against events. Events are never edited: a revision counts until something is said against it, an
 * amended event is the same key one revision later, and at most one revision of a key counts.
 */

/** One correction of a tenant at a time: what one of them finds counting, another may be about to stop. */
export async function lockCorrections(tx: Tx, tenantId: string): Promise<void> {
  await query(tx, sql`select pg_advisory_xact_lock(hashtextextended(${`usage corrections ${tenantId}`}, 0))`);
}

/** Everything that was ever said against a revision; `by` names an API key. */
export type UsageRevision = StoredUsage & {
  voids: (UsageVoid & { by: string | null; restoredAt: Date | null })[];
};

/**
 * All revisions of an event, the latest first; none when nobody sent it, or so long ago that its key is forgotten. Where
 * the key named another event before, that one is not among them.
 */
export async function usageRevisions(tx: Tx, tenantId: string, key: string): Promise<UsageRevision[]> {
  const rows = await query<Row>(
    tx,
    sql`select ${USAGE_COLUMNS}, (select coalesce(jsonb_agg(jsonb_build_object('reason', void.reason, 'note', void.note, 'at', void.voided_at,
            'by', void.voided_by, 'restoredAt', void.restored_at) order by void.voided_at, void.voided_xid), '[]')
          from usage_voids void where ${VOID_OF_EVENT}) as voids
      from (
        select event.* from usage_event_keys known
          join usage_events event on event.tenant_id = known.tenant_id and event.event_at = known.event_at
            and event.key = known.key and event.revision = 0
          where known.tenant_id = ${tenantId} and known.key = ${key}
        union all
        select event.* from usage_events event
          where event.tenant_id = ${tenantId} and event.key = ${key} and event.revision > 0
      ) event order by event.revision desc`,
  );
  return rows.map(toRevision);
}

/** Whose an event is, the present of its customer, and why it cannot be taken; as `ingestUsage` judges it. */
export type Judged = { owner: string | null; refusal: UsageRefusal | null };

/** The same judgement for events that are not taken in the usual way, in their order. */
export async function judgeUsage(
  tx: Tx,
  tenantId: string,
  events: readonly IncomingUsage[],
  now: Date,
): Promise<Judged[]> {
  const digests = events.map(digestOf);
  const all = events.map((_event, index) => index);
  const { naming, columns } = columnsOf(events, digests, all);
  const text = `${judgedOf(naming)} select n, owner, refusal from judged order by n`;
  const { rows } = await tx.run(text, [tenantId, now, ...columns]);
  return rows.map(([, owner, refusal]) => ({
    owner: owner as string | null,
    refusal: refusal as UsageRefusal | null,
  }));
}

/** From when on events of a customer can still be corrected: by his test clock where he has one. */
export async function correctableSince(
  tx: Tx,
  tenantId: string,
  customerId: string | null,
  now: Date,
): Promise<Date> {
  const [row] = await query<{ since: string }>(
    tx,
    sql`select coalesce(clock.now_at, ${now.toISOString()}::timestamptz) - tenant.late_window_days * interval '1 day' as since
      from tenants tenant left join customers customer on customer.tenant_id = tenant.id and customer.id = ${customerId}
        left join test_clocks clock on clock.tenant_id = tenant.id and clock.id = customer.test_clock_id
      where tenant.id = ${tenantId}`,
  );
  if (!row) throw new Error(`tenant ${tenantId} has no row`);
  return new Date(row.since);
}

export type Said = { reason: UsageVoid['reason']; note: string | null; by: string | null; at: Date };

/** From the commit on the revision counts no more. */
export function voidRevision(tx: Tx, tenantId: string, event: StoredUsage, said: Said): void {
  queryLater(
    tx,
    sql`insert into usage_voids (tenant_id, key, revision, customer_id, event_name, event_at, reason, note, voided_by, voided_at)
      values (${tenantId}, ${event.key}, ${event.revision}, ${event.customerId}, ${event.eventName}, ${event.at.toISOString()},
        ${said.reason}, ${said.note}, ${said.by}, ${said.at.toISOString()})`,
  );
}

/** From the commit on the revision counts, at the end of those there are. */
export function insertRevision(
  tx: Tx,
  tenantId: string,
  event: IncomingUsage & { revision: number; owner: string | null; backfillId: string | null },
  now: Date,
): void {
  queryLater(
    tx,
    sql`insert into usage_events (tenant_id, key, revision, event_name, customer_id, external_customer_id, subscription_id,
        event_at, properties, backfill_id, ingested_at)
      values (${tenantId}, ${event.key}, ${event.revision}, ${event.eventName}, ${event.owner}, ${event.externalCustomerId},
        ${event.subscriptionId}, ${event.at.toISOString()}, ${JSON.stringify(event.properties)}::jsonb, ${event.backfillId}, ${now.toISOString()})`,
  );
}

/**
 * Of keys in a column: the latest revision there is, and how many of the revisions are stopped. All of them are when there
 * is one more revision than the number of the latest says.
 */
export function revisionsOf(
  tenantId: string,
  key: RawBuilder<unknown>,
): Record<'latest' | 'stopped', RawBuilder<unknown>> {
  return {
    latest: sql`(select coalesce(max(other.revision), 0) from usage_events other
      where other.tenant_id = ${tenantId} and other.key = ${key} and other.revision > 0)`,
    stopped: sql`(select count(*) from usage_voids stop
      where stop.tenant_id = ${tenantId} and stop.key = ${key} and stop.restored_xid is null)`,
  };
}

type Row = UsageRow & {
  voids: {
    reason: UsageVoid['reason'];
    note: string | null;
    at: string;
    by: string | null;
    restoredAt: string | null;
  }[];
};

function toRevision(row: Row): UsageRevision {
  const voids = row.voids.map(({ at, restoredAt, ...said }) => ({
    ...said,
    at: new Date(at),
    restoredAt: restoredAt === null ? null : new Date(restoredAt),
  }));
  return { ...usageOf(row, voids.find(({ restoredAt }) => restoredAt === null) ?? null), voids };
}
