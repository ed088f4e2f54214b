import { EntitySchema } from '@mikro-orm/core';
import type { WebhookAttempt, WebhookDelivery, WebhookEndpoint } from '../domain/webhook.ts';
import { id, instant, integer, json, optionalInstant, optionalInteger, optionalText, text, textList } from './columns.ts';

export const WebhookEndpointSchema = new EntitySchema<WebhookEndpoint>({
  name: 'WebhookEndpoint',
  tableName: 'webhook_endpoints',
  properties: {
    id,
    tenantId: text,
    url: text,
    description: optionalText,
    eventTypes: textList,
    status: text,
    disabledReason: optionalText,
    disabledAt: optionalInstant,
    apiVersion: text,
    secretSealed: text,
    previousSecretSealed: optionalText,
    previousSecretExpiresAt: optionalInstant,
    failingSince: optionalInstant,
    metadata: json,
    createdAt: instant,
    updatedAt: instant,
    deletedAt: optionalInstant,
  },
});

export const WebhookDeliverySchema = new EntitySchema<WebhookDelivery>({
  name: 'WebhookDelivery',
  tableName: 'webhook_deliveries',
  properties: {
    id,
    tenantId: text,
    endpointId: text,
    eventId: text,
    status: text,
    attempts: integer,
    resentAt: optionalInstant,
    scheduleBase: integer,
    nextAttemptAt: optionalInstant,
    leaseUntil: optionalInstant,
    lastStatus: optionalInteger,
    lastError: optionalText,
    deliveredAt: optionalInstant,
    createdAt: instant,
    updatedAt: instant,
  },
});

export const WebhookAttemptSchema = new EntitySchema<WebhookAttempt>({
  name: 'WebhookAttempt',
  tableName: 'webhook_attempts',
  properties: {
    deliveryId: { type: 'text', primary: true },
    n: { type: 'integer', primary: true },
    tenantId: text,
    startedAt: instant,
    finishedAt: optionalInstant,
    latencyMs: optionalInteger,
    status: optionalInteger,
    error: optionalText,
    responseExcerpt: optionalText,
  },
});
