import type { Database, Tx } from '../../src/persistence/doors.ts';
import { LATE_MS } from '../../src/persistence/invariants/due.ts';
import type { Engine } from '../engine.ts';

/** What may be found out of order; also the label of the metric that counts repairs. */
export const REPAIR_KINDS = [
  'subscription_lost',
  'subscription_unaware',
  'subscription_overdue',
  'subscription_ended',
  'subscription_without_row',
  'subscription_stuck',
  'invoice_lost',
  'invoice_overdue',
  'payment_unknown',
  'callback_stale',
  'clock_lost',
  'migration_lost',
  'import_lost',
  'endpoint_neglected',
  'nudge_forgotten',
  'command_expired',
  'events_unplaced',
] as const;

export type RepairKind = (typeof REPAIR_KINDS)[number];

/** One thing that was out of order: what was found, and after the colon what is done about it. */
export type Repair = { kind: RepairKind; id: string; tenantId: string | null; sentence: string };

export type RepairDeps = {
  database: Database;
  engine: Engine;
  now: () => Date;
};

/** `dryRun`: tell and do nothing. `beat`: called after each piece of work, with where it is to go on after a crash. */
export type RepairRun = { dryRun: boolean; after: string | null; beat: (after: string | null) => void };

/** One kind of look at everything. Yields each repair when it was made; in a dry run, when it would have been. */
export type Pass = (deps: RepairDeps, run: RepairRun) => AsyncIterable<Repair>;

/** Rows looked at in one go; Temporal is asked about all of them in one question. */
export const PAGE = 200;
const AT_ONCE = 20;

export function asSystem<T>(deps: RepairDeps, work: (tx: Tx) => Promise<T>): Promise<T> {
  return deps.database.asSystem('reconcile', work);
}

export function before(deps: RepairDeps, ms = LATE_MS): Date {
  return new Date(deps.now().getTime() - ms);
}

/**
 * Looks closely at each suspect, 20 at a time, and yields what was found. One that cannot be looked at now does not keep
 * the others from it; its error is thrown when they are done.
 */
export async function* eachSuspect<T>(
  suspects: readonly T[],
  work: (suspect: T) => Promise<Repair | null>,
): AsyncGenerator<Repair> {
  const queue = [...suspects];
  const repairs: Repair[] = [];
  const errors: unknown[] = [];
  const run = async () => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
      try {
        const repair = await work(one);
        if (repair) repairs.push(repair);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, queue.length) }, run));
  yield* repairs;
  if (errors.length > 0) throw errors[0];
}
