import { EntitySchema } from '@mikro-orm/core';
import type { TestClock } from '../domain/test-clock.ts';
import { id, instant, integer, json, optionalJson, text } from './columns.ts';
import type { Tx } from './doors.ts';
import { nudge } from './nudges.ts';
import { insertRow, lockRow, updateRows } from './rows.ts';

export const TestClockSchema = new EntitySchema<TestClock>({
  name: 'TestClock',
  tableName: 'test_clocks',
  properties: {
    id,
    tenantId: text,
    name: text,
    nowAt: instant,
    targetAt: instant,
    status: text,
    failure: optionalJson,
    entitiesTotal: integer,
    entitiesDone: integer,
    metadata: json,
    createdAt: instant,
    updatedAt: instant,
  },
});

export function insertTestClock(tx: Tx, clock: TestClock): Promise<TestClock> {
  return insertRow(tx, TestClockSchema, clock);
}

/** The clock, locked, for a change of what it is heading for; null when it is not there or deleted. */
export async function lockTestClock(tx: Tx, id: string): Promise<TestClock | null> {
  const clock = await lockRow(tx, TestClockSchema, { id });
  return clock?.status === 'deleted' ? null : clock;
}

/** Writes the change and owes the clock's workflow the news, in one transaction. */
export async function steerTestClock(
  tx: Tx,
  clock: TestClock,
  changes: Partial<TestClock>,
  wallNow: Date,
): Promise<TestClock> {
  const steered = { ...changes, updatedAt: wallNow };
  await updateRows(tx, TestClockSchema, { id: clock.id }, steered);
  await nudge(tx, { tenantId: clock.tenantId, kind: 'test_clock', entityId: clock.id, notBefore: wallNow });
  return { ...clock, ...steered };
}
