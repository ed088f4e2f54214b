import pg from 'pg';
import { API_VERSION } from '../../src/domain/event.ts';
import { insertEndpoint } from '../../src/persistence/webhooks.ts';
import { clock } from '../../src/platform/clock.ts';
import { newId } from '../../src/platform/ids.ts';
import { createVault } from '../../src/platform/vault.ts';
import { newWebhookSecret, webhookSecretPlace } from '../../src/platform/webhook-signature.ts';
import type { Stage } from '../../test/faults/stage.ts';

const BATCH = 2_000;
/** Ten objects with five events each follow one another closely, so that there is an order to keep. */
const OBJECTS = 10;
const EVENTS_EACH = 5;

export type Planted = { endpointId: string; url: string; secret: string; count: number };

/**
 * An endpoint with so many deliveries due: events that have their place in the feed, as the relay leaves them. It asks
 * for no event type, so that nothing else reaches it.
 */
export async function plantDeliveries(stage: Stage, url: string, count: number): Promise<Planted> {
  const { tenantId } = stage;
  const at = clock.now();
  const endpointId = newId('we');
  const secret = newWebhookSecret();
  const vault = createVault(stage.config.secrets.masterKeys);
  await stage.database.withTenant(tenantId, (tx) =>
    insertEndpoint(tx, {
      id: endpointId,
      tenantId,
      url,
      description: null,
      eventTypes: [],
      status: 'enabled',
      disabledReason: null,
      disabledAt: null,
      apiVersion: API_VERSION,
      secretSealed: vault.seal(secret, webhookSecretPlace({ tenantId, id: endpointId })),
      previousSecretSealed: null,
      previousSecretExpiresAt: null,
      failingSince: null,
      metadata: {},
      createdAt: at,
      updatedAt: at,
      deletedAt: null,
    }),
  );
  const owner = new pg.Client({ connectionString: stage.ownerUrl });
  await owner.connect();
  try {
    const events = eventIds(count);
    const objects = Array.from({ length: Math.ceil(count / EVENTS_EACH) + OBJECTS }, () => newId('inv'));
    for (let from = 0; from < count; from += BATCH) {
      await plantBatch(owner, { tenantId, endpointId, at }, from, events.slice(from, from + BATCH), objects);
    }
    // What a database does by itself before long; half-way through a measurement it would be a disturbance.
    await owner.query('analyze events, webhook_deliveries, webhook_attempts');
  } finally {
    await owner.end();
  }
  return { endpointId, url, secret, count };
}

/** In the order of their making, also those of one millisecond. */
function eventIds(count: number): string[] {
  return Array.from({ length: count }, () => newId('evt')).sort();
}

async function plantBatch(
  owner: pg.Client,
  { tenantId, endpointId, at }: { tenantId: string; endpointId: string; at: Date },
  from: number,
  events: readonly string[],
  objects: readonly string[],
): Promise<void> {
  const places = events.map((_id, index) => placeOf(from + index));
  const about = places.map(({ object }) => objects[object] ?? '');
  const sequences = places.map(({ sequence }) => sequence);
  await owner.query(
    `insert into events (id, tenant_id, position, type, object_type, object_id, sequence, api_version, data, created_at)
     select id, $1, nextval('event_positions'), 'invoice.finalized', 'invoice', object_id, sequence, $2, $3::jsonb || jsonb_build_object(
       'object', ($3::jsonb -> 'object') || jsonb_build_object('id', object_id)), $4
     from unnest($5::text[], $6::text[], $7::integer[]) as planted (id, object_id, sequence)`,
    [tenantId, API_VERSION, JSON.stringify(PAYLOAD), at, events, about, sequences],
  );
  await owner.query(
    `insert into webhook_deliveries (id, tenant_id, endpoint_id, event_id, status, next_attempt_at, created_at, updated_at)
     select id, $1, $2, event_id, 'pending', $3, $3, $3 from unnest($4::text[], $5::text[]) as planted (id, event_id)`,
    [tenantId, endpointId, at, events.map(() => newId('del')), events],
  );
}

function placeOf(index: number): { object: number; sequence: number } {
  const block = Math.floor(index / (OBJECTS * EVENTS_EACH));
  const within = index % (OBJECTS * EVENTS_EACH);
  return { object: block * OBJECTS + (within % OBJECTS), sequence: Math.floor(within / OBJECTS) + 1 };
}

/** As long as the payload of an invoice with three lines. */
const PAYLOAD = {
  object: {
    object: 'invoice',
    number: 'INV-000042',
    status: 'open',
    customer: 'cus_01kaj3n6xve9ytv0w4s5h7m2pq',
    total: { amount: '1234.56', currency: 'EUR' },
    lines: Array.from({ length: 3 }, (_, n) => ({
      object: 'invoice_line',
      description: `Seat ${n + 1} of the plan, monthly, "with quotes" and Ümläuts`,
      quantity: '3',
      unit_amount: '137.1733',
      amount: { amount: '411.52', currency: 'EUR' },
      period: { start: '2026-11-01T00:00:00.000Z', end: '2026-12-01T00:00:00.000Z' },
      proration: false,
    })),
    metadata: { order: 'A-42', desk: 'Berlin' },
    created_at: '2026-11-01T10:00:00.123Z',
  },
};
