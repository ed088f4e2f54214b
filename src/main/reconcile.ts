import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  type Connection,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type ScheduleSpec,
} from '@temporalio/client';
import { reconcile as reconcileRows } from '../../activities/reconcile.ts';
import { REPAIR_KINDS, type Repair } from '../../activities/repairs/repair.ts';
import { taskQueue, WORKFLOWS } from '../../workflows/messages.ts';
import type { Database } from '../persistence/doors.ts';
import { clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { registerSearchAttributes } from '../platform/temporal.ts';
import { engineOf } from './engine.ts';

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

const EVERY = '1 hour';
const LOOKED_AFTER_MS = 30_000;
const CALL_MS_MAX = 10_000;

type ScheduleOptions = {
  client: Client;
  connection: Connection;
  namespace: string;
  taskQueuePrefix: string;
  logger: Logger;
};

/**
 * Sees to it that reconciliation runs hourly, by a Schedule of Temporal, and once now. It goes on looking, because a
 * Temporal that was lost and began anew has neither the Schedule nor the search attributes, and then everything else is
 * lost there, too.
 */
export function keepReconciling(options: ScheduleOptions): AsyncDisposable {
  const stopping = new AbortController();
  const looking = look(options, stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await looking;
    },
  };
}

async function look(options: ScheduleOptions, signal: AbortSignal): Promise<void> {
  let triggered = false;
  while (!signal.aborted) {
    try {
      const isNew = await ensure(options);
      if (isNew || !triggered) await trigger(options);
      triggered = true;
    } catch (error) {
      if (!signal.aborted)
        options.logger.warn({ err: error }, 'the Schedule of reconcile could not be seen to');
    }
    await sleep(LOOKED_AFTER_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Answers whether the Schedule had to be made. */
async function ensure(options: ScheduleOptions): Promise<boolean> {
  const { client, taskQueuePrefix } = options;
  const action = {
    type: 'startWorkflow',
    workflowType: WORKFLOWS.reconcile,
    workflowId: scheduleId(taskQueuePrefix),
    taskQueue: taskQueue('billing', taskQueuePrefix),
    args: [],
  } as const;
  const spec: ScheduleSpec = { intervals: [{ every: EVERY }] };
  const policies = { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' } as const;
  const handle = client.schedule.getHandle(scheduleId(taskQueuePrefix));
  return client.withDeadline(clock.now().getTime() + CALL_MS_MAX, async () => {
    try {
      const known = await handle.describe();
      const same =
        known.action.taskQueue === action.taskQueue && known.action.workflowType === action.workflowType;
      if (!same) await handle.update((before) => ({ ...before, spec, policies, action }));
      return false;
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    }
    await registerAttributes(options);
    try {
      await client.schedule.create({ scheduleId: scheduleId(taskQueuePrefix), spec, policies, action });
      return true;
    } catch (error) {
      // Another worker was quicker, and triggers it.
      if (error instanceof ScheduleAlreadyRunning) return false;
      throw error;
    }
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

/** One that is under way may have passed what was lost since, or lost its worker: another one comes after it. */
async function trigger({ client, taskQueuePrefix }: ScheduleOptions): Promise<void> {
  const handle = client.schedule.getHandle(scheduleId(taskQueuePrefix));
  await client.withDeadline(clock.now().getTime() + CALL_MS_MAX, () =>
    handle.trigger(ScheduleOverlapPolicy.BUFFER_ONE),
  );
}

/** Also the beginning of the ids of its workflows. */
function scheduleId(taskQueuePrefix: string): string {
  return taskQueuePrefix === '' ? 'reconcile' : `${taskQueuePrefix}-reconcile`;
}
