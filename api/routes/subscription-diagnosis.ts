import { WorkflowNotFoundError } from '@temporalio/client';
import { z } from 'zod';
import { listOf, listQuery, pathId } from '../../src/contract/common.ts';
import { eventOut, presentEvent } from '../../src/contract/events.ts';
import { subscriptionWorkflowOut } from '../../src/contract/workflows.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { findSubscriptionByReference, found } from '../../src/persistence/find-by-reference.ts';
import { timelineOf } from '../../src/persistence/list-subscriptions.ts';
import { clock } from '../../src/platform/clock.ts';
import { type WaitingFor, waitingForQuery, workflowId } from '../../workflows/messages.ts';
import type { ApiDeps } from '../deps.ts';
import { pageOf, presentList } from '../list.ts';
import { type Route, rawRoute, route } from '../route.ts';
import { isAway } from '../send-command.ts';

const QUERY_TIMEOUT_MS = 5_000;

const timeline = route({
  method: 'get',
  path: '/v1/subscriptions/{id}/timeline',
  operationId: 'getSubscriptionTimeline',
  summary: "Read a subscription's life",
  description: 'Every event of the subscription, its invoices and their payments, oldest first.',
  tag: 'Subscriptions',
  auth: 'tenant',
  params: pathId,
  query: z.strictObject({ limit: listQuery.limit, cursor: listQuery.cursor }),
  response: { description: 'A page of events.', schema: listOf(eventOut) },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params, query }) {
    const subscription = found(await findSubscriptionByReference(tx, params.id), 'subscription');
    const { beforeId, limit } = pageOf(query);
    return presentList(await timelineOf(tx, subscription.id, { afterId: beforeId, limit }), presentEvent);
  },
});

const workflow = rawRoute({
  method: 'get',
  path: '/v1/subscriptions/{id}/workflow',
  operationId: 'getSubscriptionWorkflow',
  summary: 'Ask the workflow what it waits for',
  description:
    'For diagnosis: what it waits for and until when, which run it is, and where to see it in the Temporal UI.',
  tag: 'Subscriptions',
  auth: 'tenant',
  params: pathId,
  response: {
    description: 'What the workflow says.',
    schema: subscriptionWorkflowOut,
    contentType: 'application/json',
  },
  errors: ['not_found', 'engine_busy'],
  async handler({ deps, tenantId, params }) {
    const row = await deps.database.withTenant(tenantId, (tx) => findSubscriptionByReference(tx, params.id));
    const { id } = found(row, 'subscription');
    const said = await ask(deps, workflowId.subscription(id));
    return { status: 200, contentType: 'application/json', body: JSON.stringify(present(deps, id, said)) };
  },
});

export const subscriptionDiagnosisRoutes: Route[] = [timeline, workflow];

/** What the workflow answers; null when there is none. */
async function ask(deps: ApiDeps, id: string): Promise<WaitingFor | null> {
  try {
    return await deps.temporal.withDeadline(clock.now().getTime() + QUERY_TIMEOUT_MS, () =>
      deps.temporal.workflow.getHandle(id).query(waitingForQuery),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    if (!isAway(error)) throw error;
    throw new DomainError(
      'engine_busy',
      'The workflow does not answer right now: Temporal or the workers are away. The subscription itself can still be read.',
    );
  }
}

function present(
  deps: ApiDeps,
  subscriptionId: string,
  said: WaitingFor | null,
): z.infer<typeof subscriptionWorkflowOut> {
  const id = workflowId.subscription(subscriptionId);
  const page = `${deps.temporalUiUrl}/namespaces/${deps.temporalNamespace}/workflows/${encodeURIComponent(id)}`;
  return {
    object: 'subscription_workflow',
    subscription: subscriptionId,
    workflow_id: id,
    run_id: said?.runId ?? null,
    waiting_for: said?.waitingFor ?? null,
    until: said?.until ?? null,
    commands_waiting: said?.commandsWaiting ?? 0,
    state: said?.state ? { ...said.state } : null,
    ui_url: deps.temporalUiUrl === null ? null : said ? `${page}/${said.runId}` : page,
  };
}
