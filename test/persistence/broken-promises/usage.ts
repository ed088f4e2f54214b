import type { Case } from './cast.ts';

const event = (key: string, tenant: string, revision = 0) =>
  `insert into usage_events (tenant_id, key, revision, event_name, customer_id, event_at, properties, ingest_xid, ingested_at)
    values ('${tenant}', '${key}', ${revision}, 'nobody counts this', 'cus_of_nobody', date_trunc('hour', now()), '{}', '3', now())`;
const known = (key: string, tenant: string) =>
  `insert into usage_event_keys (tenant_id, key, digest, event_at) values ('${tenant}', '${key}', '', date_trunc('hour', now()))`;

/** Events of use and the keys they are known by. */
export const USAGE_CASES: readonly Case[] = [
  {
    promise: 'keys_have_events',
    how: 'one was acknowledged and is not there',
    sql: ({ otherTenant }) => [known('lost', otherTenant)],
    row: ({ otherTenant }) => ({ tenant_id: otherTenant, key: 'lost' }),
  },
  {
    promise: 'events_have_keys',
    how: 'one is there that could come again',
    sql: ({ otherTenant }) => [event('unknown', otherTenant)],
    row: ({ otherTenant }) => ({ tenant_id: otherTenant, key: 'unknown' }),
  },
  {
    promise: 'events_are_stored_once',
    how: 'one is there twice',
    sql: ({ otherTenant }) => [
      known('twice', otherTenant),
      event('twice', otherTenant),
      event('twice', otherTenant),
    ],
    row: ({ otherTenant }) => ({ tenant_id: otherTenant, key: 'twice', revision: 0, times: 2 }),
  },
  {
    promise: 'one_revision_counts',
    how: 'an event was amended and counts as it was, too',
    sql: ({ otherTenant }) => [
      known('amended', otherTenant),
      event('amended', otherTenant),
      event('amended', otherTenant, 1),
    ],
    row: ({ otherTenant }) => ({ tenant_id: otherTenant, key: 'amended', counting: [0, 1] }),
  },
  {
    promise: 'imports_take_each_row',
    how: 'one is over and a row of it is left',
    sql: ({ otherTenant }) => [
      `insert into usage_imports (id, tenant_id, format, status, rows, created_at, updated_at, finished_at)
        values ('imp_one', '${otherTenant}', 'csv', 'completed', 2, now(), now(), now())`,
      `insert into usage_import_chunks (import_id, n, tenant_id, first_row, rows, accepted, duplicates, rejected, done_at)
        values ('imp_one', 1, '${otherTenant}', 1, 1, 1, 0, 0, now())`,
    ],
    row: () => ({ id: 'imp_one', rows: 2, taken: 1 }),
  },
  {
    promise: 'touched_usage_is_looked_at',
    how: 'nobody looked for two hours, and once somebody could not',
    sql: ({ otherTenant }) => [
      `insert into usage_touched (tenant_id, customer_id, meter_id, not_before, tries)
        select '${otherTenant}', 'cus_' || tries, 'mtr_one', now() - interval '2 hours', tries from generate_series(0, 1) tries`,
    ],
    row: ({ otherTenant }) => ({ tenant_id: otherTenant, customer_id: 'cus_0' }),
  },
  {
    promise: 'touched_usage_is_looked_at',
    how: 'nobody can for two days',
    sql: ({ otherTenant }) => [
      `insert into usage_touched (tenant_id, customer_id, meter_id, not_before, tries, created_at, last_error)
        select '${otherTenant}', 'cus_' || days, 'mtr_one', now(), 9, now() - days * interval '1 day' + interval '1 hour', 'Error: no'
        from generate_series(1, 2) days`,
    ],
    row: ({ otherTenant }) => ({ tenant_id: otherTenant, customer_id: 'cus_2', last_error: 'Error: no' }),
  },
];
