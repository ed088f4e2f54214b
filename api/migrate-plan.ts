import type { PlanMigrationIn } from '../src/contract/plan-migrations.ts';
import { DomainError } from '../src/domain/errors.ts';
import type { MigrationFilter, PlanMigration } from '../src/domain/plan-migration.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { findCustomerByReference, findPlanByReference, found } from '../src/persistence/find-by-reference.ts';
import { databaseNow } from '../src/persistence/find-commands.ts';
import {
  countConcerned,
  findMigration,
  lockMigration,
  saveMigrationStatus,
  skipUntouched,
  tellWorkflow,
} from '../src/persistence/plan-migrations.ts';
import { findPlanAtVersion } from '../src/persistence/save-plans.ts';
import { newId } from '../src/platform/ids.ts';
import type { Call } from './route.ts';
import { invalid } from './validate.ts';

/** So many rows are written in the request's own transaction. */
const SUBSCRIBERS_MAX = 100_000;

/** A migration as it is asked for, with its references found. The plan is locked: no version is published meanwhile. */
export async function askedMigration(
  tx: Tx,
  { tenantId, params, body }: Call<{ id: string }, unknown, PlanMigrationIn>,
): Promise<PlanMigration> {
  const plan = await findPlanByReference(tx, params.id, { lock: !body.dry_run });
  const { id: planId } = found(plan?.kind === 'plan' ? plan : null, 'plan');
  const toVersion = await versionOf(tx, planId, body.to_version ?? null, 'to_version');
  if (body.from_version !== null) await versionOf(tx, planId, body.from_version, 'from_version');
  if (body.from_version === toVersion) {
    const message = `They are at version ${toVersion} already; name another one.`;
    throw invalid([{ path: 'from_version', code: 'same_version', message }]);
  }
  const filter = await filterOf(tx, body);
  const now = await databaseNow(tx);
  const named = body.effective === 'now' || body.effective === 'period_end' ? body.effective : null;
  return {
    id: newId('mig'),
    tenantId,
    planId,
    fromVersion: body.from_version,
    toVersion,
    filter,
    effective: named ?? 'at',
    effectiveAt: named ? null : new Date(body.effective),
    proration: body.proration ?? null,
    anchor: body.anchor ?? null,
    replacesScheduled: body.replace_scheduled,
    status: 'running',
    createdAt: now,
    updatedAt: now,
    finishedAt: null,
  };
}

async function versionOf(tx: Tx, planId: string, version: number | null, path: string): Promise<number> {
  const plan = found(await findPlanByReference(tx, planId), 'plan');
  const at = await findPlanAtVersion(tx, plan, version);
  if (at) return at.version.version;
  const message = `The plan has no version ${version}; leave it out, or name one that it has.`;
  throw invalid([{ path, code: 'not_found', message }]);
}

async function filterOf(tx: Tx, { filter = {} }: PlanMigrationIn): Promise<MigrationFilter> {
  const { status, customer: reference, currency, started_before: startedBefore } = filter;
  const customer = reference === undefined ? null : await findCustomerByReference(tx, reference);
  if (reference !== undefined && !customer) {
    const message = 'There is no such customer; look whether the id is right.';
    throw invalid([{ path: 'filter.customer', code: 'not_found', message }]);
  }
  return {
    status: status ?? null,
    customer: customer?.id ?? null,
    currency: currency ?? null,
    started_before: startedBefore ?? null,
  };
}

/** How many subscribers it is for. Throws `validation_failed` for more than one migration takes. */
export async function countWithin(tx: Tx, migration: PlanMigration): Promise<number> {
  const count = await countConcerned(tx, migration);
  if (count <= SUBSCRIBERS_MAX) return count;
  const message = `${count} subscribers are more than the ${SUBSCRIBERS_MAX} of one migration; narrow the filter and migrate in parts.`;
  throw invalid([{ path: 'filter', code: 'too_many_subscribers', message }]);
}

export type Steer = 'pause' | 'resume' | 'cancel';

const STEERED = { pause: 'paused', resume: 'running', cancel: 'canceled' } as const;

/**
 * Stops a migration, lets it go on, or ends it, and owes its workflow the news. What it was told before is no error.
 * Moves that are under way come to their end; of a canceled migration nobody else is moved.
 */
export async function steerMigration(
  tx: Tx,
  id: string,
  steer: Steer,
): Promise<{ migration: PlanMigration; isNews: boolean }> {
  const migration = found(await lockMigration(tx, id), 'plan migration');
  const status = STEERED[steer];
  if (migration.status === status) return { migration, isNews: false };
  if (migration.status === 'completed' || migration.status === 'canceled')
    throw new DomainError(
      'plan_migration_over',
      `The migration is ${migration.status}, and that is final; start another one for those who are left.`,
      { status: migration.status },
    );
  const now = await databaseNow(tx);
  if (steer === 'cancel') await skipUntouched(tx, migration.id, now);
  const steered = await saveMigrationStatus(tx, migration, status, now);
  await tellWorkflow(tx, steered, now);
  return { migration: steered, isNews: true };
}

export async function migrationOf(tx: Tx, id: string): Promise<PlanMigration> {
  return found(await findMigration(tx, id), 'plan migration');
}
