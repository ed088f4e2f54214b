import { listOf, pathId } from '../../src/contract/common.ts';
import { writeRecord } from '../../src/contract/csv.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import {
  importListQuery,
  importQuery,
  presentImport,
  usageImportOut,
} from '../../src/contract/usage-imports.ts';
import { DomainError } from '../../src/domain/errors.ts';
import type { UsageImport } from '../../src/domain/usage-import.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import {
  changeImport,
  findImport,
  forgetChunks,
  importCounts,
  importErrors,
  lockImport,
  tellImport,
  UsageImportSchema,
} from '../../src/persistence/usage-imports.ts';
import { idempotencyKeyOf } from '../idempotency.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { receiveUpload } from '../receive-upload.ts';
import { type Route, rawRoute, route } from '../route.ts';

const described = { tag: 'Usage', auth: 'tenant' } as const;
const shown = { description: 'The import.', schema: usageImportOut };

const create = rawRoute({
  ...described,
  method: 'post',
  path: '/v1/usage_imports',
  operationId: 'createUsageImport',
  summary: 'Import a file of events',
  description:
    'Up to 1 GB of CSV or NDJSON, read as it arrives. The answer comes when the file is there; then its rows are taken in, and the import tells its progress. Each row counts once, whatever dies meanwhile. Rows without an `idempotency_key` get `<import id>:<row>`, so send an `Idempotency-Key` when you may have to send the file again: with it the same file is taken once.',
  scope: 'usage:write',
  query: importQuery,
  streams: 'application/octet-stream',
  response: { ...shown, contentType: 'application/json' },
  errors: [
    'body_too_large',
    'usage_import_unreadable',
    'usage_import_over',
    'idempotency_key_reused',
    'idempotency_key_in_use',
  ],
  async handler({ deps, tenantId, query, headers, arriving }) {
    const idempotencyKey = idempotencyKeyOf(headers['idempotency-key']?.toString(), 'get');
    const bytes = headers['content-length'] === undefined ? null : Number(headers['content-length']);
    const upload = { tenantId, format: query.format, idempotencyKey, bytes };
    const { made, replayed } = await receiveUpload(deps.database, upload, arriving);
    const body = await deps.database.withTenant(tenantId, (tx) => show(tx, made));
    return {
      status: 200,
      contentType: 'application/json',
      ...(replayed ? { headers: { 'Idempotent-Replayed': 'true' } } : {}),
      body: JSON.stringify(body),
    };
  },
});

const list = route({
  ...described,
  method: 'get',
  path: '/v1/usage_imports',
  operationId: 'listUsageImports',
  summary: 'List imports',
  query: importListQuery,
  response: { description: 'A page of imports.', schema: listOf(usageImportOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const filters = { tenantId, ...(query.status ? { status: query.status } : {}) };
    const page = await listRows(tx, UsageImportSchema, filters, pageOf(query));
    const ids = page.rows.map(({ id }) => id);
    const counts = await importCounts(tx, ids);
    return presentList(page, (row) => presentImport(row, found(counts.get(row.id) ?? null, 'count')));
  },
});

const get = route({
  ...described,
  method: 'get',
  path: '/v1/usage_imports/{id}',
  operationId: 'getUsageImport',
  summary: 'Get an import',
  description: 'With its progress.',
  params: pathId,
  response: shown,
  errors: ['not_found'],
  kind: 'read',
  handler: async (tx, { params }) => show(tx, found(await findImport(tx, params.id), 'import')),
});

const errors = rawRoute({
  ...described,
  method: 'get',
  path: '/v1/usage_imports/{id}/errors',
  operationId: 'getUsageImportErrors',
  summary: 'Why rows were not taken',
  description:
    'A CSV of the rejected rows, with their numbers (the first row of events is 1). A cell that a spreadsheet would take for a formula begins with an apostrophe.',
  params: pathId,
  response: { description: 'The reasons, by row.', contentType: 'text/csv; charset=utf-8' },
  errors: ['not_found'],
  async handler({ deps, tenantId, params }) {
    const rows = await deps.database.withTenant(tenantId, async (tx) =>
      importErrors(tx, found(await findImport(tx, params.id), 'import').id),
    );
    const head = writeRecord(['row', 'idempotency_key', 'code', 'path', 'message']);
    const lines = rows.map(({ row, key, code, path, message }) =>
      writeRecord([row, key, code, path, message]),
    );
    return {
      status: 200,
      contentType: 'text/csv; charset=utf-8',
      headers: { 'Content-Disposition': `attachment; filename="${params.id}-errors.csv"` },
      body: head + lines.join(''),
    };
  },
});

type Steer = 'pause' | 'resume' | 'cancel';
const STEERED: Record<Steer, UsageImport['status']> = {
  pause: 'paused',
  resume: 'running',
  cancel: 'canceled',
};

/** Throws `not_found`, `usage_import_over`. What it is already it stays. */
async function steerImport(tx: Tx, id: string, steer: Steer): Promise<UsageImport> {
  const made = found(await lockImport(tx, id), 'import');
  const status = STEERED[steer];
  if (made.status === status) return made;
  const isLive = made.status === 'running' || made.status === 'paused';
  if (!isLive && !(made.status === 'uploading' && steer === 'cancel'))
    throw new DomainError(
      'usage_import_over',
      `The import is ${made.status}; send the file again if need be.`,
    );
  const now = await databaseNow(tx);
  if (steer === 'cancel') await forgetChunks(tx, made.id);
  else await tellImport(tx, made, now);
  return changeImport(tx, made, { status, updatedAt: now, finishedAt: steer === 'cancel' ? now : null });
}

const steering = (steer: Steer, summary: string, description: string) =>
  route({
    ...described,
    method: 'post',
    path: `/v1/usage_imports/{id}/${steer}`,
    operationId: `${steer}UsageImport`,
    summary,
    description,
    scope: 'usage:write',
    params: pathId,
    body: emptyBody,
    response: shown,
    errors: ['not_found', 'usage_import_over'],
    kind: 'write',
    handler: async (tx, { params }) => show(tx, await steerImport(tx, params.id, steer)),
  });
const pause = steering('pause', 'Pause an import', 'No more rows are taken until it is resumed.');
const resume = steering('resume', 'Resume an import', 'It goes on where it was.');
const cancel = steering(
  'cancel',
  'Cancel an import',
  'Rows whose turn had not come are not taken. What was taken stays; a backfill can take it away.',
);

async function show(tx: Tx, made: UsageImport) {
  const counts = await importCounts(tx, [made.id]);
  return presentImport(made, found(counts.get(made.id) ?? null, 'count'));
}

export const usageImportRoutes: Route[] = [create, list, get, errors, pause, resume, cancel];
