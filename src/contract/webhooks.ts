import { z } from 'zod';
import { EVENT_TYPES } from '../domain/event.ts';
import type { WebhookAttempt, WebhookDelivery, WebhookEndpoint } from '../domain/webhook.ts';
import {
  idOut,
  instantIn,
  instantOut,
  metadataIn,
  metadataOut,
  metadataPatch,
  presentInstant,
  presentOptionalInstant,
} from './common.ts';

/** A tenant has at most so many endpoints. */
export const ENDPOINTS_MAX = 16;
/** How long the former secret goes on signing after a rotation, unless the caller says otherwise. */
export const ROTATION_HOURS = 24;

export const ENDPOINT_STATUSES = ['enabled', 'disabled'] as const;

const SUBSCRIBABLE = EVENT_TYPES.filter((type) => type !== 'webhook_endpoint.test');

const url = z
  .string()
  .max(2048, 'A URL has at most 2048 characters.')
  .meta({ description: 'Public and https.', examples: ['https://example.com/webhooks'] });

const eventTypes = z
  .array(z.enum(['*', ...SUBSCRIBABLE], { error: 'Write a type of the event catalogue, or "*" for all.' }))
  .min(1, 'Name at least one type, or ["*"] for all.')
  .max(EVENT_TYPES.length)
  .transform((types) => [...new Set(types)])
  .meta({
    description: '`["*"]` is every type, also those that come later.',
    examples: [['invoice.paid', 'invoice.payment_failed']],
  });

const description = z.string().max(500, 'A description has at most 500 characters.');

export const webhookEndpointCreate = z
  .strictObject({
    url,
    description: description.optional(),
    event_types: eventTypes.default(['*']),
    metadata: metadataIn.optional(),
  })
  .meta({
    id: 'WebhookEndpointCreate',
    examples: [
      { url: 'https://example.com/webhooks', event_types: ['invoice.paid', 'subscription.canceled'] },
    ],
  });

export const webhookEndpointUpdate = z
  .strictObject({
    url: url.optional(),
    description: description.nullable().optional(),
    event_types: eventTypes.optional(),
    metadata: metadataPatch.optional(),
  })
  .meta({ id: 'WebhookEndpointUpdate', examples: [{ event_types: ['*'] }] });

export const webhookEndpointEnable = z
  .strictObject({
    replay_from: instantIn.optional().meta({
      description:
        'Also send what was recorded since this instant and did not arrive; `disabled_at` is a good choice.',
    }),
  })
  .meta({ id: 'WebhookEndpointEnable', examples: [{ replay_from: '2027-01-31T00:00:00Z' }] });

export const webhookEndpointRotate = z
  .strictObject({
    previous_expires_in_hours: z
      .int('Write a whole number of hours.')
      .min(0, 'Write 0 to end the former secret at once.')
      .max(168, 'The former secret goes on for at most 168 hours.')
      .default(ROTATION_HOURS)
      .meta({ description: 'So long both secrets sign.' }),
  })
  .meta({ id: 'WebhookEndpointRotate', examples: [{ previous_expires_in_hours: 24 }] });

export const webhookEndpointOut = z
  .object({
    object: z.literal('webhook_endpoint'),
    id: idOut('we'),
    url: z.string(),
    description: z.string().nullable(),
    event_types: z.array(z.string()),
    status: z.enum(ENDPOINT_STATUSES),
    disabled_reason: z
      .string()
      .nullable()
      .meta({ description: '`manual`, `gone` (it answered 410) or `failing` (for 5 days).' }),
    disabled_at: instantOut.nullable(),
    failing_since: instantOut.nullable().meta({ description: 'The first failure after the last success.' }),
    api_version: z.string(),
    previous_secret_expires_at: instantOut.nullable().meta({ description: 'Until then both secrets sign.' }),
    metadata: metadataOut,
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'WebhookEndpoint' });

