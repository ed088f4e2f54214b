import { sql } from 'kysely';
import type { Tx } from '../doors.ts';
import { checkAtOnce } from '../gateway-callbacks.ts';
import type { Nudge } from '../nudges.ts';
import { PaymentAttemptSchema } from '../payments.ts';
import { findRow, query } from '../rows.ts';

/** What nobody has taken up in its time, oldest first, and how it is driven on. Needs the system door. */

export type Left = { id: string; tenantId: string };

/** Commands that should have expired before `before`. */
export function unexpiredCommands(tx: Tx, before: Date, limit: number): Promise<Left[]> {
  return query(
    tx,
    sql`select id, tenant_id as "tenantId" from commands
      where status = 'pending' and expires_at <= ${before.toISOString()} order by expires_at limit ${limit}`,
  );
}

/** Nudges that the relay should have delivered before `before`. */
export function forgottenNudges(tx: Tx, before: Date, limit: number): Promise<Nudge[]> {
  return query(
    tx,
    sql`select workflow_id as "workflowId", tenant_id as "tenantId", kind, entity_id as "entityId", version, attempts
      from nudges where next_attempt_at <= ${before.toISOString()} order by next_attempt_at limit ${limit}`,
  );
}

/** How many events wait for their place in the feed since before `before`, up to `limit`. */
export async function unplacedEvents(tx: Tx, before: Date, limit: number): Promise<number> {
  const [row] = await query<{ count: number }>(
    tx,
    sql`select count(*)::int as count from (
      select from events where position is null and recorded_at < ${before.toISOString()} limit ${limit}) waiting`,
  );
  return row?.count ?? 0;
}

/** Test clocks that are to move, or to be cleared away. */
export function clocksAtWork(tx: Tx, afterId: string, limit: number): Promise<Left[]> {
  return query(
    tx,
    sql`select clock.id, clock.tenant_id as "tenantId" from test_clocks clock
      where clock.id > ${afterId} and (clock.status = 'advancing' or (clock.status = 'deleted' and exists (
        select from subscriptions sub where sub.tenant_id = clock.tenant_id and sub.test_clock_id = clock.id and sub.ended_at is null)))
      order by clock.id limit ${limit}`,
  );
}

/** Plan migrations that move subscribers, or still wait for those that they have begun to move. */
export function migrationsAtWork(tx: Tx, afterId: string, limit: number): Promise<Left[]> {
  return query(
    tx,
    sql`select migration.id, migration.tenant_id as "tenantId" from plan_migrations migration
      where migration.id > ${afterId} and (migration.status = 'running' or exists (
        select from plan_migration_subscribers subscriber
        where subscriber.migration_id = migration.id and subscriber.status = 'pending' and subscriber.command_id is not null))
      order by migration.id limit ${limit}`,
  );
}

/** Imports whose rows are being taken in. */
export function importsAtWork(tx: Tx, afterId: string, limit: number): Promise<Left[]> {
  return query(
    tx,
    sql`select id, tenant_id as "tenantId" from usage_imports
      where id > ${afterId} and status = 'running' order by id limit ${limit}`,
  );
}

export type StaleCallback = {
  connectionId: string;
  eventId: string;
  tenantId: string;
  attemptId: string;
  invoiceId: string;
  finished: boolean;
};

/**
 * Callbacks received before `before` that changed nothing yet, though we know their charge: the worker that was to ask
 * died, or the callback was quicker than the note of whose charge it is.
 */
export function staleCallbacks(tx: Tx, before: Date, limit: number): Promise<StaleCallback[]> {
  return query(
    tx,
    sql`select event.connection_id as "connectionId", event.event_id as "eventId", event.tenant_id as "tenantId",
        attempt.id as "attemptId", attempt.invoice_id as "invoiceId", attempt.finished_at is not null as finished
      from gateway_events event
      join gateway_connections connection on connection.id = event.connection_id
      join payment_attempts attempt on attempt.gateway = connection.gateway and attempt.gateway_ref = event.gateway_ref
        and attempt.tenant_id = event.tenant_id
      where event.status in ('received', 'unmatched') and event.received_at < ${before.toISOString()}
        and (attempt.finished_at is not null or attempt.next_check_at > ${before.toISOString()})
      order by event.received_at limit ${limit}`,
  );
}

/** Asks the gateway about the charge at once, or files the callback when its charge has ended meanwhile. */
export async function driveCallback(tx: Tx, stale: StaleCallback, now: Date): Promise<void> {
  const attempt = stale.finished ? null : await findRow(tx, PaymentAttemptSchema, { id: stale.attemptId });
  if (attempt) await checkAtOnce(tx, attempt, now);
  const status = attempt ? 'received' : 'ignored';
  await query(
    tx,
    sql`update gateway_events set status = ${status}, finished_at = ${attempt ? null : now.toISOString()}
      where connection_id = ${stale.connectionId} and event_id = ${stale.eventId} and status in ('received', 'unmatched')`,
  );
}
