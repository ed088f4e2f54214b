import { setImmediate as turn } from 'node:timers/promises';
import {
  type BegunAttempt,
  beginAttempts,
  type FinishedAttempt,
  finishAttempts,
} from '../src/persistence/delivery-attempts.ts';
import type { Database } from '../src/persistence/doors.ts';
import type { ClaimedDelivery } from '../src/persistence/drain-deliveries.ts';
import { databaseTrouble } from '../src/persistence/trouble.ts';
import { crashPoint } from '../src/platform/crash-point.ts';

/** An attempt that is on record and may now be sent. */
export type Begun = BegunAttempt & { startedAt: Date };

/** What one sender has to say: how its last attempt ended, and which delivery it would send next. */
type Entry = { ended: FinishedAttempt | null; next: ClaimedDelivery | null };
type Waiting = Entry & { resolve: (begun: Begun | null) => void; reject: (error: unknown) => void };

const TRIES_MAX = 3;
/** While one group is committed another one is sent; two commits at a time keep either from waiting for the other. */
const WRITERS_MAX = 2;

/**
 * The record of one endpoint's attempts. Many senders write at once and wait for one commit: while it is under way,
 * what else there is to write gathers for the next. Nothing is sent before the row of its attempt is committed, and a
 * delivery whose outcome was not committed is due again when its lease ends.
 */
export function openAttemptBook(
  database: Database,
  { tenantId, endpointId, now }: { tenantId: string; endpointId: string; now: () => Date },
) {
  let waiting: Waiting[] = [];
  let writers = 0;

  const commit = (group: readonly Entry[], startedAt: Date) => {
    const ended = group.flatMap((entry) => entry.ended ?? []);
    const next = group.flatMap((entry) => entry.next ?? []);
    return database.withTenant(tenantId, async (tx) => {
      const [, begun] = await Promise.all([
        finishAttempts(tx, endpointId, ended),
        beginAttempts(tx, next, startedAt),
      ]);
      if (ended.length > 0) crashPoint('webhookOutcome.beforeCommit');
      if (begun.size > 0) crashPoint('webhookAttempt.beforeCommit');
      return begun;
    });
  };

  const write = async (group: readonly Waiting[]) => {
    try {
      const startedAt = now();
      const begun = await again(() => commit(group, startedAt));
      if (group.some(({ ended }) => ended)) crashPoint('webhookOutcome.afterCommit');
      if (begun.size > 0) crashPoint('webhookAttempt.afterCommit');
      for (const { next, resolve } of group) {
        const attempt = next && begun.get(next.id);
        resolve(attempt ? { ...attempt, startedAt } : null);
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  };

  const writeAll = async () => {
    writers += 1;
    while (waiting.length > 0) {
      // Whoever has its answer in this turn of the event loop comes along.
      await turn();
      const group = waiting;
      waiting = [];
      if (group.length > 0) await write(group);
    }
    writers -= 1;
  };

  return {
    /** @returns the attempt that was begun, or null when there was none to begin or the delivery is no longer ours. */
    write(ended: FinishedAttempt | null, next: ClaimedDelivery | null): Promise<Begun | null> {
      return new Promise((resolve, reject) => {
        waiting.push({ ended, next, resolve, reject });
        if (writers < WRITERS_MAX) void writeAll();
      });
    },
  };
}

export type AttemptBook = ReturnType<typeof openAttemptBook>;

/** Two transactions may meet in the rows of a delivery that a straggler reports late. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (databaseTrouble(error) !== 'conflict' || attempt === TRIES_MAX) throw error;
    }
  }
}