export const webhookEndpointWithSecretOut = webhookEndpointOut
  .extend({ secret: z.string().meta({ description: 'Signs what we send. Shown here and never again.' }) })
  .meta({ id: 'WebhookEndpointWithSecret' });

export const DELIVERY_STATUSES = ['pending', 'delivered', 'dead'] as const;

export const deliveryOut = z
  .object({
    object: z.literal('delivery'),
    id: idOut('del'),
    endpoint: idOut('we'),
    event: idOut('evt'),
    status: z
      .enum(DELIVERY_STATUSES)
      .meta({ description: '`dead`: no more attempts are made; `resend` begins anew.' }),
    attempt_count: z.int(),
    next_attempt_at: instantOut.nullable(),
    last_status: z.int().nullable().meta({ description: 'HTTP status of the last answer.' }),
    last_error: z.string().nullable(),
    delivered_at: instantOut.nullable(),
    resent_at: instantOut.nullable(),
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Delivery' });

const attemptOut = z
  .object({
    n: z.int(),
    started_at: instantOut,
    finished_at: instantOut.nullable().meta({ description: 'Null while it runs.' }),
    latency_ms: z.int().nullable(),
    status: z.int().nullable().meta({ description: 'HTTP status; null when there was no answer.' }),
    error: z.string().nullable(),
    response_excerpt: z.string().nullable().meta({ description: 'The first 1 KB of the answer.' }),
  })
  .meta({ id: 'DeliveryAttempt' });

export const deliveryWithAttemptsOut = deliveryOut
  .extend({ attempts: z.array(attemptOut) })
  .meta({ id: 'DeliveryWithAttempts' });

/** A webhook endpoint as the world sees it; secrets stay inside. */
export function presentWebhookEndpoint(endpoint: WebhookEndpoint): z.infer<typeof webhookEndpointOut> {
  return {
    object: 'webhook_endpoint',
    id: endpoint.id,
    url: endpoint.url,
    description: endpoint.description,
    event_types: endpoint.eventTypes,
    status: endpoint.status,
    disabled_reason: endpoint.disabledReason,
    disabled_at: presentOptionalInstant(endpoint.disabledAt),
    failing_since: presentOptionalInstant(endpoint.failingSince),
    api_version: endpoint.apiVersion,
    previous_secret_expires_at: presentOptionalInstant(endpoint.previousSecretExpiresAt),
    metadata: endpoint.metadata,
    created_at: presentInstant(endpoint.createdAt),
    updated_at: presentInstant(endpoint.updatedAt),
  };
}

/** One event on its way to one endpoint. */
export function presentDelivery(delivery: WebhookDelivery): z.infer<typeof deliveryOut> {
  return {
    object: 'delivery',
    id: delivery.id,
    endpoint: delivery.endpointId,
    event: delivery.eventId,
    status: delivery.status,
    attempt_count: delivery.attempts,
    next_attempt_at: presentOptionalInstant(delivery.nextAttemptAt),
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    delivered_at: presentOptionalInstant(delivery.deliveredAt),
    resent_at: presentOptionalInstant(delivery.resentAt),
    created_at: presentInstant(delivery.createdAt),
    updated_at: presentInstant(delivery.updatedAt),
  };
}

/** A delivery with everything that was tried, oldest first. */
export function presentDeliveryWithAttempts(
  delivery: WebhookDelivery,
  attempts: readonly WebhookAttempt[],
): z.infer<typeof deliveryWithAttemptsOut> {
  return {
    ...presentDelivery(delivery),
    attempts: attempts.map((attempt) => ({
      n: attempt.n,
      started_at: presentInstant(attempt.startedAt),
      finished_at: presentOptionalInstant(attempt.finishedAt),
      latency_ms: attempt.latencyMs,
      status: attempt.status,
      error: attempt.error,
      response_excerpt: attempt.responseExcerpt,
    })),
  };
}
