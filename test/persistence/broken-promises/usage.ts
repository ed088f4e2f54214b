import type { Case } from './cast.ts';

const event = (key: string, tenant: string) =>
  `insert into usage_events (tenant_id, key, event_name, customer_id, event_at, properties, ingested_at)
    values ('${tenant}', '${key}', 'nobody counts this', 'cus_of_nobody', date_trunc('hour', now()), '{}', now())`;
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
];
