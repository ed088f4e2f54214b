import { sql } from 'kysely';
import type { StoredUsage, UsageProperties, UsageVoid } from '../domain/usage-event.ts';

/** What a question about single events selects of `event`, and how a row of its answer becomes an event. */
export const USAGE_COLUMNS = sql`event.key, event.revision, event.event_name, event.customer_id, event.external_customer_id,
  event.subscription_id, event.event_at, event.properties, event.backfill_id, event.ingested_at`;

export type UsageRow = {
  key: string;
  revision: number;
  event_name: string;
  customer_id: string | null;
  external_customer_id: string | null;
  subscription_id: string | null;
  event_at: string;
  properties: UsageProperties;
  backfill_id: string | null;
  ingested_at: string;
};

export function usageOf(row: UsageRow, void_: UsageVoid | null): StoredUsage {
  return {
    key: row.key,
    revision: row.revision,
    eventName: row.event_name,
    customerId: row.customer_id,
    externalCustomerId: row.external_customer_id,
    subscriptionId: row.subscription_id,
    at: new Date(row.event_at),
    properties: row.properties,
    backfillId: row.backfill_id,
    ingestedAt: new Date(row.ingested_at),
    void: void_,
  };
}

/** What stands against a revision, of voids `void`: its key alone may have named another event long ago. */
export const VOID_OF_EVENT = sql`void.tenant_id = event.tenant_id and void.key = event.key
  and void.revision = event.revision and void.event_at = event.event_at`;
