import { Context } from '@temporalio/activity';
import { moveBody } from '../src/contract/move-command.ts';
import { presentPlanMigration } from '../src/contract/plan-migrations.ts';
import { COMMAND_LIFETIME_MS } from '../src/domain/command.ts';
import { judgeSubscriber, moveCommand, type PlanMigration } from '../src/domain/plan-migration.ts';
import type { Database, Tx } from '../src/persistence/doors.ts';
import { databaseNow } from '../src/persistence/find-commands.ts';
import {
  insertMoves,
  isDone,
  type MoveCommand,
  nextTryAt,
  noteOutcomes,
  type Outcome,
  type SentMove,
  settleMoves,
  takeNext,
  unfinishedMoves,
} from '../src/persistence/plan-migration-batch.ts';
import { subscribersOf, versionsOf } from '../src/persistence/plan-migration-lives.ts';
import {
  countsOf,
  lockMigration,
  type SubscriberCounts,
  saveMigrationStatus,
  skipUntouched,
  tellOfMigration,
} from '../src/persistence/plan-migrations.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import { newId } from '../src/platform/ids.ts';
import type { PlanMigrationInput } from '../workflows/messages.ts';
import { toFailure } from './failure.ts';

/**
 * Hands a command to its subscription's workflow; resolves when that has taken it, or when it could not be told so.
 * `signal`: nobody waits for that any more.
 */
export type SendMove = (tenantId: string, move: SentMove, signal: AbortSignal) => Promise<void>;

export type BatchEnd = {
  status: PlanMigration['status'] | 'unknown';
  planId: string;
  toVersion: number;
  counts: Partial<SubscriberCounts>;
  /** When to ask for the next batch; null when nothing is left to do, for now or for ever. */
  waitMs: number | null;
};

const BATCH = 50;
const SENT_AT_ONCE = 10;
const HEARTBEAT_MS = 5_000;
/** Until commands that nobody takes have expired, or a test clock stands still. */
const STUCK_MS = 15_000;
const STUCK_MS_MAX = 600_000;

type MigrationDeps = { database: Database; send: SendMove };

/**
 * Plan migrations, a batch at a time. Who is next, what he was sent and what came of it are rows, and each subscriber's
 * command is written in one transaction with the note whose it is: a worker that dies at any line leaves nothing behind
 * but work for the next one, and nobody is moved twice.
 */
export function createPlanMigrationActivities({ database, send }: MigrationDeps) {
  return {
    async migrateBatch({ tenantId, migrationId }: PlanMigrationInput): Promise<BatchEnd> {
      const { heartbeat, cancellationSignal: signal } = Context.current();
      const heart = setInterval(heartbeat, HEARTBEAT_MS);
      try {
        const taken = await database.withTenant(tenantId, (tx) => take(tx, migrationId));
        crashPoint('migration.taken');
        await atOnce(taken.moves, signal, (move) => send(tenantId, move, signal));
        // A worker that stops leaves the rest to the next one.
        signal.throwIfAborted();
        crashPoint('migration.sent');
        const end = await database.withTenant(tenantId, (tx) => settle(tx, migrationId, taken.progress));
        crashPoint('migration.afterCommit');
        return end;
      } catch (error) {
        throw signal.aborted ? error : toFailure(error, true);
      } finally {
        clearInterval(heart);
      }
    },
  };
}

export type PlanMigrationActivities = ReturnType<typeof createPlanMigrationActivities>;

/** Those whose command is under way, and as many new ones as there is room for. A paused migration begins with nobody. */
async function take(tx: Tx, migrationId: string): Promise<{ moves: SentMove[]; progress: number }> {
  const migration = await lockMigration(tx, migrationId);
  if (!migration) return { moves: [], progress: 0 };
  const now = await databaseNow(tx);
  const settled = await settleMoves(tx, migrationId, now);
  const underWay = await unfinishedMoves(tx, migrationId);
  const room = migration.status === 'running' ? BATCH - underWay.length : 0;
  const ids = room > 0 ? await takeNext(tx, migrationId, now, room) : [];
  if (ids.length > 0) await begin(tx, migration, ids, now);
  const moves = await unfinishedMoves(tx, migrationId);
  crashPoint('migration.beforeCommit');
  return { moves, progress: settled + ids.length };
}

/** Says of each what is to become of him: a command, or the reason why there is none. */
async function begin(tx: Tx, migration: PlanMigration, ids: readonly string[], now: Date): Promise<void> {
  const versions = await versionsOf(tx, migration);
  const to = versions.get(migration.toVersion);
  if (!to) throw new Error(`plan ${migration.planId} has no version ${migration.toVersion}`);
  const moves: MoveCommand[] = [];
  const outcomes: Outcome[] = [];
  for (const { life, from, at } of await subscribersOf(tx, ids, versions, now)) {
    const subscriptionId = life.subscription.id;
    const verdict = judgeSubscriber(migration, life, from, to);
    if (verdict.kind === 'move') {
      const body = moveBody(moveCommand(migration, verdict.change));
      moves.push({ id: newId('cmd'), subscriptionId, body, requestedAt: at });
    } else {
      const { kind: status, reason, message } = verdict;
      outcomes.push({ subscriptionId, status, reason, message });
    }
  }
  await noteOutcomes(tx, migration.id, outcomes, now);
  await insertMoves(tx, migration, moves, { now, expiresAt: new Date(now.getTime() + COMMAND_LIFETIME_MS) });
}

/** Notes what came of the batch, and ends a migration of which nothing is left. */
async function settle(tx: Tx, migrationId: string, before: number): Promise<BatchEnd> {
  const migration = await lockMigration(tx, migrationId);
  if (!migration) return { status: 'unknown', planId: '', toVersion: 0, counts: {}, waitMs: null };
  const now = await databaseNow(tx);
  const progress = before + (await settleMoves(tx, migrationId, now));
  if (migration.status === 'canceled') await skipUntouched(tx, migrationId, now);
  const isOver = migration.status === 'running' && (await isDone(tx, migrationId));
  const counts = (await countsOf(tx, [migrationId])).get(migrationId);
  const { status, planId, toVersion } = isOver ? await complete(tx, migration, counts, now) : migration;
  const underWay = (await unfinishedMoves(tx, migrationId)).length;
  const goesOn = status === 'running' || underWay > 0;
  const stuckMs = underWay > 0 ? STUCK_MS : patienceMs(await nextTryAt(tx, migrationId), now);
  return {
    status,
    planId,
    toVersion,
    counts: counts ?? {},
    waitMs: goesOn ? (progress > 0 ? 0 : stuckMs) : null,
  };
}

async function complete(
  tx: Tx,
  migration: PlanMigration,
  counts: SubscriberCounts | undefined,
  now: Date,
): Promise<PlanMigration> {
  const completed = await saveMigrationStatus(tx, migration, 'completed', now);
  const cause = { correlationId: migration.id, causationId: migration.id };
  if (counts)
    await tellOfMigration(
      tx,
      cause,
      'plan_migration.completed',
      completed,
      presentPlanMigration(completed, counts),
    );
  return completed;
}

/** Somebody who waits without an instant waits for his test clock. */
function patienceMs(nextTry: Date | null, now: Date): number {
  if (!nextTry) return STUCK_MS;
  return Math.min(Math.max(nextTry.getTime() - now.getTime(), STUCK_MS), STUCK_MS_MAX);
}

async function atOnce<T>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const run = async () => {
    for (let item = queue.shift(); item !== undefined && !signal.aborted; item = queue.shift())
      await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(SENT_AT_ONCE, queue.length) }, run));
}
