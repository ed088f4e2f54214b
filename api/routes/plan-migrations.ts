import { z } from 'zod';
import { listOf, pathId } from '../../src/contract/common.ts';
import {
  migrationListQuery,
  migrationSubscriberOut,
  planMigrationCreate,
  planMigrationDryRunOut,
  planMigrationOut,
  presentMigrationSubscriber,
  presentPlanMigration,
  subscriberListQuery,
} from '../../src/contract/plan-migrations.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import type { PlanMigration } from '../../src/domain/plan-migration.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import type { Cause } from '../../src/persistence/events.ts';
import { findPlanByReference, found } from '../../src/persistence/find-by-reference.ts';
import {
  assertNoneRuns,
  countsOf,
  insertMigration,
  type MigrationEvent,
  PlanMigrationSchema,
  subscribersAfter,
  tellOfMigration,
} from '../../src/persistence/plan-migrations.ts';
import { dryRun } from '../dry-run-migration.ts';
import { cursorOf, idOf, listRows, pageOf, presentList } from '../list.ts';
import { askedMigration, countWithin, migrationOf, type Steer, steerMigration } from '../migrate-plan.ts';
import { type Route, route } from '../route.ts';

const described = { tag: 'Plans', auth: 'tenant' } as const;

const create = route({
  ...described,
  method: 'post',
  path: '/v1/plans/{id}/migrations',
  operationId: 'createPlanMigration',
  summary: 'Move subscribers to another version of a plan',
  description:
    'Each subscriber is moved exactly once, by a change of his own, with the quantities he has; prices agreed with one subscription stay. The answer comes at once, and the migration tells its progress. One that cannot be moved does not keep the others. With `dry_run` it says what would happen to whom. One migration of a plan at a time, for at most 100,000 subscribers.',
  scope: 'subscriptions:write',
  params: pathId,
  body: planMigrationCreate,
  response: {
    description: 'The migration, running; of a dry run what it would do.',
    schema: z.union([planMigrationOut, planMigrationDryRunOut]),
  },
  errors: ['not_found', 'plan_migration_running'],
  kind: 'write',
  async handler(tx, call) {
    const migration = await askedMigration(tx, call);
    if (call.body.dry_run) return dryRun(tx, call, migration);
    await assertNoneRuns(tx, migration.planId);
    await countWithin(tx, migration);
    await insertMigration(tx, migration);
    return told(tx, call.cause, 'plan_migration.started', migration);
  },
});

const list = route({
  ...described,
  method: 'get',
  path: '/v1/plan_migrations',
  operationId: 'listPlanMigrations',
  summary: 'List plan migrations',
  description: 'Newest first.',
  query: migrationListQuery,
  response: { description: 'A page of migrations.', schema: listOf(planMigrationOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const plan = query.plan === undefined ? null : await findPlanByReference(tx, query.plan);
    const filters = {
      tenantId,
      ...(query.plan === undefined ? {} : { planId: plan?.id ?? '' }),
      ...(query.status === undefined ? {} : { status: query.status }),
    };
    const page = await listRows(tx, PlanMigrationSchema, filters, pageOf(query));
    const ids = page.rows.map(({ id }) => id);
    const counts = await countsOf(tx, ids);
    return presentList(page, (row) => presentPlanMigration(row, found(counts.get(row.id) ?? null, 'count')));
  },
});

const get = route({
  ...described,
  method: 'get',
  path: '/v1/plan_migrations/{id}',
  operationId: 'getPlanMigration',
  summary: 'Get a plan migration',
  description: 'With its progress: how many subscribers have come to which outcome.',
  params: pathId,
  response: { description: 'The migration.', schema: planMigrationOut },
  errors: ['not_found'],
  kind: 'read',
  handler: async (tx, { params }) => show(tx, await migrationOf(tx, params.id)),
});

const subscriptions = route({
  ...described,
  method: 'get',
  path: '/v1/plan_migrations/{id}/subscriptions',
  operationId: 'listPlanMigrationSubscriptions',
  summary: 'What became of each subscriber',
  description: 'In the order in which they are moved, the oldest subscription first.',
  params: pathId,
  query: subscriberListQuery,
  response: { description: 'A page of the report.', schema: listOf(migrationSubscriberOut) },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params, query }) {
    const { id } = await migrationOf(tx, params.id);
    const { rows, hasMore } = await subscribersAfter(tx, id, {
      status: query.status ?? null,
      afterId: query.cursor === undefined ? null : idOf(query.cursor),
      limit: query.limit,
    });
    const last = rows.at(-1);
    return {
      object: 'list' as const,
      data: rows.map(presentMigrationSubscriber),
      has_more: hasMore,
      next_cursor: hasMore && last ? cursorOf(last.subscriptionId) : null,
    };
  },
});

const STEERED_EVENTS = {
  pause: 'plan_migration.paused',
  resume: 'plan_migration.resumed',
  cancel: 'plan_migration.canceled',
} as const;

const steering = (steer: Steer, operationId: string, summary: string, description: string) =>
  route({
    ...described,
    method: 'post',
    path: `/v1/plan_migrations/{id}/${steer}`,
    operationId,
    summary,
    description,
    scope: 'subscriptions:write',
    params: pathId,
    body: emptyBody,
    response: { description: 'The migration.', schema: planMigrationOut },
    errors: ['not_found', 'plan_migration_over'],
    kind: 'write',
    async handler(tx, { params, cause }) {
      const { migration, isNews } = await steerMigration(tx, params.id, steer);
      return isNews ? told(tx, cause, STEERED_EVENTS[steer], migration) : show(tx, migration);
    },
  });

const pause = steering(
  'pause',
  'pausePlanMigration',
  'Pause a plan migration',
  'Nobody else is moved until it is resumed; moves that are under way come to their end.',
);
const resume = steering(
  'resume',
  'resumePlanMigration',
  'Resume a plan migration',
  'It goes on where it was.',
);
const cancel = steering(
  'cancel',
  'cancelPlanMigration',
  'Cancel a plan migration',
  'Whose turn had not come stays where he is. Who was moved stays moved.',
);

async function show(tx: Tx, migration: PlanMigration) {
  const counts = await countsOf(tx, [migration.id]);
  return presentPlanMigration(migration, found(counts.get(migration.id) ?? null, 'count'));
}

/** What happened to it, for the world and for whoever asked. */
async function told(tx: Tx, cause: Cause, type: MigrationEvent, migration: PlanMigration) {
  const shown = await show(tx, migration);
  await tellOfMigration(tx, cause, type, migration, shown);
  return shown;
}

export const planMigrationRoutes: Route[] = [create, list, get, subscriptions, pause, resume, cancel];
