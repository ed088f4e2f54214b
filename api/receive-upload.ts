import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { readColumns } from '../src/contract/read-import.ts';
import { DomainError, isDomainError } from '../src/domain/errors.ts';
import type { ImportFormat, UsageImport } from '../src/domain/usage-import.ts';
import type { Database, Tx } from '../src/persistence/doors.ts';
import { databaseNow } from '../src/persistence/find-commands.ts';
import {
  changeImport,
  forgetChunks,
  insertChunk,
  insertImport,
  lockAbandoned,
  lockImport,
  lockImportOfKey,
  tellImport,
  tenantsUploading,
  touchImport,
} from '../src/persistence/usage-imports.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import { newId } from '../src/platform/ids.ts';
import { inUse } from './idempotency.ts';
import { RowSplitter, type Rows } from './split-rows.ts';

export type Upload = {
  tenantId: string;
  format: ImportFormat;
  idempotencyKey: string | null;
  /** What the client says is coming, when it does. */
  bytes: number | null;
};

const UPLOAD_BYTES_MAX = 1024 ** 3;
/** Whoever sends nothing for so long has gone. */
const SILENCE_MS = 30_000;
/** An upload of which nothing came for so long has no process any more. */
const ABANDONED_MS = 2 * SILENCE_MS;

/**
 * Takes a file in as it arrives, part by part into the database, and lets the worker begin when it is there. Nothing of it
 * counts before: an upload that breaks off leaves a failed import and no event.
 *
 * @returns the import; the one that was there when its key brought the same file before.
 * @throws DomainError `usage_import_unreadable`, `usage_import_over`, `body_too_large`, `idempotency_key_in_use`, `idempotency_key_reused`.
 */
export async function receiveUpload(
  database: Database,
  upload: Upload,
  arriving: Readable,
): Promise<{ made: UsageImport; replayed: boolean }> {
  const { tenantId } = upload;
  if (upload.bytes !== null && upload.bytes > UPLOAD_BYTES_MAX) {
    arriving.resume();
    throw tooLarge();
  }
  const { made, isNew } = await database.withTenant(tenantId, (tx) => begin(tx, upload));
  crashPoint('upload.begun');
  const pieces = piecesOf(arriving);
  if (!isNew) return { made: await sameFile(made, pieces), replayed: true };
  try {
    const taken = await keep(database, made, pieces);
    const running = await database.withTenant(tenantId, (tx) => start(tx, made.id, taken));
    crashPoint('upload.afterCommit');
    return { made: running, replayed: false };
  } catch (error) {
    const failure = isDomainError(error) ? error.message : 'The upload was cut off; send the file again.';
    await database.withTenant(tenantId, (tx) => fail(tx, made.id, failure));
    throw error;
  }
}

/** Uploads whose process died, and the room they take, until somebody brings another file of the same tenant. */
export async function sweepUploads(database: Database): Promise<void> {
  const tenants = await database.asSystem('abandoned uploads', async (tx) =>
    tenantsUploading(tx, abandonedBefore(await databaseNow(tx))),
  );
  for (const tenantId of tenants)
    await database.withTenant(tenantId, async (tx) => giveUpAbandoned(tx, tenantId, await databaseNow(tx)));
}

const abandonedBefore = (now: Date) => new Date(now.getTime() - ABANDONED_MS);

async function giveUpAbandoned(tx: Tx, tenantId: string, now: Date): Promise<void> {
  for (const { id } of await lockAbandoned(tx, tenantId, abandonedBefore(now)))
    await fail(tx, id, 'Its upload was cut off; send the file again.');
}

/** The import of this key, or a new one in whose place no other begins. */
async function begin(tx: Tx, upload: Upload): Promise<{ made: UsageImport; isNew: boolean }> {
  const { tenantId, format, idempotencyKey } = upload;
  const now = await databaseNow(tx);
  await giveUpAbandoned(tx, tenantId, now);
  const known = idempotencyKey === null ? null : await lockImportOfKey(tx, tenantId, idempotencyKey);
  if (known?.status === 'uploading') throw inUse();
  // A file that never came whole may come again.
  if (known?.status === 'failed') await changeImport(tx, known, { idempotencyKey: null, updatedAt: now });
  else if (known) return { made: known, isNew: false };
  const made: UsageImport = {
    id: newId('imp'),
    tenantId,
    format,
    status: 'uploading',
    columns: [],
    idempotencyKey,
    digest: null,
    bytes: '0',
    rows: 0,
    chunks: 0,
    failure: null,
    metadata: {},
    createdAt: now,
    updatedAt: now,
    finishedAt: null,
  };
  await insertImport(tx, made);
  return { made, isNew: true };
}

