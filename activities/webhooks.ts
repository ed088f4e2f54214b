import { ApplicationFailure, Context } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import type { WebhookEndpoint } from '../src/domain/webhook.ts';
import {
  type ClaimedDelivery,
  claimDeliveries,
  outlook,
  releaseDeliveries,
} from '../src/persistence/drain-deliveries.ts';
import { deadLetterPending, findEndpoint } from '../src/persistence/webhooks.ts';
import { clock } from '../src/platform/clock.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import type { Vault } from '../src/platform/vault.ts';
import { webhookSecretPlace } from '../src/platform/webhook-signature.ts';
import type { WebhookEndpointInput } from '../workflows/messages.ts';
import { sendWebhook, type WebhookDeps } from './send-webhook.ts';

export type DrainResult = {
  state: 'enabled' | 'disabled' | 'deleted';
  pending: number;
  /** When something is due again, RFC 3339, and how long that is from now by the clock that decides it. */
  next: { at: string; waitMs: number } | null;
  failingSince: string | null;
};

const CLAIM_MAX = 200;
const PARALLEL_MAX = 20;
/** After so long no further attempt begins; an attempt lasts 15 s at most, so a lease never ends under a living one. */
const DRAIN_MS = 60_000;
const LEASE_MS = 90_000;
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
        while (mayBegin()) {
          const at = now();
          const leaseUntil = new Date(at.getTime() + LEASE_MS);
          const { endpoint, claimed } = await deps.database.withTenant(tenantId, async (tx) => {
            const found = await findEndpoint(tx, endpointId);
            if (found?.status !== 'enabled') return { endpoint: found, claimed: [] };
            return {
              endpoint: found,
              claimed: await claimDeliveries(tx, { endpointId, at, leaseUntil, limit: CLAIM_MAX }),
            };
          });
          if (endpoint?.status !== 'enabled') return await closed(tenantId, endpointId, endpoint);
          if (claimed.length === 0) break;
          crashPoint('delivery.claimed');
          await sendAll(deps, now, { endpoint, claimed, mayBegin, stopping });
        }
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
    endpoint: WebhookEndpoint | null,
  ): Promise<DrainResult> {
    const state = endpoint ? 'disabled' : 'deleted';
    await deps.database.withTenant(tenantId, async (tx) => {
      await deadLetterPending(tx, endpointId, `The endpoint is ${state}.`, now());
      crashPoint('deadLetters.beforeCommit');
    });
    crashPoint('deadLetters.afterCommit');
    return { state, pending: 0, next: null, failingSince: null };
  }

  async function report(tenantId: string, endpointId: string): Promise<DrainResult> {
    return deps.database.withTenant(tenantId, async (tx) => {
      const endpoint = await findEndpoint(tx, endpointId);
      const { pending, nextDueAt } = await outlook(tx, endpointId);
      return {
        state: endpoint?.status ?? 'deleted',
        pending,
        next: nextDueAt && {
          at: nextDueAt.toISOString(),
          waitMs: Math.max(0, nextDueAt.getTime() - now().getTime()),
        },
        failingSince: endpoint?.failingSince?.toISOString() ?? null,
      };
    });
  }
}

type Sending = {
  endpoint: WebhookEndpoint;
  claimed: ClaimedDelivery[];
  mayBegin: () => boolean;
  stopping: AbortSignal;
};

/**
 * Sends what was claimed, 20 at a time. What concerns one object goes out one after the other, so that a healthy
 * receiver sees each object's events in order.
 */
async function sendAll(deps: WebhookDeps, now: () => Date, sending: Sending): Promise<void> {
  const { endpoint, claimed, mayBegin, stopping } = sending;
  const secrets = secretsOf(deps.vault, endpoint, now());
  const lanes = [...Map.groupBy(claimed, ({ event }) => event.objectId).values()];
  const leftOver: ClaimedDelivery[] = [];
  let trouble: { error: unknown } | null = null;

  const work = async () => {
    for (let lane = lanes.shift(); lane; lane = lanes.shift()) {
      for (const delivery of lane) {
        if (trouble || !mayBegin()) leftOver.push(delivery);
        else
          await sendWebhook(deps, now, { endpoint, secrets, delivery, stopping }).catch((error: unknown) => {
            trouble ??= { error };
          });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL_MAX, lanes.length) }, work));

  if (trouble) throw (trouble as { error: unknown }).error;
  await deps.database.withTenant(endpoint.tenantId, (tx) => releaseDeliveries(tx, leftOver, now()));
}

/** The current secret and, while a rotation lasts, the former one. */
function secretsOf(vault: Vault, endpoint: WebhookEndpoint, at: Date): string[] {
  const place = webhookSecretPlace(endpoint);
  const rotating = endpoint.previousSecretExpiresAt !== null && endpoint.previousSecretExpiresAt > at;
  return [
    vault.open(endpoint.secretSealed, place),
    ...(rotating && endpoint.previousSecretSealed ? [vault.open(endpoint.previousSecretSealed, place)] : []),
  ];
}

/** A worker that goes away is no failure: another one takes over at once. */
function stopped(): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'worker_stopping',
    message: 'the worker stops; another one goes on',
    category: ApplicationFailureCategory.BENIGN,
  });
}
