import { ApplicationFailure, Context } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import { outlook } from '../src/persistence/drain-deliveries.ts';
import { deadLetterPending, findEndpoint } from '../src/persistence/webhooks.ts';
import { clock } from '../src/platform/clock.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import type { WebhookEndpointInput } from '../workflows/messages.ts';
import { Drain } from './drain.ts';
import type { WebhookDeps } from './send-webhook.ts';

export type DrainResult = {
  state: 'enabled' | 'disabled' | 'deleted';
  pending: number;
  /** When something is due again, RFC 3339, and how long that is from now by the clock that decides it. */
  next: { at: string; waitMs: number } | null;
  failingSince: string | null;
};

/** After so long no further attempt begins; an attempt lasts 15 s at most, so a lease never ends under a living one. */
const DRAIN_MS = 60_000;
const HEARTBEAT_MS = 5_000;

export type WebhookActivities = ReturnType<typeof createWebhookActivities>;

export function createWebhookActivities(deps: WebhookDeps) {
  const now = deps.now ?? clock.now;

  return {
    /** Sends everything of one endpoint that is due, and says when to come again. */
    async drainEndpoint({ tenantId, endpointId }: WebhookEndpointInput): Promise<DrainResult> {
      const context = Context.current();
      const stopping = context.cancellationSignal;
      const endsAtMs = performance.now() + DRAIN_MS;
      const mayBegin = () => !stopping.aborted && performance.now() < endsAtMs;
      const beat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
      try {
        const closing = await new Drain(deps, { tenantId, endpointId, now, mayBegin, stopping }).run();
        if (closing) return await closed(tenantId, endpointId, closing);
        if (stopping.aborted) throw stopped();
        return await report(tenantId, endpointId);
      } finally {
        clearInterval(beat);
      }
    },
  };

  /** Nothing is sent to an endpoint that is disabled or gone, also what reached it at the last moment. */
  async function closed(
    tenantId: string,
    endpointId: string,
    state: 'disabled' | 'deleted',
  ): Promise<DrainResult> {
    await deps.database.withTenant(tenantId, async (tx) => {
      await deadLetterPending(tx, endpointId, `The endpoint is ${state}.`, now());
      crashPoint('deadLetters.beforeCommit');
    });
    crashPoint('deadLetters.afterCommit');
    return { state, pending: 0, next: null, failingSince: null };
  }

  async function report(tenantId: string, endpointId: string): Promise<DrainResult> {
    const { endpoint, pending, nextDueAt } = await deps.database.withTenant(tenantId, async (tx) => {
      const [found, ahead] = await Promise.all([findEndpoint(tx, endpointId), outlook(tx, endpointId)]);
      return { endpoint: found, ...ahead };
    });
    // One of the last attempts may have ended it.
    if (endpoint?.status !== 'enabled')
      return closed(tenantId, endpointId, endpoint ? 'disabled' : 'deleted');
    return {
      state: endpoint.status,
      pending,
      next: nextDueAt && {
        at: nextDueAt.toISOString(),
        waitMs: Math.max(0, nextDueAt.getTime() - now().getTime()),
      },
      failingSince: endpoint.failingSince?.toISOString() ?? null,
    };
  }
}

/** A worker that goes away is no failure: another one takes over at once. */
function stopped(): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'worker_stopping',
    message: 'the worker stops; another one goes on',
    category: ApplicationFailureCategory.BENIGN,
  });
}
