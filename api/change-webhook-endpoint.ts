import type { z } from 'zod';
import { mergeMetadata, metadataFits } from '../src/contract/common.ts';
import {
  ENDPOINTS_MAX,
  presentWebhookEndpoint,
  type webhookEndpointCreate,
  type webhookEndpointEnable,
  type webhookEndpointRotate,
  type webhookEndpointUpdate,
} from '../src/contract/webhooks.ts';
import { DomainError } from '../src/domain/errors.ts';
import { API_VERSION, type EventType } from '../src/domain/event.ts';
import type { WebhookDelivery, WebhookEndpoint } from '../src/domain/webhook.ts';
import {
  findDelivery,
  findDeliveryOf,
  insertDeliveries,
  lockDelivery,
  REPLAY_MAX,
  replayEvents,
  resendDeliveries,
} from '../src/persistence/deliveries.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { recordEvents } from '../src/persistence/events.ts';
import { found } from '../src/persistence/find-by-reference.ts';
import {
  changeEndpoint,
  countEndpoints,
  disableEndpoint,
  insertEndpoint,
  lockEndpoint,
} from '../src/persistence/webhooks.ts';
import { newId } from '../src/platform/ids.ts';
import { newWebhookSecret, webhookSecretPlace } from '../src/platform/webhook-signature.ts';
import type { Call } from './route.ts';
import { invalid } from './validate.ts';

/** What the routes of webhook endpoints do, each in the transaction it is given. `at` is the database's clock. */

type On<B = unknown> = Call<{ id: string }, unknown, B>;
type WithSecret = { endpoint: WebhookEndpoint; secret: string };

/** Throws `too_many_endpoints`. The URL was checked before the transaction began. */
export async function createEndpoint(
  tx: Tx,
  { tenantId, body, deps }: Call<unknown, unknown, z.output<typeof webhookEndpointCreate>>,
  at: Date,
): Promise<WithSecret> {
  if ((await countEndpoints(tx, tenantId)) >= ENDPOINTS_MAX) {
    throw new DomainError(
      'too_many_endpoints',
      `There are ${ENDPOINTS_MAX} endpoints already; delete one first.`,
    );
  }
  const id = newId('we');
  const secret = newWebhookSecret();
  const endpoint = await insertEndpoint(tx, {
    id,
    tenantId,
    url: body.url,
    description: body.description ?? null,
    eventTypes: body.event_types,
    status: 'enabled',
    disabledReason: null,
    disabledAt: null,
    apiVersion: API_VERSION,
    secretSealed: deps.vault.seal(secret, webhookSecretPlace({ tenantId, id })),
    previousSecretSealed: null,
    previousSecretExpiresAt: null,
    failingSince: null,
    metadata: body.metadata ?? {},
    createdAt: at,
    updatedAt: at,
    deletedAt: null,
  });
  return { endpoint, secret };
}

/** The endpoint, locked. Throws `not_found`. */
export async function lockLiveEndpoint(tx: Tx, id: string): Promise<WebhookEndpoint> {
  return found(await lockEndpoint(tx, id), 'webhook endpoint');
}

export function changedEndpoint(
  tx: Tx,
  endpoint: WebhookEndpoint,
  body: z.output<typeof webhookEndpointUpdate>,
  at: Date,
): Promise<WebhookEndpoint> {
  const metadata = mergeMetadata(endpoint.metadata, body.metadata);
  if (!metadataFits(metadata)) {
    const message = 'With these, the endpoint has more than 50 keys; remove some.';
    throw invalid([{ path: 'metadata', code: 'too_many_keys', message }]);
  }
  return changeEndpoint(tx, endpoint, {
    // Another receiver: what the former one did is not held against it.
    ...(body.url === undefined || body.url === endpoint.url ? {} : { url: body.url, failingSince: null }),
    ...(body.description === undefined ? {} : { description: body.description }),
    ...(body.event_types === undefined ? {} : { eventTypes: body.event_types }),
    metadata,
    updatedAt: at,
  });
}

/** Disabling what is disabled changes nothing. */
export async function disableByHand(tx: Tx, call: On, at: Date): Promise<WebhookEndpoint> {
  const endpoint = await lockLiveEndpoint(tx, call.params.id);
  if (endpoint.status === 'disabled') return endpoint;
  const disabled = await disableEndpoint(tx, endpoint, 'manual', at);
  await tellOf(tx, call, 'webhook_endpoint.disabled', disabled, at, { status: 'enabled' });
  return disabled;
}

