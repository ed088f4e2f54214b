import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Database } from '../../src/persistence/doors.ts';
import { DUE_PROMISES } from '../../src/persistence/invariants/due.ts';
import { ask, type Promised } from '../../src/persistence/invariants/promised.ts';

/** How late the promises about due work let it be; asked as of that much later, they name what is due at this moment. */
const TOLERANCE_MS = 300_000;

/** What somebody still works on, beside what is due. Deliveries wait for their receivers, and leases for their end. */
const UNFINISHED: readonly Promised[] = [
  {
    promise: 'commands_finished',
    sentence: 'No command waits.',
    query: () => sql`select id, kind, subject_id, requested_at from commands where status = 'pending'`,
  },
  {
    promise: 'outcomes_known',
    sentence: 'The outcome of every charge is known.',
    query: () =>
      sql`select id, invoice_id, status, next_check_at from payment_attempts where status in ('in_flight', 'unknown')`,
  },
  {
    promise: 'clocks_stand',
    sentence: 'No test clock moves.',
    query: () => sql`select id, status, now_at, target_at from test_clocks where status = 'advancing'`,
  },
  {
    promise: 'events_placed',
    sentence: 'Every event has its place in the feed.',
    query: () => sql`select id, type, recorded_at from events where position is null`,
  },
  {
    promise: 'deliveries_made',
    sentence: 'No delivery is due.',
    query: (at) => sql`
      select id, endpoint_id, next_attempt_at from webhook_deliveries
      where status = 'pending' and greatest(next_attempt_at, lease_until) <= ${at.toISOString()}`,
  },
];

/**
 * Waits until nothing is due and nobody works on anything, and answers the seconds that took. Rejects with what is left
 * after `timeoutMs`. A database that does not answer yet is waited for, too.
 */
export async function untilQuiet(database: Database, timeoutMs: number): Promise<number> {
  const startedMs = performance.now();
  const elapsedMs = () => performance.now() - startedMs;
  for (let calm = 0; ; await sleep(250)) {
    const left = await leftToDo(database).catch((error: unknown) => [
      `the database does not answer: ${error instanceof Error ? error.message : String(error)}`,
    ]);
    calm = left.length === 0 ? calm + 1 : 0;
    // Twice, because between two steps of one thing nothing is written down as unfinished.
    if (calm === 2) return elapsedMs() / 1000;
    if (elapsedMs() > timeoutMs)
      throw new Error(`not quiet after ${Math.round(timeoutMs / 1000)} s: ${left.join('; ')}`);
  }
}

async function leftToDo(database: Database): Promise<string[]> {
  const now = new Date();
  const left: string[] = [];
  for (const [promises, at] of [
    [DUE_PROMISES, new Date(now.getTime() + TOLERANCE_MS)],
    [UNFINISHED, now],
  ] as const) {
    for (const promised of promises) {
      const found = await ask(database, promised, at);
      if (found) left.push(`${found.promise}: ${found.count}, such as ${JSON.stringify(found.rows[0])}`);
    }
  }
  return left;
}
