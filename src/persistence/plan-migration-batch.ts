import { sql } from 'kysely';
import { type PlanMigration, TRY_AGAIN_AFTER_MS } from '../domain/plan-migration.ts';
import type { Tx } from './doors.ts';
import { query } from './rows.ts';

/** One batch of a plan migration: who is next, what he is sent, and what came of it. All of it set-based. */

/**
 * Subscribers that nobody has begun to move, locked until the transaction ends. Not those whose test clock is moving:
 * what time it is for them is not known until it stands.
 */
export async function takeNext(tx: Tx, migrationId: string, now: Date, limit: number): Promise<string[]> {
  const rows = await query<{ id: string }>(
    tx,
    sql`select subscriber.subscription_id as id from plan_migration_subscribers subscriber
        join subscriptions sub on sub.id = subscriber.subscription_id
        left join test_clocks clock on clock.id = sub.test_clock_id
      where subscriber.migration_id = ${migrationId} and subscriber.status = 'pending' and subscriber.command_id is null
        and (subscriber.again_at is null or subscriber.again_at <= ${now.toISOString()})
        and (clock.status is null or clock.status <> 'advancing')
      order by subscriber.subscription_id limit ${limit} for update of subscriber`,
  );
  return rows.map(({ id }) => id);
}

export type Outcome = {
  subscriptionId: string;
  status: 'refused' | 'skipped' | 'failed';
  reason: string;
  message: string;
};

/** Notes what became of subscribers that need no command. */
export async function noteOutcomes(
  tx: Tx,
  migrationId: string,
  outcomes: readonly Outcome[],
  now: Date,
): Promise<void> {
  if (outcomes.length === 0) return;
  await query(
    tx,
    sql`update plan_migration_subscribers subscriber
      set status = said.status, reason = said.reason, message = said.message, finished_at = ${now.toISOString()}, again_at = null
      from jsonb_to_recordset(${JSON.stringify(outcomes)}::jsonb)
        as said("subscriptionId" text, status text, reason text, message text)
      where subscriber.migration_id = ${migrationId} and subscriber.subscription_id = said."subscriptionId" and subscriber.status = 'pending'`,
  );
}

export type MoveCommand = { id: string; subscriptionId: string; body: object; requestedAt: Date };

/**
 * Writes the commands that move subscribers, and to whom each belongs, in one transaction with the choice of them. That
 * there is one per subscriber is kept by `commands_once_per_migration`.
 */
export async function insertMoves(
  tx: Tx,
  { id: migrationId, tenantId }: Pick<PlanMigration, 'id' | 'tenantId'>,
  moves: readonly MoveCommand[],
  { now, expiresAt }: { now: Date; expiresAt: Date },
): Promise<void> {
  if (moves.length === 0) return;
  const told = sql`jsonb_to_recordset(${JSON.stringify(moves)}::jsonb)
    as move(id text, "subscriptionId" text, body jsonb, "requestedAt" timestamptz)`;
  await query(
    tx,
    sql`insert into commands (id, tenant_id, subject_id, kind, body, requested_at, expires_at, status, request_id, created_at, migration_id)
      select move.id, ${tenantId}, move."subscriptionId", 'change', move.body, move."requestedAt", ${expiresAt.toISOString()},
        'pending', ${migrationId}, ${now.toISOString()}, ${migrationId} from ${told}`,
  );
  await query(
    tx,
    sql`update plan_migration_subscribers subscriber set command_id = move.id, again_at = null from ${told}
      where subscriber.migration_id = ${migrationId} and subscriber.subscription_id = move."subscriptionId" and subscriber.status = 'pending'`,
  );
}

export type SentMove = { commandId: string; subscriptionId: string; requestedAt: Date };

/** Commands of the migration that have not come to an outcome. */
export async function unfinishedMoves(tx: Tx, migrationId: string): Promise<SentMove[]> {
  const rows = await query<{ commandId: string; subscriptionId: string; requested_at: string }>(
    tx,
    sql`select subscriber.command_id as "commandId", subscriber.subscription_id as "subscriptionId", command.requested_at
      from plan_migration_subscribers subscriber join commands command on command.id = subscriber.command_id
      where subscriber.migration_id = ${migrationId} and subscriber.status = 'pending' and command.status = 'pending'
      order by subscriber.subscription_id`,
  );
  return rows.map(({ requested_at: requestedAt, ...move }) => ({
    ...move,
    requestedAt: new Date(requestedAt),
  }));
}

/**
 * Notes the outcome of every command that has one, and answers how many did. A command that nobody took in time, or that
 * met a charge under way, is written anew after a while, a few times.
 */
export async function settleMoves(tx: Tx, migrationId: string, now: Date): Promise<number> {
  const at = now.toISOString();
  const waits = sql.join(
    TRY_AGAIN_AFTER_MS.map((ms) => sql`${new Date(now.getTime() + ms).toISOString()}::timestamptz`),
  );
  const rows = await query(
    tx,
    sql`with ended as (
        select subscriber.subscription_id, command.status, command.result->>'code' as code, command.result->>'message' as message,
          subscriber.tries < ${TRY_AGAIN_AFTER_MS.length}
            and (command.status = 'expired' or command.result->>'code' = 'payment_in_flight') as again,
          exists (select from scheduled_changes change where change.command_id = command.id and change.kind = 'change') as scheduled
        from plan_migration_subscribers subscriber join commands command on command.id = subscriber.command_id
        where subscriber.migration_id = ${migrationId} and subscriber.status = 'pending' and command.status <> 'pending')
      update plan_migration_subscribers subscriber set
        status = case when again then 'pending'
          when ended.status = 'applied' then case when scheduled then 'scheduled' else 'applied' end
          when ended.status = 'expired' or code = 'command_failed' then 'failed'
          when code = 'change_without_effect' then 'skipped'
          else 'refused' end,
        reason = case when ended.status = 'applied' then null else coalesce(code, 'command_expired') end,
        message = case when ended.status = 'expired' then 'Its workflow did not take the command in time.' else ended.message end,
        command_id = case when again then null else subscriber.command_id end,
        tries = case when again then tries + 1 else tries end,
        again_at = case when again then (array[${waits}])[tries + 1] end,
        finished_at = case when again then null else ${at}::timestamptz end
      from ended where subscriber.migration_id = ${migrationId} and subscriber.subscription_id = ended.subscription_id
      returning subscriber.subscription_id`,
  );
  return rows.length;
}

/** Whether all subscribers of the migration have their outcome. */
export async function isDone(tx: Tx, migrationId: string): Promise<boolean> {
  const [row] = await query<{ left: boolean }>(
    tx,
    sql`select exists (select from plan_migration_subscribers
      where migration_id = ${migrationId} and status = 'pending') as left`,
  );
  return row?.left === false;
}

/** The earliest instant at which a subscriber is to be tried again; null when none waits for one. */
export async function nextTryAt(tx: Tx, migrationId: string): Promise<Date | null> {
  const [row] = await query<{ at: string | null }>(
    tx,
    sql`select min(again_at) as at from plan_migration_subscribers
      where migration_id = ${migrationId} and status = 'pending' and command_id is null`,
  );
  return row?.at ? new Date(row.at) : null;
}
