import { EntitySchema } from '@mikro-orm/core';
import { sql } from 'kysely';
import type { Collector, CollectorError } from '../domain/collector.ts';
import { isId } from '../domain/ids.ts';
import { id, instant, json, optionalInstant, optionalJson, optionalText, text } from './columns.ts';
import type { Tx } from './doors.ts';
import { findRow, insertRow, lockRow, query, queryLater, selectRows, updateRows } from './rows.ts';

const count = { type: 'bigint', columnType: 'bigint' } as const;
const hash = { type: 'uint8array', columnType: 'bytea' } as const;

export const CollectorSchema = new EntitySchema<Collector>({
  name: 'Collector',
  tableName: 'usage_collectors',
  properties: {
    id,
    tenantId: text,
    name: text,
    status: text,
    mapping: json,
    scheme: text,
    signatureHeader: optionalText,
    tokenHash: hash,
    tokenLast4: text,
    previousTokenHash: { ...hash, nullable: true },
    previousTokenExpiresAt: optionalInstant,
    secretSealed: optionalText,
    previousSecretSealed: optionalText,
    previousSecretExpiresAt: optionalInstant,
    accepted: count,
    duplicates: count,
    rejected: count,
    refused: count,
    lastReceivedAt: optionalInstant,
    lastError: optionalJson,
    metadata: json,
    createdAt: instant,
    updatedAt: instant,
    deletedAt: optionalInstant,
  },
});

export function insertCollector(tx: Tx, collector: Collector): Promise<Collector> {
  return insertRow(tx, CollectorSchema, collector);
}

/** How many there are. Waits for whoever creates one at this moment, so that a limit can be kept. */
export async function countCollectors(tx: Tx, tenantId: string): Promise<number> {
  await query(tx, sql`select pg_advisory_xact_lock(hashtextextended(${`usage_collectors ${tenantId}`}, 0))`);
  const [row] = await query<{ count: number }>(
    tx,
    sql`select count(*)::int as count from usage_collectors where tenant_id = ${tenantId} and deleted_at is null`,
  );
  return row?.count ?? 0;
}

export async function findCollector(tx: Tx, id: string): Promise<Collector | null> {
  return isId('col', id) ? findRow(tx, CollectorSchema, { id, deletedAt: null }) : null;
}

export async function lockCollector(tx: Tx, id: string): Promise<Collector | null> {
  return isId('col', id) ? lockRow(tx, CollectorSchema, { id, deletedAt: null }) : null;
}

/** The collector with this address, or that had it until a moment ago, across tenants: needs the system door. */
export async function findCollectorByToken(tx: Tx, tokenHash: Buffer, now: Date): Promise<Collector | null> {
  const [row] = await selectRows(
    tx,
    CollectorSchema,
    sql`deleted_at is null and (token_hash = ${tokenHash}
      or (previous_token_hash = ${tokenHash} and previous_token_expires_at > ${now.toISOString()}))`,
  );
  return row ?? null;
}

/** Writes changes to a collector that the caller has locked and answers it as it is now. */
export async function changeCollector(
  tx: Tx,
  collector: Collector,
  changes: Partial<Collector> & { updatedAt: Date },
): Promise<Collector> {
  await updateRows(tx, CollectorSchema, { id: collector.id }, changes);
  return { ...collector, ...changes };
}

export type Collected = {
  accepted: number;
  duplicates: number;
  rejected: number;
  refused: number;
  error: CollectorError | null;
};

/** Counts what came. With the commit, because everybody who sends to the collector waits for this row. */
export function noteCollected(tx: Tx, collectorId: string, collected: Collected, at: Date): void {
  const { accepted, duplicates, rejected, refused, error } = collected;
  queryLater(
    tx,
    sql`update usage_collectors set accepted = accepted + ${accepted}, duplicates = duplicates + ${duplicates},
        rejected = rejected + ${rejected}, refused = refused + ${refused},
        last_received_at = greatest(last_received_at, ${at.toISOString()}),
        last_error = coalesce(${error === null ? null : JSON.stringify(error)}::jsonb, last_error)
      where id = ${collectorId}`,
  );
}
