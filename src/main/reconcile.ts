import type { Client } from '@temporalio/client';
import { reconcile as reconcileRows } from '../../activities/reconcile.ts';
import { REPAIR_KINDS, type Repair } from '../../activities/repairs/repair.ts';
import { WORKFLOWS } from '../../workflows/messages.ts';
import type { Database } from '../persistence/doors.ts';
import { clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { registerSearchAttributes } from '../platform/temporal.ts';
import { engineOf } from './engine.ts';
import { keepSchedule, type ScheduleOptions } from './keep-schedule.ts';

export type { Repair } from '../../activities/repairs/repair.ts';

/**
 * Reconciles from outside a worker, for operators: yields each repair once it was made, or in a dry run what would be
 * made. Throws when the database or Temporal is away.
 */
export function reconcile(
  {
    database,
    client,
    taskQueuePrefix = '',
  }: { database: Database; client: Client; taskQueuePrefix?: string },
  { dryRun }: { dryRun: boolean },
): AsyncGenerator<Repair> {
  const deps = { database, engine: engineOf(client, taskQueuePrefix), now: clock.now };
  return reconcileRows(deps, { dryRun });
}

/** What the worker's activity does with each repair: whoever runs this wants to know that something was out of order. */
export function noteRepair(logger: Logger, metrics: Metrics): (repair: Repair) => void {
  // A counter that begins at 1 has not increased, as far as an alert can see.
  for (const kind of REPAIR_KINDS) metrics.repairs.inc({ kind }, 0);
  return ({ kind, id, tenantId, sentence }) => {
    metrics.repairs.inc({ kind });
    logger.warn({ kind, id, tenantId }, sentence);
  };
}

/**
 * Sees to it that reconciliation runs hourly, by a Schedule of Temporal, and once now. In a Temporal that was lost and
 * began anew the search attributes are missing with the Schedule, and then everything else is lost there, too.
 */
export function keepReconciling(options: ScheduleOptions): AsyncDisposable {
  return keepSchedule(options, {
    workflowType: WORKFLOWS.reconcile,
    every: '1 hour',
    beforeMaking: registerAttributes,
  });
}

/** Without them every workflow stops at its first step, so a refusal says what somebody has to do. */
async function registerAttributes({ connection, namespace, logger }: ScheduleOptions): Promise<void> {
  try {
    await registerSearchAttributes(connection, namespace);
  } catch (error) {
    logger.error({ err: error }, 'the search attributes could not be registered');
  }
}
