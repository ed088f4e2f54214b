import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  type Connection,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type ScheduleSpec,
} from '@temporalio/client';
import { taskQueue } from '../../workflows/messages.ts';
import { clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';

const LOOKED_AFTER_MS = 30_000;
const CALL_MS_MAX = 10_000;

export type ScheduleOptions = {
  client: Client;
  connection: Connection;
  namespace: string;
  taskQueuePrefix: string;
  logger: Logger;
};

/** A workflow without arguments on the queue `billing` that runs again and again. */
export type Scheduled = {
  workflowType: string;
  every: '5 minutes' | '1 hour' | '1 day';
  /** Done before the Schedule is made; it is missing in a Temporal that was lost and began anew. */
  beforeMaking?: (options: ScheduleOptions) => Promise<void>;
};

/**
 * Sees to it that a workflow runs by a Schedule of Temporal of the same name, and once now. It goes on looking, because
 * a Temporal that was lost and began anew does not have the Schedule.
 */
export function keepSchedule(options: ScheduleOptions, scheduled: Scheduled): AsyncDisposable {
  const stopping = new AbortController();
  const looking = look(options, scheduled, stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await looking;
    },
  };
}

async function look(options: ScheduleOptions, scheduled: Scheduled, signal: AbortSignal): Promise<void> {
  let triggered = false;
  while (!signal.aborted) {
    try {
      const isNew = await ensure(options, scheduled);
      if (isNew || !triggered) await trigger(options, scheduled);
      triggered = true;
    } catch (error) {
      if (!signal.aborted)
        options.logger.warn({ err: error }, `the Schedule of ${scheduled.workflowType} could not be seen to`);
    }
    await sleep(LOOKED_AFTER_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Answers whether the Schedule had to be made. */
async function ensure(options: ScheduleOptions, scheduled: Scheduled): Promise<boolean> {
  const { client, taskQueuePrefix } = options;
  const scheduleId = idOf(options, scheduled);
  const action = {
    type: 'startWorkflow',
    workflowType: scheduled.workflowType,
    workflowId: scheduleId,
    taskQueue: taskQueue('billing', taskQueuePrefix),
    args: [],
  } as const;
  const spec: ScheduleSpec = { intervals: [{ every: scheduled.every }] };
  const policies = { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' } as const;
  const handle = client.schedule.getHandle(scheduleId);
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
    await scheduled.beforeMaking?.(options);
    try {
      await client.schedule.create({ scheduleId, spec, policies, action });
      return true;
    } catch (error) {
      // Another worker was quicker, and triggers it.
      if (error instanceof ScheduleAlreadyRunning) return false;
      throw error;
    }
  });
}

/** One that is under way may have passed what was lost since, or lost its worker: another one comes after it. */
async function trigger(options: ScheduleOptions, scheduled: Scheduled): Promise<void> {
  const handle = options.client.schedule.getHandle(idOf(options, scheduled));
  await options.client.withDeadline(clock.now().getTime() + CALL_MS_MAX, () =>
    handle.trigger(ScheduleOverlapPolicy.BUFFER_ONE),
  );
}

/** Also the beginning of the ids of its workflows. */
function idOf({ taskQueuePrefix }: ScheduleOptions, { workflowType }: Scheduled): string {
  return taskQueuePrefix === '' ? workflowType : `${taskQueuePrefix}-${workflowType}`;
}
