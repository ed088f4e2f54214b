import { presenters } from '../src/contract/presenters.ts';
import { DomainError } from '../src/domain/errors.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { databaseNow } from '../src/persistence/find-commands.ts';
import { findTestClock } from '../src/persistence/save-customers.ts';
import type { Write } from '../src/persistence/write.ts';
import type { Call } from './route.ts';

/** Throws `revision_mismatch` when the caller said which revision he has seen and the object has moved on. */
export function assertRevision(call: Pick<Call, 'ifMatch'>, object: { revision: number }): void {
  if (call.ifMatch === null || call.ifMatch === object.revision) return;
  throw new DomainError(
    'revision_mismatch',
    `It is at revision ${object.revision} now. Read it again, then decide anew.`,
    {
      revision: object.revision,
    },
  );
}

type OnClock = { testClockId: string | null };

/**
 * What time it is for a customer: his test clock's, or the present by the database's clock. Throws `clock_advancing`
 * while the clock moves, because what was asked would land somewhere on the way.
 */
export async function timeFor(tx: Tx, customer: OnClock): Promise<{ at: Date; wallNow: Date }> {
  const wallNow = await databaseNow(tx);
  if (customer.testClockId === null) return { at: wallNow, wallNow };
  const clock = await findTestClock(tx, customer.testClockId);
  if (!clock) throw new Error(`test clock ${customer.testClockId} has no row`);
  if (clock.status === 'advancing') {
    throw new DomainError(
      'clock_advancing',
      `The test clock ${clock.id} is advancing. Wait until it is ready, then try again.`,
      { test_clock: clock.id },
    );
  }
  return { at: clock.nowAt, wallNow };
}

/** A change that belongs to a customer, effective in his time. */
export async function writeFor(tx: Tx, call: Call, customer: OnClock): Promise<Write> {
  const { at, wallNow } = await timeFor(tx, customer);
  return {
    tx,
    tenantId: call.tenantId,
    at,
    wallNow,
    cause: call.cause,
    present: presenters,
  };
}
