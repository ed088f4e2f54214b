import { EntitySchema } from '@mikro-orm/core';
import { sql } from 'kysely';
import type { WebhookAttempt, WebhookDelivery, WebhookEndpoint } from '../domain/webhook.ts';
import {
  id,
  instant,
  integer,
  json,
  optionalInstant,
  optionalInteger,
  optionalText,
  text,
  textList,
} from './columns.ts';
import type { Tx } from './doors.ts';
import { findRow, insertRow, query, updateRows } from './rows.ts';

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

/** Endpoints that exist. Waits for whoever creates one at this moment, so that a limit can be kept. */
export async function countEndpoints(tx: Tx, tenantId: string): Promise<number> {
  await query(tx, sql`select pg_advisory_xact_lock(hashtextextended(${`webhook_endpoints ${tenantId}`}, 0))`);
  const rows = await query<{ count: string }>(
    tx,
    sql`select count(*) as count from webhook_endpoints where tenant_id = ${tenantId} and deleted_at is null`,
  );
  return Number(rows[0]?.count ?? 0);
}

export async function insertEndpoint(tx: Tx, endpoint: WebhookEndpoint): Promise<WebhookEndpoint> {
  return insertRow(tx, WebhookEndpointSchema, endpoint);
}

export async function findEndpoint(tx: Tx, id: string): Promise<WebhookEndpoint | null> {
  return findRow(tx, WebhookEndpointSchema, { id, deletedAt: null });
}

/**
 * The endpoint, locked: needed before it is changed or an event about it is recorded. Deliveries may go on referring to
 * it meanwhile, so nobody who only adds some has to wait.
 */
export async function lockEndpoint(tx: Tx, id: string): Promise<WebhookEndpoint | null> {
  await query(tx, sql`select 1 from webhook_endpoints where id = ${id} for no key update`);
  return findEndpoint(tx, id);
}

/** Writes changes to an endpoint that the caller has locked and answers it as it is now. */
export async function changeEndpoint(
  tx: Tx,
  endpoint: WebhookEndpoint,
  changes: Partial<WebhookEndpoint> & { updatedAt: Date },
): Promise<WebhookEndpoint> {
  await updateRows(tx, WebhookEndpointSchema, { id: endpoint.id }, changes);
  return { ...endpoint, ...changes };
}

/**
 * Disables a locked endpoint. Nothing more is sent: what was still pending becomes a dead letter that says so. The
 * caller records the event, whose payload belongs to the contract.
 */
export async function disableEndpoint(
  tx: Tx,
  endpoint: WebhookEndpoint,
  disabledReason: string,
  at: Date,
): Promise<WebhookEndpoint> {
  await deadLetterPending(tx, endpoint.id, `The endpoint was disabled (${disabledReason}).`, at);
  return changeEndpoint(tx, endpoint, { status: 'disabled', disabledReason, disabledAt: at, updatedAt: at });
}

/** Turns everything pending of an endpoint into dead letters and answers how many there were. */
export async function deadLetterPending(
  tx: Tx,
  endpointId: string,
  reason: string,
  at: Date,
): Promise<number> {
  return updateRows(
    tx,
    WebhookDeliverySchema,
    { endpointId, status: 'pending' },
    { status: 'dead', nextAttemptAt: null, leaseUntil: null, lastError: reason, updatedAt: at },
  );
}

/** Notes since when an endpoint fails, or that it works again; touches the row only when that changes something. */
export async function noteEndpointHealth(
  tx: Tx,
  endpointId: string,
  outcome: 'success' | 'failure',
  at: Date,
): Promise<void> {
  if (outcome === 'success') {
    await updateRows(
      tx,
      WebhookEndpointSchema,
      { id: endpointId, failingSince: { $ne: null } },
      { failingSince: null },
    );
  } else {
    await updateRows(tx, WebhookEndpointSchema, { id: endpointId, failingSince: null }, { failingSince: at });
  }
}
