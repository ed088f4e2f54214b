import { z } from 'zod';
import { ANCHORS, PRORATIONS } from '../domain/change.ts';
import {
  type MigrationSubscriber,
  PLAN_MIGRATION_STATUSES,
  type PlanMigration,
  SUBSCRIBER_STATUSES,
  type SubscriberStatus,
} from '../domain/plan-migration.ts';
import { isEnded, SUBSCRIPTION_STATUSES } from '../domain/subscription.ts';
import {
  currencyIn,
  idOut,
  instantIn,
  instantOut,
  listQuery,
  presentInstant,
  presentOptionalInstant,
  reference,
} from './common.ts';
import { previewOut } from './previews.ts';

/** Moving the subscribers of a plan to another version of it. */

const LIVE = SUBSCRIPTION_STATUSES.filter((status) => !isEnded(status));

const filterIn = z
  .strictObject({
    status: z.array(z.enum(LIVE)).min(1).max(LIVE.length).optional(),
    customer: reference('cus', 'customer').optional(),
    currency: currencyIn.optional(),
    started_before: instantIn.optional().meta({ description: 'Those that began before it.' }),
  })
  .meta({ description: 'Which subscribers; all that have not ended when absent. All conditions hold.' });

export const planMigrationCreate = z
  .strictObject({
    from_version: z
      .int('Write the number of a version.')
      .min(1)
      .nullable()
      .default(null)
      .meta({ description: 'The version that is left; all older ones when absent.' }),
    to_version: z
      .int('Write the number of a version.')
      .min(1)
      .optional()
      .meta({ description: 'The version they move to; the one that is sold when absent.' }),
    filter: filterIn.optional(),
    effective: z
      .union(
        [z.enum(['now', 'period_end']), instantIn],
        'Write "now", "period_end" or an instant (RFC 3339).',
      )
      .default('period_end')
      .meta({
        description:
          'When each of them is moved. At the end of their periods nothing has to be given back, so that is what happens when absent.',
        examples: ['period_end', 'now', '2027-03-01T00:00:00Z'],
      }),
    proration: z.enum(PRORATIONS).optional().meta({ description: 'As for a change.' }),
    anchor: z.enum(ANCHORS).optional().meta({ description: 'As for a change.' }),
    replace_scheduled: z.boolean().default(false).meta({
      description:
        'Whether subscribers are moved for whom a change is scheduled, which would then not take place; refused for them otherwise.',
    }),
    dry_run: z
      .boolean()
      .default(false)
      .meta({ description: 'Says what would happen to whom, and stores nothing.' }),
  })
  .meta({
    id: 'PlanMigrationCreate',
    examples: [
      { dry_run: true },
      { from_version: 1, to_version: 2, filter: { currency: 'EUR' }, effective: 'now', proration: 'none' },
    ],
  });
export type PlanMigrationIn = z.output<typeof planMigrationCreate>;

const counts = z.int().min(0);
const countsOut = z
  .object({
    total: counts,
    pending: counts.meta({ description: 'Their turn has not come, or they are being moved.' }),
    applied: counts,
    scheduled: counts.meta({ description: 'They are moved at the instant that they wait for.' }),
    refused: counts.meta({ description: 'They may not be moved as they are; each has its reason.' }),
    skipped: counts.meta({ description: 'There was nothing to do for them.' }),
    failed: counts.meta({ description: 'They could not be moved, and another migration may try again.' }),
  })
  .meta({ description: 'How many subscribers have come to which outcome.' });

const termsOut = {
  plan: idOut('plan'),
  from_version: z.int().nullable(),
  to_version: z.int(),
  filter: z.object({
    status: z.array(z.enum(SUBSCRIPTION_STATUSES)).nullable(),
    customer: z.string().nullable(),
    currency: z.string().nullable(),
    started_before: instantOut.nullable(),
  }),
  effective: z.string().meta({ description: '`now`, `period_end` or an instant.' }),
  proration: z.enum(PRORATIONS).nullable(),
  anchor: z.enum(ANCHORS).nullable(),
  replace_scheduled: z.boolean(),
};

