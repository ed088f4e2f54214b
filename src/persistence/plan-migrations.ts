import { EntitySchema } from '@mikro-orm/core';
import { type RawBuilder, sql } from 'kysely';
import { DomainError } from '../domain/errors.ts';
import type { EventType } from '../domain/event.ts';
import { isId } from '../domain/ids.ts';
import {
  type MigrationSubscriber,
  type PlanMigration,
  SUBSCRIBER_STATUSES,
  type SubscriberStatus,
} from '../domain/plan-migration.ts';
import {
  flag,
  id,
  instant,
  integer,
  json,
  optionalInstant,
  optionalInteger,
  optionalText,
  text,
} from './columns.ts';
import type { Tx } from './doors.ts';
import { type Cause, recordEvents } from './events.ts';
import { nudge } from './nudges.ts';
import { findRow, insertRow, lockRow, query, selectRows, updateRows } from './rows.ts';
import { isTaken } from './trouble.ts';

export type MigrationEvent = Extract<EventType, `plan_migration.${string}`>;

export const PlanMigrationSchema = new EntitySchema<PlanMigration>({
  name: 'PlanMigration',
  tableName: 'plan_migrations',
  properties: {
    id,
    tenantId: text,
    planId: text,
    fromVersion: optionalInteger,
    toVersion: integer,
    filter: json,
    effective: text,
    effectiveAt: optionalInstant,
    proration: optionalText,
    anchor: optionalText,
    replacesScheduled: flag,
    status: text,
    createdAt: instant,
    updatedAt: instant,
    finishedAt: optionalInstant,
  },
});

export const MigrationSubscriberSchema = new EntitySchema<MigrationSubscriber>({
  name: 'MigrationSubscriber',
  tableName: 'plan_migration_subscribers',
  properties: {
    migrationId: { type: 'text', primary: true },
    subscriptionId: { type: 'text', primary: true },
    tenantId: text,
    fromVersion: integer,
    status: text,
    reason: optionalText,
    message: optionalText,
    commandId: optionalText,
    tries: integer,
    againAt: optionalInstant,
    finishedAt: optionalInstant,
  },
});

/**
 * Writes a migration with a row for each subscriber it is for, in one statement however many there are, and owes its
 * workflow the news. Throws `plan_migration_running` when another one of the plan is not over.
 */
export async function insertMigration(tx: Tx, migration: PlanMigration): Promise<void> {
  try {
    await insertRow(tx, PlanMigrationSchema, migration);
  } catch (error) {
    if (isTaken(error, 'plan_migrations_one_at_a_time')) throw runsAlready();
    throw error;
  }
  await query(
    tx,
    sql`insert into plan_migration_subscribers (migration_id, subscription_id, tenant_id, from_version, status)
      select ${migration.id}, sub.id, sub.tenant_id, sub.plan_version, 'pending' from subscriptions sub where ${concerned(migration)}`,
  );
  await tellWorkflow(tx, migration, migration.createdAt);
}

/** Throws `plan_migration_running` when a migration of the plan is not over. */
export async function assertNoneRuns(tx: Tx, planId: string): Promise<void> {
  if (await findRow(tx, PlanMigrationSchema, { planId, status: { $in: ['running', 'paused'] } }))
    throw runsAlready();
}

function runsAlready(): DomainError {
  return new DomainError(
    'plan_migration_running',
    'Another migration of this plan is not over; wait until it is completed, or cancel it.',
  );
}

/** How many subscribers a migration would be for. */
export async function countConcerned(tx: Tx, migration: PlanMigration): Promise<number> {
  const [row] = await query<{ count: number }>(
    tx,
    sql`select count(*)::int as count from subscriptions sub where ${concerned(migration)}`,
  );
  return row?.count ?? 0;
}

/** The ids of those it would be for, from above `afterId`, in their order. */
export async function concernedAfter(
  tx: Tx,
  migration: PlanMigration,
  afterId: string,
  limit: number,
): Promise<string[]> {
  const rows = await query<{ id: string }>(
    tx,
    sql`select sub.id from subscriptions sub where ${concerned(migration)} and sub.id > ${afterId} order by sub.id limit ${limit}`,
  );
  return rows.map((row) => row.id);
}

