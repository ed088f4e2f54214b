import { EntitySchema } from '@mikro-orm/core';
import { sql } from 'kysely';
import { isId } from '../domain/ids.ts';
import type { ImportCounts, ImportError, UsageImport } from '../domain/usage-import.ts';
import { id, instant, integer, json, optionalInstant, optionalText, text, textList } from './columns.ts';
import type { Tx } from './doors.ts';
import { nudge } from './nudges.ts';
import { findRow, insertRow, lockRow, query, queryLater, updateRows } from './rows.ts';

export const UsageImportSchema = new EntitySchema<UsageImport>({
  name: 'UsageImport',
  tableName: 'usage_imports',
  properties: {
    id,
    tenantId: text,
    format: text,
    status: text,
    columns: textList,
    idempotencyKey: optionalText,
    digest: optionalText,
    bytes: { type: 'bigint', columnType: 'bigint' },
    rows: integer,
    chunks: integer,
    failure: optionalText,
    metadata: json,
    createdAt: instant,
    updatedAt: instant,
    finishedAt: optionalInstant,
  },
});

export function insertImport(tx: Tx, made: UsageImport): Promise<UsageImport> {
  return insertRow(tx, UsageImportSchema, made);
}

export async function findImport(tx: Tx, id: string): Promise<UsageImport | null> {
  return isId('imp', id) ? findRow(tx, UsageImportSchema, { id }) : null;
}

/** Whoever works on a chunk, pauses or cancels holds this lock. */
export async function lockImport(tx: Tx, id: string): Promise<UsageImport | null> {
  return isId('imp', id) ? lockRow(tx, UsageImportSchema, { id }) : null;
}

/** The import that a request with this key began. Waits for whoever begins one with it at this moment. */
export async function lockImportOfKey(
  tx: Tx,
  tenantId: string,
  idempotencyKey: string,
): Promise<UsageImport | null> {
  const name = `usage_imports ${tenantId} ${idempotencyKey}`;
  await query(tx, sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`);
  return lockRow(tx, UsageImportSchema, { tenantId, idempotencyKey });
}

/** Writes changes to an import that the caller has locked and answers it as it is now. */
export async function changeImport(
  tx: Tx,
  made: UsageImport,
  changes: Partial<UsageImport> & { updatedAt: Date },
): Promise<UsageImport> {
  await updateRows(tx, UsageImportSchema, { id: made.id }, changes);
  return { ...made, ...changes };
}

/** Uploads that brought nothing since then: their process died, or their client did. */
export async function lockAbandoned(tx: Tx, tenantId: string, before: Date): Promise<UsageImport[]> {
  const rows = await query<{ id: string }>(
    tx,
    sql`select id from usage_imports where tenant_id = ${tenantId} and status = 'uploading'
        and updated_at < ${before.toISOString()} limit 20 for update skip locked`,
  );
  const found = await Promise.all(rows.map(({ id }) => findImport(tx, id)));
  return found.filter((one) => one !== null);
}

/** Tenants that have such uploads; needs the system door. */
export async function tenantsUploading(tx: Tx, before: Date): Promise<string[]> {
  const rows = await query<{ id: string }>(
    tx,
    sql`select distinct tenant_id as id from usage_imports where status = 'uploading' and updated_at < ${before.toISOString()}`,
  );
  return rows.map(({ id }) => id);
}

export type ImportChunk = { n: number; firstRow: number; rows: number; content: Buffer };

/** Notes that its upload goes on. */
export function touchImport(tx: Tx, importId: string, now: Date): void {
  queryLater(tx, sql`update usage_imports set updated_at = ${now.toISOString()} where id = ${importId}`);
}

/** Keeps a part of the file, and notes that something came. */
export function insertChunk(tx: Tx, { id, tenantId }: UsageImport, chunk: ImportChunk, now: Date): void {
  queryLater(
    tx,
    sql`insert into usage_import_chunks (import_id, n, tenant_id, first_row, rows, content)
      values (${id}, ${chunk.n}, ${tenantId}, ${chunk.firstRow}, ${chunk.rows}, ${chunk.content})`,
  );
  touchImport(tx, id, now);
}

/** The next part that nobody has worked on; null when there is none. The import is locked. */
export async function nextChunk(tx: Tx, importId: string): Promise<ImportChunk | null> {
  const [row] = await query<{ n: number; first_row: number; rows: number; content: Buffer }>(
    tx,
    sql`select n, first_row, rows, content from usage_import_chunks
      where import_id = ${importId} and done_at is null order by n limit 1`,
  );
  return row ? { n: row.n, firstRow: row.first_row, rows: row.rows, content: row.content } : null;
}

/** Notes what came of a part and forgets what stood in it. */
export function finishChunk(
  tx: Tx,
  importId: string,
  n: number,
  { accepted, duplicates, rejected }: Pick<ImportCounts, 'accepted' | 'duplicates' | 'rejected'>,
  now: Date,
): void {
  queryLater(
    tx,
    sql`update usage_import_chunks set accepted = ${accepted}, duplicates = ${duplicates}, rejected = ${rejected},
        content = null, done_at = ${now.toISOString()}
      where import_id = ${importId} and n = ${n}`,
  );
}

/** Frees the room of what will not be worked on any more. */
export async function forgetChunks(tx: Tx, importId: string): Promise<void> {
  await query(
    tx,
    sql`update usage_import_chunks set content = null where import_id = ${importId} and done_at is null`,
  );
}

/** Keeps the reasons of rejected rows, up to `listedMax` of the whole import. */
export async function insertImportErrors(
  tx: Tx,
  { id, tenantId }: UsageImport,
  errors: readonly ImportError[],
  listedMax: number,
): Promise<void> {
  if (errors.length === 0) return;
  await query(
    tx,
    sql`insert into usage_import_errors (import_id, row, tenant_id, key, code, path, message)
      select ${id}, error.row, ${tenantId}, error.key, error.code, error.path, error.message
      from jsonb_to_recordset(${JSON.stringify(errors)}::jsonb) as error (row integer, key text, code text, path text, message text)
      order by error.row
      limit greatest(0, ${listedMax} - (select count(*) from usage_import_errors where import_id = ${id}))`,
  );
}

/** The reasons, by row. */
export async function importErrors(tx: Tx, importId: string): Promise<ImportError[]> {
  return query<ImportError>(
    tx,
    sql`select row, key, code, path, message from usage_import_errors where import_id = ${importId} order by row`,
  );
}

/** How far each import has come, by id. */
export async function importCounts(tx: Tx, ids: readonly string[]): Promise<Map<string, ImportCounts>> {
  const rows = await query<ImportCounts & { id: string }>(
    tx,
    sql`select imported.id,
        coalesce(sum(chunk.accepted), 0)::int as accepted,
        coalesce(sum(chunk.duplicates), 0)::int as duplicates,
        coalesce(sum(chunk.rejected), 0)::int as rejected,
        coalesce(sum(chunk.rows) filter (where chunk.done_at is null), 0)::int as pending,
        (select count(*)::int from usage_import_errors error where error.import_id = imported.id) as listed
      from unnest(${[...ids]}::text[]) as imported (id) left join usage_import_chunks chunk on chunk.import_id = imported.id
      group by imported.id`,
  );
  return new Map(rows.map(({ id, ...counts }) => [id, counts]));
}

/** Owes the workflow of an import a look at its row. */
export function tellImport(
  tx: Tx,
  { id: entityId, tenantId }: Pick<UsageImport, 'id' | 'tenantId'>,
  notBefore: Date,
): Promise<void> {
  return nudge(tx, { tenantId, kind: 'usage_import', entityId, notBefore });
}
