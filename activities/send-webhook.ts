import { webhookBody } from '../src/contract/events.ts';
import { presentWebhookEndpoint } from '../src/contract/webhooks.ts';
import { decideDelivery, isSuccess } from '../src/domain/deliver.ts';
import type { WebhookEndpoint } from '../src/domain/webhook.ts';
import {
  type FinishedAttempt,
  finishAttempts,
  interruptAttempt,
} from '../src/persistence/delivery-attempts.ts';
import type { Database, Tx } from '../src/persistence/doors.ts';
import type { ClaimedDelivery } from '../src/persistence/drain-deliveries.ts';
import { recordEvents } from '../src/persistence/events.ts';
import { disableEndpoint, lockEndpoint } from '../src/persistence/webhooks.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import type { Logger } from '../src/platform/logger.ts';
import type { Metrics } from '../src/platform/metrics.ts';
import type { Answer, SafeSender } from '../src/platform/safe-fetch.ts';
import type { Vault } from '../src/platform/vault.ts';
import { VERSION } from '../src/platform/version.ts';
import { signWebhook } from '../src/platform/webhook-signature.ts';
import type { Begun } from './attempt-book.ts';

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

/** Where a delivery goes, as it was when it was claimed. */
export type Target = { endpoint: WebhookEndpoint; secrets: string[] };

/** An attempt that is on record, and what it takes to send it. */
export type WebhookToSend = {
  target: Target;
  delivery: ClaimedDelivery;
  begun: Begun;
  stopping: AbortSignal;
};

/**
 * Sends one attempt and judges the answer.
 *
 * @returns what is to be written down; null when that was done here, because the attempt was broken off or ended its
 *   endpoint.
 */
export async function sendWebhook(
  deps: WebhookDeps,
  now: () => Date,
  one: WebhookToSend,
): Promise<FinishedAttempt | null> {
  const { delivery, begun, stopping } = one;
  const { endpoint, secrets } = one.target;
  const { database } = deps;
  const body = webhookBody(delivery.event);
  const headers = {
    ...signWebhook(delivery.event.id, begun.startedAt, body, secrets),
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
    return null;
  }
  const ended = { claimed: delivery, n: begun.attempts, outcome: answer, at, latencyMs };
  const jitter = (deps.random ?? Math.random)();
  const decide = (health: { failingSince: Date | null }) => decideDelivery(begun, answer, health, at, jitter);
  const decision = decide(endpoint);
  if (decision.disable)
    await database.withTenant(delivery.tenantId, (tx) => closeEndpoint(tx, ended, decide));
  count(deps, decision.delivery.status, endpoint, answer);
  return decision.disable ? null : { ...ended, decision: decision.delivery };
}

/** The attempt that ends its endpoint, judged again with the endpoint locked: another may have succeeded meanwhile. */
async function closeEndpoint(
  tx: Tx,
  ended: Omit<FinishedAttempt, 'decision'>,
  decide: (health: { failingSince: Date | null }) => ReturnType<typeof decideDelivery>,
): Promise<void> {
  const { claimed } = ended;
  const endpoint = await lockEndpoint(tx, claimed.endpointId);
  const decision = decide(endpoint ?? { failingSince: null });
  await finishAttempts(tx, claimed.endpointId, [{ ...ended, decision: decision.delivery }]);
  if (!decision.disable || endpoint?.status !== 'enabled') return;
  const disabled = await disableEndpoint(tx, endpoint, decision.disable, ended.at);
  const { correlationId, id: causationId } = claimed.event;
  await recordEvents(tx, claimed.tenantId, { correlationId, causationId }, [
    {
      type: 'webhook_endpoint.disabled',
      objectType: 'webhook_endpoint',
      objectId: endpoint.id,
      data: { object: presentWebhookEndpoint(disabled), previous_attributes: { status: endpoint.status } },
      createdAt: ended.at,
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
