import { webhookBody } from '../src/contract/events.ts';
import { presentWebhookEndpoint } from '../src/contract/webhooks.ts';
import { decideDelivery, isSuccess } from '../src/domain/deliver.ts';
import type { WebhookEndpoint } from '../src/domain/webhook.ts';
import type { Database, Tx } from '../src/persistence/doors.ts';
import {
  beginAttempt,
  type ClaimedDelivery,
  type FinishedAttempt,
  finishAttempt,
  interruptAttempt,
} from '../src/persistence/drain-deliveries.ts';
import { recordEvents } from '../src/persistence/events.ts';
import { disableEndpoint, lockEndpoint, noteEndpointHealth } from '../src/persistence/webhooks.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import type { Logger } from '../src/platform/logger.ts';
import type { Metrics } from '../src/platform/metrics.ts';
import type { Answer, SafeSender } from '../src/platform/safe-fetch.ts';
import type { Vault } from '../src/platform/vault.ts';
import { VERSION } from '../src/platform/version.ts';
import { signWebhook } from '../src/platform/webhook-signature.ts';

export type WebhookDeps = {
  database: Database;
  vault: Vault;
  sender: SafeSender;
  logger: Logger;
  metrics: Pick<Metrics, 'webhookAttempts'>;
  now?: () => Date;
  /** 0 ≤ x < 1; spreads retries. */
  random?: () => number;
};

/** One claimed delivery and what it takes to send it. */
export type WebhookToSend = {
  endpoint: WebhookEndpoint;
  secrets: string[];
  delivery: ClaimedDelivery;
  stopping: AbortSignal;
};

/** One attempt: its row, the request, its outcome. */
export async function sendWebhook(deps: WebhookDeps, now: () => Date, one: WebhookToSend): Promise<void> {
  const { endpoint, secrets, delivery, stopping } = one;
  const { database } = deps;
  const startedAt = now();
  const begun = await database.withTenant(delivery.tenantId, async (tx) => {
    const attempt = await beginAttempt(tx, delivery, startedAt);
    crashPoint('webhookAttempt.beforeCommit');
    return attempt;
  });
  if (!begun) return;
  crashPoint('webhookAttempt.afterCommit');

  const body = webhookBody(delivery.event);
  const headers = {
    ...signWebhook(delivery.event.id, startedAt, body, secrets),
    'content-type': 'application/json',
    'user-agent': `Perennial-Webhooks/${VERSION}`,
  };
  const beganMs = performance.now();
  const answer = await deps.sender.post(endpoint.url, headers, body, stopping);
  const latencyMs = Math.round(performance.now() - beganMs);
  crashPoint('webhookAttempt.answered');

  const at = now();
  if (stopping.aborted && !isSuccess(answer)) {
    await database.withTenant(delivery.tenantId, (tx) => interruptAttempt(tx, delivery, begun.attempts, at));
    deps.metrics.webhookAttempts.inc({ outcome: 'interrupted' });
    return;
  }
  const finished = { n: begun.attempts, outcome: answer, at, latencyMs };
  const jitter = (deps.random ?? Math.random)();
  const decide = (health: { failingSince: Date | null }) => decideDelivery(begun, answer, health, at, jitter);
  const decision = decide(endpoint);
  await database.withTenant(delivery.tenantId, async (tx) => {
    if (decision.disable) return closeEndpoint(tx, delivery, finished, decide);
    // The endpoint before its deliveries, always, so that two transactions never wait for each other.
    await noteEndpointHealth(tx, endpoint.id, isSuccess(answer) ? 'success' : 'failure', at);
    await finishAttempt(tx, delivery, { ...finished, decision: decision.delivery });
    crashPoint('webhookOutcome.beforeCommit');
  });
  crashPoint('webhookOutcome.afterCommit');
  count(deps, decision.delivery.status, endpoint, answer);
}

/** The attempt that ends its endpoint, judged again with the endpoint locked: another may have succeeded meanwhile. */
async function closeEndpoint(
  tx: Tx,
  delivery: ClaimedDelivery,
  finished: Omit<FinishedAttempt, 'decision'>,
  decide: (health: { failingSince: Date | null }) => ReturnType<typeof decideDelivery>,
): Promise<void> {
  const endpoint = await lockEndpoint(tx, delivery.endpointId);
  const decision = decide(endpoint ?? { failingSince: null });
  await finishAttempt(tx, delivery, { ...finished, decision: decision.delivery });
  if (!decision.disable || endpoint?.status !== 'enabled') return;
  const disabled = await disableEndpoint(tx, endpoint, decision.disable, finished.at);
  const { correlationId, id: causationId } = delivery.event;
  await recordEvents(tx, delivery.tenantId, { correlationId, causationId }, [
    {
      type: 'webhook_endpoint.disabled',
      objectType: 'webhook_endpoint',
      objectId: endpoint.id,
      data: { object: presentWebhookEndpoint(disabled), previous_attributes: { status: endpoint.status } },
      createdAt: finished.at,
    },
  ]);
  crashPoint('endpointDisabled.beforeCommit');
}

function count(
  deps: WebhookDeps,
  status: 'delivered' | 'pending' | 'dead',
  endpoint: WebhookEndpoint,
  answer: Answer,
): void {
  const outcome = status === 'pending' ? 'failed' : status;
  deps.metrics.webhookAttempts.inc({ outcome });
  if (outcome !== 'delivered') {
    deps.logger.info(
      { endpoint: endpoint.id, status: answer.status, error: answer.error, outcome },
      'webhook attempt failed',
    );
  }
}