type Taken = Pick<UsageImport, 'columns' | 'digest' | 'bytes' | 'rows' | 'chunks'>;

async function keep(database: Database, made: UsageImport, pieces: Pieces): Promise<Taken> {
  const splitter = new RowSplitter(made.format);
  const hash = hashOf(made.format);
  const taken = { columns: [] as string[], bytes: 0, rows: 0, chunks: 0 };
  const keepRows = async ({ firstRow, rows, content }: Rows) => {
    if (firstRow === 0) {
      taken.columns = readColumns(content.toString('utf8').trim());
      return;
    }
    taken.chunks += 1;
    taken.rows += rows;
    const chunk = { n: taken.chunks, firstRow, rows, content };
    await database.withTenant(made.tenantId, async (tx) =>
      insertChunk(tx, made, chunk, await databaseNow(tx)),
    );
    crashPoint('upload.partKept');
  };
  let toldMs = performance.now();
  for await (const piece of pieces) {
    taken.bytes += piece.length;
    hash.update(piece);
    for (const rows of splitter.push(piece)) await keepRows(rows);
    // Over a slow line it takes long until a part is full.
    if (performance.now() - toldMs < SILENCE_MS / 4) continue;
    toldMs = performance.now();
    await database.withTenant(made.tenantId, async (tx) => touchImport(tx, made.id, await databaseNow(tx)));
  }
  for (const rows of splitter.end()) await keepRows(rows);
  if (taken.rows === 0) throw new DomainError('usage_import_unreadable', 'There is no row in the file.');
  return { ...taken, bytes: String(taken.bytes), digest: hash.digest('hex') };
}

async function start(tx: Tx, id: string, taken: Taken): Promise<UsageImport> {
  const made = await lockImport(tx, id);
  if (made?.status !== 'uploading')
    throw new DomainError('usage_import_over', 'It was canceled or given up meanwhile; send the file again.');
  const now = await databaseNow(tx);
  await tellImport(tx, made, now);
  return changeImport(tx, made, { ...taken, status: 'running', updatedAt: now });
}

async function fail(tx: Tx, id: string, failure: string): Promise<void> {
  const made = await lockImport(tx, id);
  // It may have begun: then only the answer to its commit was lost, and its rows are on their way.
  if (!made || made.status === 'running' || made.status === 'paused' || made.status === 'completed') return;
  await forgetChunks(tx, id);
  if (made.status !== 'uploading') return;
  const now = await databaseNow(tx);
  await changeImport(tx, made, { status: 'failed', failure, updatedAt: now, finishedAt: now });
}

/** Throws `idempotency_key_reused` unless the file is, byte by byte, the one that the key brought. */
async function sameFile(made: UsageImport, pieces: Pieces): Promise<UsageImport> {
  const hash = hashOf(made.format);
  for await (const piece of pieces) hash.update(piece);
  if (hash.digest('hex') === made.digest) return made;
  throw new DomainError(
    'idempotency_key_reused',
    'This Idempotency-Key brought another file. Send that file again unchanged, or take a new key.',
  );
}

const hashOf = (format: ImportFormat): Hash => createHash('sha256').update(`${format}\n`);

function tooLarge(): DomainError {
  return new DomainError('body_too_large', `A file has at most ${UPLOAD_BYTES_MAX} bytes; send several.`);
}

type Pieces = AsyncIterable<Buffer>;

/** The body, within its bounds. It is left open when we have seen enough: the answer goes the same way. */
async function* piecesOf(arriving: Readable): Pieces {
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  const listen = () => {
    clearTimeout(timer);
    timer = setTimeout(() => arriving.destroy(new Error('nothing came any more')), SILENCE_MS);
  };
  listen();
  try {
    for await (const piece of arriving.iterator({ destroyOnReturn: false })) {
      clearTimeout(timer);
      bytes += piece.length;
      if (bytes > UPLOAD_BYTES_MAX) throw tooLarge();
      yield piece;
      listen();
    }
  } finally {
    clearTimeout(timer);
    arriving.resume();
  }
}