/** With `replay_from` the caller holds the relay. Throws `validation_failed` when that reaches back too far. */
export async function enableEndpoint(
  tx: Tx,
  { params, body }: On<z.output<typeof webhookEndpointEnable>>,
  at: Date,
): Promise<WebhookEndpoint> {
  const endpoint = await lockLiveEndpoint(tx, params.id);
  if (body.replay_from !== undefined) {
    const owed = await replayEvents(tx, endpoint, new Date(body.replay_from), at);
    if (owed === null) {
      const message = `More than ${REPLAY_MAX} events happened since then; name a later instant.`;
      throw invalid([{ path: 'replay_from', code: 'too_many_events', message }]);
    }
  }
  if (endpoint.status === 'enabled') return endpoint;
  return changeEndpoint(tx, endpoint, {
    status: 'enabled',
    disabledReason: null,
    disabledAt: null,
    failingSince: null,
    updatedAt: at,
  });
}

export async function rotateSecret(
  tx: Tx,
  { params, body, deps }: On<z.output<typeof webhookEndpointRotate>>,
  at: Date,
): Promise<WithSecret> {
  const endpoint = await lockLiveEndpoint(tx, params.id);
  const secret = newWebhookSecret();
  const overlapMs = body.previous_expires_in_hours * 3_600_000;
  const rotated = await changeEndpoint(tx, endpoint, {
    secretSealed: deps.vault.seal(secret, webhookSecretPlace(endpoint)),
    previousSecretSealed: overlapMs > 0 ? endpoint.secretSealed : null,
    previousSecretExpiresAt: overlapMs > 0 ? new Date(at.getTime() + overlapMs) : null,
    updatedAt: at,
  });
  return { endpoint: rotated, secret };
}

/** Throws `webhook_endpoint_disabled`. */
export async function sendTest(tx: Tx, call: On, at: Date): Promise<WebhookDelivery> {
  const endpoint = await lockLiveEndpoint(tx, call.params.id);
  assertEnabled(endpoint);
  const eventId = await tellOf(tx, call, 'webhook_endpoint.test', endpoint, at);
  await insertDeliveries(tx, [{ tenantId: call.tenantId, endpointId: endpoint.id, eventId }], at);
  return found(await findDeliveryOf(tx, endpoint.id, eventId), 'delivery');
}

/**
 * Sends a delivery again from the beginning of the schedule, also one that arrived. Throws `not_found`,
 * `webhook_endpoint_disabled`, `delivery_not_resendable`.
 */
export async function resendDelivery(tx: Tx, id: string, at: Date): Promise<WebhookDelivery> {
  const { endpointId } = found(await findDelivery(tx, id), 'delivery');
  // The endpoint before its deliveries, as the worker does.
  assertEnabled(await lockLiveEndpoint(tx, endpointId));
  const delivery = found(await lockDelivery(tx, id), 'delivery');
  if (delivery.leaseUntil && delivery.leaseUntil > at) {
    throw new DomainError('delivery_not_resendable', 'It is being sent right now; look again in a minute.');
  }
  await resendDeliveries(tx, [id], at);
  return found(await findDelivery(tx, id), 'delivery');
}

/** Throws `webhook_endpoint_disabled`: nothing is sent to a disabled endpoint, whoever asks. */
export function assertEnabled(endpoint: WebhookEndpoint): void {
  if (endpoint.status === 'enabled') return;
  throw new DomainError('webhook_endpoint_disabled', 'This endpoint is disabled; enable it first.');
}

async function tellOf(
  tx: Tx,
  { tenantId, cause }: Call,
  type: EventType,
  endpoint: WebhookEndpoint,
  at: Date,
  previous?: Record<string, unknown>,
): Promise<string> {
  const object = presentWebhookEndpoint(endpoint);
  const data = previous ? { object, previous_attributes: previous } : { object };
  const [eventId] = await recordEvents(tx, tenantId, cause, [
    { type, objectType: 'webhook_endpoint', objectId: endpoint.id, data, createdAt: at },
  ]);
  return found(eventId ?? null, 'event');
}
