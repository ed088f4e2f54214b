import { Context } from '@temporalio/activity';
import { readImport } from '../src/contract/read-import.ts';
import { isUsageProblem } from '../src/contract/read-usage-event.ts';
import { presentImport } from '../src/contract/usage-imports.ts';
import type { IngestOutcome } from '../src/domain/usage-event.ts';
import type { ImportCounts, ImportError, UsageImport } from '../src/domain/usage-import.ts';
import type { Database, Tx } from '../src/persistence/doors.ts';
import { recordEvents } from '../src/persistence/events.ts';
import { databaseNow } from '../src/persistence/find-commands.ts';
import { ingestUsage } from '../src/persistence/ingest-usage.ts';
import {
  changeImport,
  finishChunk,
  type ImportChunk,
  importCounts,
  insertImportErrors,
  lockImport,
  nextChunk,
} from '../src/persistence/usage-imports.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import type { UsageImportInput } from '../workflows/messages.ts';
import { toFailure } from './failure.ts';

export type ImportProgress = ImportCounts & {
  status: UsageImport['status'] | 'unknown';
  /** Whether there is something to do now. */
  more: boolean;
};

const HEARTBEAT_MS = 5_000;
/** Of so many rows of one import the reason is kept why they were not taken. */
export const ERRORS_LISTED_MAX = 50_000;

/**
 * Imports of usage, a part of a file at a time. Its events, its mark that it is done and the reasons of what was not
 * taken are one transaction, so a worker that dies at any line leaves nothing behind but work for the next one, and each
 * row counts once.
 */
export function createUsageImportActivities({ database }: { database: Database }) {
  return {
    async importPart({ tenantId, importId }: UsageImportInput): Promise<ImportProgress> {
      const { heartbeat } = Context.current();
      const heart = setInterval(heartbeat, HEARTBEAT_MS);
      try {
        const progress = await database.withTenant(tenantId, async (tx) => {
          const done = await workOn(tx, importId);
          crashPoint('import.beforeCommit');
          return done;
        });
        crashPoint('import.afterCommit');
        return progress;
      } catch (error) {
        throw toFailure(error, true);
      } finally {
        clearInterval(heart);
      }
    },
  };
}

export type UsageImportActivities = ReturnType<typeof createUsageImportActivities>;

const NOTHING: ImportCounts = { accepted: 0, duplicates: 0, rejected: 0, pending: 0, listed: 0 };

async function workOn(tx: Tx, importId: string): Promise<ImportProgress> {
  const locked = await lockImport(tx, importId);
  if (!locked) return { status: 'unknown', more: false, ...NOTHING };
  const now = await databaseNow(tx);
  const chunk = locked.status === 'running' ? await nextChunk(tx, importId) : null;
  if (chunk) await take(tx, locked, chunk, now);
  const counts = (await importCounts(tx, [importId])).get(importId) ?? NOTHING;
  const isOver = locked.status === 'running' && counts.pending === 0;
  const { status } = isOver ? await complete(tx, locked, counts, now) : locked;
  return { status, more: status === 'running', ...counts };
}

async function complete(tx: Tx, made: UsageImport, counts: ImportCounts, now: Date): Promise<UsageImport> {
  const completed = await changeImport(tx, made, { status: 'completed', updatedAt: now, finishedAt: now });
  const { tenantId, id: objectId } = completed;
  const data = { object: presentImport(completed, counts) };
  const told = {
    type: 'usage_import.completed',
    objectType: 'usage_import',
    objectId,
    data,
    createdAt: now,
  } as const;
  await recordEvents(tx, tenantId, { correlationId: objectId, causationId: null }, [told]);
  return completed;
}

/** Its events count from the commit on. */
async function take(tx: Tx, made: UsageImport, chunk: ImportChunk, now: Date): Promise<void> {
  const { id: importId, tenantId, format, columns } = made;
  const text = chunk.content.toString('utf8');
  const read = readImport({ importId, format, columns, firstRow: chunk.firstRow, text });
  if (read.length !== chunk.rows) {
    throw new Error(`part ${chunk.n} of ${importId} has ${read.length} rows, and ${chunk.rows} were counted`);
  }
  const events = read.flatMap((event) => (isUsageProblem(event) ? [] : [event]));
  const outcomes = await ingestUsage(tx, tenantId, events, now);
  const counts = { accepted: 0, duplicates: 0, rejected: 0 };
  const errors: ImportError[] = [];
  let next = 0;
  for (const [index, event] of read.entries()) {
    const row = chunk.firstRow + index;
    if (isUsageProblem(event)) {
      const { key, code, path, message } = event;
      errors.push({ row, key, code, path: path === '' ? null : path, message });
      continue;
    }
    const outcome: IngestOutcome | undefined = outcomes[next];
    next += 1;
    if (outcome === 'accepted') counts.accepted += 1;
    else if (outcome === 'duplicate') counts.duplicates += 1;
    else if (outcome)
      errors.push({ row, key: event.key, code: outcome.rejected, path: null, message: outcome.message });
  }
  counts.rejected = errors.length;
  await insertImportErrors(tx, made, errors, ERRORS_LISTED_MAX);
  finishChunk(tx, importId, chunk.n, counts, now);
  await changeImport(tx, made, { updatedAt: now });
}
