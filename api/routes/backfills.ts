import {
  backfillCreate,
  backfillListQuery,
  backfillOut,
  presentBackfill,
} from '../../src/contract/backfills.ts';
import { listOf, pathId } from '../../src/contract/common.ts';
import { isUsageProblem } from '../../src/contract/read-usage-event.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import { readUsageEvents } from '../../src/contract/usage-body.ts';
import { ingestedOut, presentIngested, usageEventsIn } from '../../src/contract/usage-events.ts';
import type { Backfill } from '../../src/domain/backfill.ts';
import { BackfillSchema, findBackfill, stagedCounts } from '../../src/persistence/backfills.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { findCustomerByReference, found } from '../../src/persistence/find-by-reference.ts';
import { crashPoint } from '../../src/platform/crash-point.ts';
import {
  cancelBackfill,
  closeBackfill,
  openBackfill,
  revertBackfill,
  stageEvents,
} from '../change-backfill.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { decodeBody, refuseOtherThanJson } from '../parse-json.ts';
import { type Route, rawRoute, route } from '../route.ts';

const described = { tag: 'Usage', auth: 'tenant' } as const;
const shown = { description: 'The backfill.', schema: backfillOut };
const BODY_LIMIT_BYTES = 1024 * 1024;

const create = route({
  ...described,
  method: 'post',
  path: '/v1/backfills',
  operationId: 'createBackfill',
  summary: 'Open a backfill',
  description:
    'A correction of a stretch of time: open it, send its events, close it. Until then nothing changes; then, at once, what counted in the timeframe gives way to what was sent.',
  scope: 'usage:write',
  body: backfillCreate,
  response: { status: 201, ...shown },
  errors: ['clock_advancing'],
  kind: 'write',
  handler: async (tx, call) => show(tx, await openBackfill(tx, call)),
});

const list = route({
  ...described,
  method: 'get',
  path: '/v1/backfills',
  operationId: 'listBackfills',
  summary: 'List backfills',
  description: 'Newest first.',
  query: backfillListQuery,
  response: { description: 'A page of backfills.', schema: listOf(backfillOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const customer = query.customer === undefined ? null : await findCustomerByReference(tx, query.customer);
    const filters = {
      tenantId,
      ...(query.customer === undefined ? {} : { customerId: customer?.id ?? '' }),
      ...(query.status ? { status: query.status } : {}),
    };
    const page = await listRows(tx, BackfillSchema, filters, pageOf(query));
    const staged = await stagedCounts(
      tx,
      page.rows.map(({ id }) => id),
    );
    return presentList(page, (row) => presentBackfill(row, staged.get(row.id) ?? 0));
  },
});

const get = route({
  ...described,
  method: 'get',
  path: '/v1/backfills/{id}',
  operationId: 'getBackfill',
  summary: 'Get a backfill',
  params: pathId,
  response: shown,
  errors: ['not_found'],
  kind: 'read',
  handler: async (tx, { params }) => show(tx, found(await findBackfill(tx, params.id), 'backfill')),
});

const fill = rawRoute({
  ...described,
  method: 'post',
  path: '/v1/backfills/{id}/events',
  operationId: 'sendBackfillEvents',
  summary: 'Send events of a backfill',
  description:
    'As `POST /v1/events`, but they count for nothing until the backfill is closed, and their keys may be those of events that it replaces. Up to 100,000 in one backfill.',
  scope: 'usage:write',
  params: pathId,
  body: usageEventsIn,
  bodyLimitBytes: BODY_LIMIT_BYTES,
  response: { description: 'What became of each.', schema: ingestedOut, contentType: 'application/json' },
  errors: ['not_found', 'backfill_not_open', 'backfill_too_large'],
  async handler({ deps, tenantId, params, rawBody, headers }) {
    refuseOtherThanJson(headers['content-type']);
    const read = readUsageEvents(decodeBody(rawBody));
    const events = read.flatMap((event) => (isUsageProblem(event) ? [] : [event]));
    const outcomes = await deps.database.withTenant(tenantId, async (tx) => {
      const staged = await stageEvents(tx, params.id, events);
      crashPoint('backfill.stagedBeforeCommit');
      return staged;
    });
    const body = JSON.stringify(presentIngested(read, outcomes));
    return { status: 200, contentType: 'application/json', body };
  },
});

const close = route({
  ...described,
  method: 'post',
  path: '/v1/backfills/{id}/close',
  operationId: 'closeBackfill',
  summary: 'Close a backfill',
  description:
    'Everything changes at once, for every count and every invoice that is not written. Periods that are closed already are corrected by the next invoice. An event whose key counts outside of the timeframe is left out.',
  scope: 'usage:write',
  params: pathId,
  body: emptyBody,
  response: shown,
  errors: ['not_found', 'backfill_not_open', 'backfill_too_large', 'usage_event_closed'],
  kind: 'write',
  async handler(tx, { tenantId, keyId, params }) {
    const closed = await closeBackfill(tx, params.id, { tenantId, by: keyId });
    crashPoint('backfill.beforeCommit');
    return show(tx, closed);
  },
});

const revert = route({
  ...described,
  method: 'post',
  path: '/v1/backfills/{id}/revert',
  operationId: 'revertBackfill',
  summary: 'Revert a backfill',
  description:
    'What it brought counts no more, and what gave way to it counts again. Not while a later backfill stands that replaced some of the same time.',
  scope: 'usage:write',
  params: pathId,
  body: emptyBody,
  response: shown,
  errors: ['not_found', 'backfill_not_revertible'],
  kind: 'write',
  async handler(tx, { tenantId, keyId, params }) {
    const reverted = await revertBackfill(tx, params.id, { tenantId, by: keyId });
    crashPoint('backfill.revertBeforeCommit');
    return show(tx, reverted);
  },
});

const cancel = route({
  ...described,
  method: 'post',
  path: '/v1/backfills/{id}/cancel',
  operationId: 'cancelBackfill',
  summary: 'Cancel a backfill',
  description: 'One that is open is given up with its events; nothing has changed.',
  scope: 'usage:write',
  params: pathId,
  body: emptyBody,
  response: shown,
  errors: ['not_found', 'backfill_not_open'],
  kind: 'write',
  handler: async (tx, { params }) => show(tx, await cancelBackfill(tx, params.id)),
});

async function show(tx: Tx, backfill: Backfill) {
  const staged = await stagedCounts(tx, [backfill.id]);
  return presentBackfill(backfill, staged.get(backfill.id) ?? 0);
}

export const backfillRoutes: Route[] = [create, list, get, fill, close, revert, cancel];
