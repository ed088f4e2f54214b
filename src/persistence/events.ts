import { BigIntType, EntitySchema } from '@mikro-orm/core';
import { sql } from 'kysely';
import { API_VERSION, type Event, type EventType } from '../domain/event.ts';
import { newId } from '../platform/ids.ts';
import { id, instant, integer, json, optionalText, text } from './columns.ts';
import type { Tx } from './doors.ts';
import { findRow, findRows, queryLater } from './rows.ts';

export const EventSchema = new EntitySchema<Event>({
  name: 'Event',
  tableName: 'events',
  properties: {
    id,
    tenantId: text,
    // Wider than a JS number, and JSON has no bigint: a string all the way.
    position: { type: new BigIntType('string'), nullable: true },
    type: text,
    objectType: text,
    objectId: text,
    sequence: integer,
    customerId: optionalText,
    subscriptionId: optionalText,
    invoiceId: optionalText,
    apiVersion: text,
    data: json,
    correlationId: optionalText,
    causationId: optionalText,
    createdAt: instant,
    recordedAt: { type: 'datetime', columnType: 'timestamptz(3)', defaultRaw: 'now()' },
  },
});

/** What a writer of a fact says of it; the rest of an event is given here. */
export type NewEvent = Pick<Event, 'type' | 'objectType' | 'objectId' | 'data' | 'createdAt'> &
  Partial<Pick<Event, 'customerId' | 'subscriptionId' | 'invoiceId'>>;

/** Where events come from: what started it all, and what directly caused them. */
export type Cause = { correlationId: string | null; causationId: string | null };

/**
 * Writes events in the transaction of their facts. The caller holds the lock of each object, so `max + 1` is the next
 * sequence; the unique constraint refuses it otherwise.
 *
 * @returns their ids, in order.
 */
export async function recordEvents(
  tx: Tx,
  tenantId: string,
  cause: Cause,
  events: readonly NewEvent[],
): Promise<string[]> {
  return events.map((event) => {
    const id = newId('evt');
    queryLater(
      tx,
      sql`insert into events (id, tenant_id, type, object_type, object_id, sequence, customer_id, subscription_id, invoice_id,
          api_version, data, correlation_id, causation_id, created_at)
        select ${id}, ${tenantId}, ${event.type}, ${event.objectType}, ${event.objectId},
          coalesce((select max(sequence) from events where object_id = ${event.objectId}), 0) + 1,
          ${event.customerId ?? null}, ${event.subscriptionId ?? null}, ${event.invoiceId ?? null},
          ${API_VERSION}, ${JSON.stringify(event.data)}::jsonb, ${cause.correlationId}, ${cause.causationId}, ${event.createdAt.toISOString()}`,
    );
    return id;
  });
}

export async function findEvent(tx: Tx, id: string): Promise<Event | null> {
  return findRow(tx, EventSchema, { id });
}

export type EventFilter = { types?: readonly EventType[]; objectId?: string; limit: number };

/**
 * The feed: events after a position, oldest first. Only events that have their position appear, and positions are
 * given in commit order, so a reader who remembers the last one misses nothing.
 */
export async function eventsAfter(tx: Tx, position: string, filter: EventFilter): Promise<Event[]> {
  return findRows(
    tx,
    EventSchema,
    { position: { $gt: position }, ...conditions(filter) },
    { orderBy: { position: 'asc' }, limit: filter.limit },
  );
}

/** Events newest first, before a position if one is given. */
export async function latestEvents(tx: Tx, before: string | null, filter: EventFilter): Promise<Event[]> {
  return findRows(
    tx,
    EventSchema,
    { position: before === null ? { $ne: null } : { $lt: before }, ...conditions(filter) },
    { orderBy: { position: 'desc' }, limit: filter.limit },
  );
}

function conditions({ types, objectId }: EventFilter) {
  return {
    ...(types ? { type: { $in: [...types] } } : {}),
    ...(objectId ? { objectId } : {}),
  };
}