export const planMigrationOut = z
  .object({
    object: z.literal('plan_migration'),
    id: idOut('mig'),
    ...termsOut,
    status: z.enum(PLAN_MIGRATION_STATUSES),
    counts: countsOut,
    created_at: instantOut,
    updated_at: instantOut,
    finished_at: instantOut.nullable(),
  })
  .meta({ id: 'PlanMigration' });

const reason = z.string().nullable().meta({ description: 'A code; null where there is nothing to say.' });
const message = z.string().nullable().meta({ description: 'The same as a sentence.' });

export const migrationSubscriberOut = z
  .object({
    object: z.literal('plan_migration_subscription'),
    subscription: idOut('sub'),
    from_version: z.int(),
    status: z.enum(SUBSCRIBER_STATUSES),
    reason,
    message,
    command: idOut('cmd').nullable().meta({ description: 'What moved it; events name it as their cause.' }),
    finished_at: instantOut.nullable(),
  })
  .meta({ id: 'PlanMigrationSubscription' });

export const DRY_RUN_OUTCOMES = ['applied', 'scheduled', 'refused', 'skipped'] as const;

export const planMigrationDryRunOut = z
  .object({
    object: z.literal('plan_migration_dry_run'),
    ...termsOut,
    total: counts.meta({ description: 'How many subscribers it would be for.' }),
    examined: counts.meta({ description: 'Of how many it was asked what would happen, the oldest first.' }),
    outcomes: z.object({ applied: counts, scheduled: counts, refused: counts, skipped: counts }),
    reasons: z
      .record(z.string(), counts)
      .meta({ description: 'How often each reason was given for a refusal or for nothing to do.' }),
    subscriptions: z
      .array(
        z.object({
          subscription: idOut('sub'),
          outcome: z.enum(DRY_RUN_OUTCOMES),
          reason,
          message,
          preview: previewOut.nullable().meta({ description: 'For the first 20 that would be moved.' }),
        }),
      )
      .meta({ description: 'One by one; at most 1,000, first those that would be refused.' }),
  })
  .meta({ id: 'PlanMigrationDryRun', description: 'What a migration would do. Nothing is stored.' });

export const migrationListQuery = z.strictObject({
  ...listQuery,
  plan: reference('plan', 'plan').optional(),
  status: z.enum(PLAN_MIGRATION_STATUSES).optional(),
});

export const subscriberListQuery = z.strictObject({
  limit: listQuery.limit,
  cursor: listQuery.cursor,
  status: z.enum(SUBSCRIBER_STATUSES).optional(),
});

/** What was asked for, in the words of the request. */
export function presentTerms(migration: PlanMigration) {
  const { planId, fromVersion, toVersion, filter, effective, effectiveAt } = migration;
  return {
    plan: planId,
    from_version: fromVersion,
    to_version: toVersion,
    filter,
    effective: effectiveAt ? presentInstant(effectiveAt) : effective,
    proration: migration.proration,
    anchor: migration.anchor,
    replace_scheduled: migration.replacesScheduled,
  };
}

/** A migration with its progress. */
export function presentPlanMigration(
  migration: PlanMigration,
  byStatus: Record<SubscriberStatus, number>,
): z.infer<typeof planMigrationOut> {
  const total = Object.values(byStatus).reduce((sum, count) => sum + count, 0);
  return {
    object: 'plan_migration',
    id: migration.id,
    ...presentTerms(migration),
    status: migration.status,
    counts: { total, ...byStatus },
    created_at: presentInstant(migration.createdAt),
    updated_at: presentInstant(migration.updatedAt),
    finished_at: presentOptionalInstant(migration.finishedAt),
  };
}

/** One line of a migration's report. */
export function presentMigrationSubscriber(row: MigrationSubscriber): z.infer<typeof migrationSubscriberOut> {
  return {
    object: 'plan_migration_subscription',
    subscription: row.subscriptionId,
    from_version: row.fromVersion,
    status: row.status,
    reason: row.reason,
    message: row.message,
    command: row.commandId,
    finished_at: presentOptionalInstant(row.finishedAt),
  };
}
