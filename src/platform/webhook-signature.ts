import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { SealedAt } from './vault.ts';

/** A new signing secret: `whsec_` and 32 random bytes in base64, as Standard Webhooks 1.0 wants it. */
export function newWebhookSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/**
 * The three headers of Standard Webhooks 1.0 for one attempt. During a rotation there are several secrets and the
 * receiver accepts whichever signature it can verify.
 *
 * @param at the instant of this attempt: receivers refuse what is too old, so it is not the instant of the event.
 */
export function signWebhook(
  id: string,
  at: Date,
  body: string,
  secrets: readonly string[],
): { 'webhook-id': string; 'webhook-timestamp': string; 'webhook-signature': string } {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(' '),
  };
}

/** Where the signing secrets of an endpoint are sealed, the current and the former one. */
export function webhookSecretPlace(endpoint: { tenantId: string; id: string }): SealedAt {
  return { tenantId: endpoint.tenantId, column: 'webhook_endpoints.secret', rowId: endpoint.id };
}
