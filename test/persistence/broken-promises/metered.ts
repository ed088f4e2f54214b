import type { Case } from './cast.ts';

/** What meters count, and what is billed of it. `counted` is a line for what came late. */
export const METERED_CASES: readonly Case[] = [
  {
    promise: 'closures_are_their_events',
    how: 'a week was billed for more than was used in it',
    sql: ({ counted }) => [`update usage_closures set quantity = quantity + 1 where line_id = '${counted}'`],
    row: () => ({ event_count: '2', quantity: '13.500000000000', counted_quantity: '12.5' }),
  },
  {
    promise: 'metered_periods_are_closed',
    how: 'nobody knows what a line had seen',
    sql: ({ counted }) => [
      `delete from usage_closures where (item_id, period_start) = (select item_id, period_start from usage_closures where line_id = '${counted}')`,
    ],
    row: () => ({ pending_item_id: null }),
    // Without it a line for what came late is one that bills nothing.
    also: ['billed_means_invoiced'],
  },
  {
    promise: 'closures_are_their_lines',
    how: 'more is said to be billed than stands on the lines',
    sql: ({ counted }) => [`update usage_closures set amount = amount + 1 where line_id = '${counted}'`],
    row: () => ({ revision: 1, amount: '7.2500', on_lines: '6.2500' }),
  },
  {
    promise: 'late_usage_is_billed',
    how: 'an event arrived when its week was done with',
    sql: ({ counted, metered }) => [
      `update usage_closures set final_at = now() where line_id = '${counted}'`,
      `insert into usage_event_keys (tenant_id, key, digest, event_at)
        select tenant_id, 'too late', '', '2026-02-09T01:00:00Z' from usage_closures where line_id = '${counted}'`,
      `insert into usage_events (tenant_id, key, event_name, customer_id, event_at, properties, ingested_at)
        select tenant_id, 'too late', 'call', customer_id, '2026-02-09T01:00:00Z', '{"size": 1}', now() - interval '3 days'
        from usage_closures where line_id = '${counted}' and subscription_id = '${metered}'`,
    ],
    row: ({ metered }) => ({ subscription_id: metered, event_count: '2', events: '3' }),
  },
  {
    promise: 'rollups_are_their_events',
    how: 'there is a sub-total of nothing',
    sql: ({ counted }) => [
      `insert into usage_rollup_states (tenant_id, meter_id, meter_version, snapshot, updated_at)
        select tenant_id, meter_id, meter_version, pg_current_snapshot(), now() from usage_closures where line_id = '${counted}'
        on conflict (meter_id, meter_version) do update set built_to = null`,
      `insert into usage_rollups (tenant_id, meter_id, meter_version, customer_id, hour, count)
        select tenant_id, meter_id, meter_version, 'cus_of_nobody', '2026-02-09T01:00:00Z', 1
        from usage_closures where line_id = '${counted}'`,
    ],
    row: () => ({ customerId: 'cus_of_nobody', kept: { count: '1' }, counted: null }),
  },
  {
    promise: 'transactions_go_on',
    how: 'a dump was restored into a server that had done less',
    sql: ({ counted }) => [
      `insert into usage_event_keys (tenant_id, key, digest, event_at)
        select tenant_id, 'from elsewhere', '', '2026-02-09T01:00:00Z' from usage_closures where line_id = '${counted}'`,
      `insert into usage_events (tenant_id, key, event_name, customer_id, event_at, properties, ingested_at, ingest_xid)
        select tenant_id, 'from elsewhere', 'nothing', customer_id, '2026-02-09T01:00:00Z', '{}', now(), '900000000000000'
        from usage_closures where line_id = '${counted}'`,
    ],
    row: () => ({ key: 'from elsewhere', ingest_xid: '900000000000000' }),
  },
];
