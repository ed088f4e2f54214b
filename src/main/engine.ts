import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionInfo,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { Engine, Entity, Running } from '../../activities/engine.ts';
import { type Queue, recheckSignal, taskQueue, WORKFLOWS, workflowId } from '../../workflows/messages.ts';
import { clock } from '../platform/clock.ts';

const CALL_MS_MAX = 10_000;
const LIST_PAGE = 1_000;
/** A task that failed a few times fails because of the code, not because a worker went away in the middle of it. */
const FAILURES_MIN = 3;

const TENANT = defineSearchAttributeKey('BillingTenant', 'KEYWORD');
const NEXT_STEP = defineSearchAttributeKey('BillingNextStep', 'KEYWORD');
const NEXT_STEP_AT = defineSearchAttributeKey('BillingNextStepAt', 'DATETIME');

const INPUTS: Record<Entity['kind'], (entity: { tenantId: string; id: string }) => Record<string, string>> = {
  subscription: ({ tenantId, id }) => ({ tenantId, subscriptionId: id }),
  invoice: ({ tenantId, id }) => ({ tenantId, invoiceId: id }),
  testClock: ({ tenantId, id }) => ({ tenantId, clockId: id }),
  webhookEndpoint: ({ tenantId, id }) => ({ tenantId, endpointId: id }),
  migratePlan: ({ tenantId, id }) => ({ tenantId, migrationId: id }),
  importUsage: ({ tenantId, id }) => ({ tenantId, importId: id }),
};

/** Where the workflow of each kind runs. */
const QUEUES: Record<Entity['kind'], Queue> = {
  subscription: 'billing',
  invoice: 'billing',
  testClock: 'billing',
  webhookEndpoint: 'webhooks',
  migratePlan: 'bulk',
  importUsage: 'bulk',
};

/** Temporal as repairs and the relay see it. Every call has a deadline. */
export function engineOf(client: Client, taskQueuePrefix: string): Engine {
  const soon = <T>(work: () => Promise<T>): Promise<T> =>
    client.withDeadline(clock.now().getTime() + CALL_MS_MAX, work);
  const startOf = (entity: Entity) => ({
    workflowId: workflowId[entity.kind](entity.id),
    taskQueue: taskQueue(QUEUES[entity.kind], taskQueuePrefix),
    args: [INPUTS[entity.kind](entity)],
    typedSearchAttributes: [{ key: TENANT, value: entity.tenantId }],
  });
  return {
    async running(kind, ids) {
      const found = new Map<string, Running>();
      if (ids.length === 0) return found;
      const among = ids.map((id) => `'${workflowId[kind](id)}'`).join(', ');
      const query = `ExecutionStatus = 'Running' AND WorkflowId IN (${among})`;
      await soon(async () => {
        for await (const info of client.workflow.list({ query, pageSize: LIST_PAGE }))
          found.set(idOf(kind, info.workflowId), runningOf(info));
      });
      return found;
    },
    async *everyRunning(kind) {
      const query = `WorkflowType = '${WORKFLOWS[kind]}' AND ExecutionStatus = 'Running'`;
      let page = new Map<string, Running>();
      const list = client.workflow.list({ query, pageSize: LIST_PAGE })[Symbol.asyncIterator]();
      for (;;) {
        const { done, value: info } = await soon(() => list.next());
        if (done) break;
        page.set(idOf(kind, info.workflowId), runningOf(info));
        if (page.size < LIST_PAGE) continue;
        yield page;
        page = new Map();
      }
      yield page;
    },
    async look(kind, id) {
      try {
        const info = await soon(() => client.workflow.getHandle(workflowId[kind](id)).describe());
        if (info.status.name !== 'RUNNING') return null;
        const { pendingActivities, pendingWorkflowTask } = info.raw;
        const attempt = pendingWorkflowTask?.attempt ?? 0;
        const failures = attempt > FAILURES_MIN ? attempt - 1 : 0;
        const atWork = (pendingActivities ?? []).length > 0 || (pendingWorkflowTask ?? null) !== null;
        return { ...runningOf(info), failures, busy: atWork && failures === 0 };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      }
    },
    async start(entity) {
      try {
        await soon(() => client.workflow.start(WORKFLOWS[entity.kind], startOf(entity)));
        return true;
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
        throw error;
      }
    },
    async recheck({ kind, id, tenantId }, orStart) {
      if (orStart && tenantId !== null) {
        const start = startOf({ kind, id, tenantId });
        await soon(() =>
          client.workflow.signalWithStart(WORKFLOWS[kind], { ...start, signal: recheckSignal }),
        );
        return;
      }
      try {
        await soon(() => client.workflow.getHandle(workflowId[kind](id)).signal(recheckSignal));
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
  };
}

function idOf(kind: Entity['kind'], workflow: string): string {
  return workflow.slice(workflowId[kind]('').length);
}

function runningOf({
  typedSearchAttributes,
  startTime,
}: Pick<WorkflowExecutionInfo, 'typedSearchAttributes' | 'startTime'>): Running {
  return {
    step: typedSearchAttributes.get(NEXT_STEP) ?? null,
    atMs: typedSearchAttributes.get(NEXT_STEP_AT)?.getTime() ?? null,
    startedMs: startTime.getTime(),
  };
}
