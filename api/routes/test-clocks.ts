import { z } from 'zod';
import { deletedOf, listOf, listQuery, pathId } from '../../src/contract/common.ts';
import {
  presentTestClock,
  testClockAdvance,
  testClockCreate,
  testClockOut,
} from '../../src/contract/test-clocks.ts';
import { DomainError } from '../../src/domain/errors.ts';
import type { TestClock } from '../../src/domain/test-clock.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import { findRow } from '../../src/persistence/rows.ts';
import {
  insertTestClock,
  lockTestClock,
  steerTestClock,
  TestClockSchema,
} from '../../src/persistence/test-clocks.ts';
import { newId } from '../../src/platform/ids.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';

const create = route({
  method: 'post',
  path: '/v1/test_clocks',
  operationId: 'createTestClock',
  summary: 'Create a test clock',
  description: 'Customers created with `test_clock` live in its time. Only in test mode.',
  tag: 'Test clocks',
  auth: 'tenant',
  scope: 'test_clocks:write',
  body: testClockCreate,
  response: { status: 201, description: 'The clock.', schema: testClockOut },
  errors: ['test_mode_only'],
  kind: 'write',
  async handler(tx, { tenantId, mode, body }) {
    if (mode !== 'test')
      throw new DomainError(
        'test_mode_only',
        'Test clocks exist only in test mode. Use a key that starts with prn_test_.',
      );
    const createdAt = await databaseNow(tx);
    const nowAt = new Date(body.now);
    const clock: TestClock = {
      id: newId('clk'),
      tenantId,
      name: body.name ?? 'test clock',
      nowAt,
      targetAt: nowAt,
      status: 'ready',
      failure: null,
      entitiesTotal: 0,
      entitiesDone: 0,
      metadata: body.metadata ?? {},
      createdAt,
      updatedAt: createdAt,
    };
    return presentTestClock(await insertTestClock(tx, clock));
  },
});

const list = route({
  method: 'get',
  path: '/v1/test_clocks',
  operationId: 'listTestClocks',
  summary: 'List test clocks',
  tag: 'Test clocks',
  auth: 'tenant',
  query: z.strictObject(listQuery),
  response: {
    description: 'A page of clocks, without those that are deleted.',
    schema: listOf(testClockOut),
  },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const filters = { tenantId, status: { $ne: 'deleted' as const } };
    return presentList(await listRows(tx, TestClockSchema, filters, pageOf(query)), presentTestClock);
  },
});

const get = route({
  method: 'get',
  path: '/v1/test_clocks/{id}',
  operationId: 'getTestClock',
  summary: 'Get a test clock',
  description: 'While it advances, `now` and `progress` tell how far it has come.',
  tag: 'Test clocks',
  auth: 'tenant',
  params: pathId,
  response: { description: 'The clock.', schema: testClockOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    return presentTestClock(found(await findRow(tx, TestClockSchema, { id: params.id }), 'test clock'));
  },
});

const advance = route({
  method: 'post',
  path: '/v1/test_clocks/{id}/advance',
  operationId: 'advanceTestClock',
  summary: 'Advance a test clock',
  description:
    'Answers at once. Everything attached then catches up in order (trials, renewals, dunning), until the clock is `ready`, or `failed` with the entity named.',
  tag: 'Test clocks',
  auth: 'tenant',
  scope: 'test_clocks:write',
  params: pathId,
  body: testClockAdvance,
  response: { description: 'The clock, advancing.', schema: testClockOut },
  errors: ['not_found', 'clock_backwards', 'clock_advancing'],
  kind: 'write',
  async handler(tx, { params, body }) {
    const clock = found(await lockTestClock(tx, params.id), 'test clock');
    if (clock.status === 'advancing') {
      throw new DomainError(
        'clock_advancing',
        `The clock is advancing to ${clock.targetAt.toISOString()}. Wait until it is ready.`,
      );
    }
    const targetAt = new Date(body.to);
    assertForward(clock, targetAt);
    const changes = {
      targetAt,
      status: 'advancing' as const,
      failure: null,
      entitiesTotal: 0,
      entitiesDone: 0,
    };
    return presentTestClock(await steerTestClock(tx, clock, changes, await databaseNow(tx)));
  },
});

const remove = route({
  method: 'delete',
  path: '/v1/test_clocks/{id}',
  operationId: 'deleteTestClock',
  summary: 'Delete a test clock',
  description:
    'Ends its customers: their subscriptions are canceled without a final invoice, and they are deleted.',
  tag: 'Test clocks',
  auth: 'tenant',
  scope: 'test_clocks:write',
  params: pathId,
  response: { description: 'It is gone.', schema: deletedOf('test_clock', 'clk') },
  errors: ['not_found', 'clock_advancing'],
  kind: 'write',
  async handler(tx: Tx, { params }) {
    const clock = found(await lockTestClock(tx, params.id), 'test clock');
    if (clock.status === 'advancing')
      throw new DomainError(
        'clock_advancing',
        'The clock is advancing. Wait until it is ready, then delete it.',
      );
    await steerTestClock(tx, clock, { status: 'deleted', failure: null }, await databaseNow(tx));
    return { object: 'test_clock' as const, id: clock.id, deleted: true as const };
  },
});

/** A failed clock may be sent to where it was already heading; otherwise time only goes forward. */
function assertForward(clock: TestClock, to: Date): void {
  if (to > clock.nowAt || (clock.status === 'failed' && to.getTime() === clock.nowAt.getTime())) return;
  throw new DomainError('clock_backwards', 'A test clock only goes forward.', {
    errors: [
      { path: 'to', code: 'clock_backwards', message: `Use an instant after ${clock.nowAt.toISOString()}.` },
    ],
  });
}

export const testClockRoutes: readonly Route[] = [create, list, get, advance, remove];