/** Of subscriptions `sub`: whether the migration is for it. */
function concerned({ tenantId, planId, fromVersion, toVersion, filter }: PlanMigration): RawBuilder<unknown> {
  const { status, customer, currency, started_before: startedBefore } = filter;
  const conditions = [
    sql`sub.tenant_id = ${tenantId} and sub.plan_id = ${planId} and sub.ended_at is null`,
    fromVersion === null ? sql`sub.plan_version < ${toVersion}` : sql`sub.plan_version = ${fromVersion}`,
    ...(status === null ? [] : [sql`sub.status = any(${status}::text[])`]),
    ...(customer === null ? [] : [sql`sub.customer_id = ${customer}`]),
    ...(currency === null ? [] : [sql`sub.currency = ${currency}`]),
    ...(startedBefore === null ? [] : [sql`coalesce(sub.started_at, sub.starts_at) < ${startedBefore}`]),
  ];
  return sql.join(conditions, sql` and `);
}

export function findMigration(tx: Tx, id: string): Promise<PlanMigration | null> {
  return isId('mig', id) ? findRow(tx, PlanMigrationSchema, { id }) : Promise.resolve(null);
}

export function lockMigration(tx: Tx, id: string): Promise<PlanMigration | null> {
  return isId('mig', id) ? lockRow(tx, PlanMigrationSchema, { id }) : Promise.resolve(null);
}

/** Writes a new status of a migration that the caller has locked. */
export async function saveMigrationStatus(
  tx: Tx,
  migration: PlanMigration,
  status: PlanMigration['status'],
  now: Date,
): Promise<PlanMigration> {
  const isOver = status === 'completed' || status === 'canceled';
  const changes = { status, updatedAt: now, finishedAt: isOver ? now : null };
  await updateRows(tx, PlanMigrationSchema, { id: migration.id }, changes);
  return { ...migration, ...changes };
}

/** Owes the workflow of a migration a look at its row. */
export function tellWorkflow(
  tx: Tx,
  { id: entityId, tenantId }: Pick<PlanMigration, 'id' | 'tenantId'>,
  notBefore: Date,
): Promise<void> {
  return nudge(tx, { tenantId, kind: 'plan_migration', entityId, notBefore });
}

/** Tells the world of a migration that the caller has locked, or just made; `object` is how it looks on the wire. */
export async function tellOfMigration(
  tx: Tx,
  cause: Cause,
  type: MigrationEvent,
  { id: objectId, tenantId, updatedAt: createdAt }: PlanMigration,
  object: Record<string, unknown>,
): Promise<void> {
  await recordEvents(tx, tenantId, cause, [
    { type, objectType: 'plan_migration', objectId, data: { object }, createdAt },
  ]);
}

/** Those of a canceled migration that nobody has begun to move stay where they are. */
export async function skipUntouched(tx: Tx, migrationId: string, now: Date): Promise<void> {
  await query(
    tx,
    sql`update plan_migration_subscribers set status = 'skipped', reason = 'migration_canceled',
        message = 'The migration was canceled before it came to this subscription.', finished_at = ${now.toISOString()}, again_at = null
      where migration_id = ${migrationId} and status = 'pending' and command_id is null`,
  );
}

export type SubscriberCounts = Record<SubscriberStatus, number>;

/** How many subscribers of each migration have come to which outcome. */
export async function countsOf(
  tx: Tx,
  migrationIds: readonly string[],
): Promise<Map<string, SubscriberCounts>> {
  const rows = await query<{ id: string; status: SubscriberStatus; count: number }>(
    tx,
    sql`select migration_id as id, status, count(*)::int as count from plan_migration_subscribers
      where migration_id = any(${[...migrationIds]}::text[]) group by migration_id, status`,
  );
  const none = () => Object.fromEntries(SUBSCRIBER_STATUSES.map((status) => [status, 0])) as SubscriberCounts;
  const counts = new Map(migrationIds.map((id) => [id, none()]));
  for (const { id, status, count } of rows) {
    const own = counts.get(id);
    if (own) own[status] = count;
  }
  return counts;
}

/** A page of a migration's subscribers in the order of their ids, the oldest subscription first. */
export async function subscribersAfter(
  tx: Tx,
  migrationId: string,
  { status, afterId, limit }: { status: SubscriberStatus | null; afterId: string | null; limit: number },
): Promise<{ rows: MigrationSubscriber[]; hasMore: boolean }> {
  const ofStatus = status === null ? sql`true` : sql`status = ${status}`;
  const rows = await selectRows(
    tx,
    MigrationSubscriberSchema,
    sql`migration_id = ${migrationId} and ${ofStatus} and subscription_id > ${afterId ?? ''}
      order by subscription_id limit ${limit + 1}`,
  );
  return { rows: rows.slice(0, limit), hasMore: rows.length > limit };
}
