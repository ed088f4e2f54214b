import type { AddressInfo } from 'node:net';
import express from 'express';
import pg from 'pg';
import { serve } from '../child.ts';
import type { BenchEvent } from './events.ts';

/**
 * What somebody would write in an hour to take events: Express, its JSON reader, and one `unnest` with `on conflict do
 * nothing` into a table of its own. No keys, no walls between tenants, no checks, no answer per event, no partitions, no
 * index but the one that dedupes and the one that counting needs.
 */
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 10 });
const tenantId = process.env['TENANT_ID'];

await pool.query(`create table bare_events (
  tenant_id text collate "C" not null, key text collate "C" not null, event_name text not null, customer_id text collate "C" not null,
  event_at timestamptz not null, properties jsonb not null, ingested_at timestamptz not null default now(), primary key (tenant_id, key))`);
await pool.query('create index on bare_events (tenant_id, customer_id, event_name, event_at)');

const app = express();
app.use(express.json({ limit: '1mb' }));
app.post('/v1/events', async (request, response) => {
  const { events } = request.body as { events: BenchEvent[] };
  const { rowCount } = await pool.query({
    name: 'ingest',
    text: `insert into bare_events (tenant_id, key, event_name, customer_id, event_at, properties)
      select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[]) on conflict do nothing`,
    values: [
      tenantId,
      events.map((event) => event.idempotency_key),
      events.map((event) => event.event_name),
      events.map((event) => event.customer_id),
      events.map((event) => event.timestamp),
      events.map((event) => JSON.stringify(event.properties)),
    ],
  });
  response.json({ accepted: rowCount });
});

const server = app.listen(0, '127.0.0.1', () => {
  serve(() => Promise.resolve({ port: (server.address() as AddressInfo).port }));
});
