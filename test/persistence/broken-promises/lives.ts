import { type Case, LONG_AGO, unfinished } from './cast.ts';

/** Subscriptions and their alarms, webhooks, commands, tenants. */
export const LIFE_CASES: readonly Case[] = [
  {
    promise: 'nothing_overdue',
    how: 'a period ended ten minutes ago and nothing happened',
    sql: ({ present }) => [
      `update subscriptions set current_period_start = ${LONG_AGO}, current_period_end = now() - interval '10 minutes',
        next_step_at = now() - interval '10 minutes' where id = '${present}'`,
    ],
    row: ({ present }) => ({ subscription_id: present, next_step: 'close_period' }),
  },
  {
    promise: 'nothing_overdue',
    how: 'a test clock says it is ready and left a period behind',
    sql: ({ active }) => [
      `update subscriptions set current_period_start = '2026-05-01', current_period_end = '2026-05-14', next_step_at = '2026-05-14' where id = '${active}'`,
    ],
    row: ({ active, clockId }) => ({ subscription_id: active, test_clock_id: clockId }),
  },
  {
    promise: 'no_invoice_overdue',
    how: 'nobody asked what became of a charge',
    sql: ({ presentInvoice }) => [unfinished(presentInvoice, 'att_lost', 2)],
    row: ({ presentInvoice }) => ({ invoice_id: presentInvoice, step: 'check_payment' }),
  },
  {
    promise: 'nudges_arrive',
    how: 'a nudge is never delivered',
    sql: ({ active }) => [
      `insert into nudges (workflow_id, tenant_id, kind, entity_id, next_attempt_at, created_at)
        select 'subscription/' || id, tenant_id, 'subscription', id, ${LONG_AGO}, now() from subscriptions where id = '${active}'`,
    ],
    row: ({ active }) => ({ workflow_id: `subscription/${active}` }),
  },
  {
    promise: 'status_follows_from_facts',
    how: 'a status was set by hand',
    sql: ({ active }) => [`update subscriptions set status = 'past_due' where id = '${active}'`],
    row: ({ active }) => ({ subscription_id: active, status: 'past_due', derived: 'active' }),
    // Its last event told of another one.
    also: ['only_allowed_transitions'],
  },
  {
    promise: 'next_step_follows_from_facts',
    how: 'an alarm was moved by hand',
    sql: ({ active }) => [
      `update subscriptions set next_step_at = next_step_at + interval '1 day' where id = '${active}'`,
    ],
    row: ({ active }) => ({ subscription_id: active, derived_step: 'close_period' }),
  },
  {
    promise: 'ended_means_ended',
    how: 'an item outlives its subscription',
    sql: ({ leaver }) => [
      `update subscription_items set ended_at = null where subscription_id = '${leaver}' and key = 'p0'`,
    ],
    row: ({ leaver }) => ({ subscription_id: leaver, status: 'canceled' }),
  },
  {
    promise: 'only_allowed_transitions',
    how: 'an event tells of a way back',
    sql: ({ event }) => [
      `update events set data = jsonb_set(data, '{object,status}', '"trialing"') || '{"previous_attributes": {"status": "active"}}' where id = '${event}'`,
    ],
    row: ({ event, active }) => ({
      event_id: event,
      subscription_id: active,
      before: 'active',
      after: 'trialing',
    }),
  },
  {
    promise: 'only_allowed_transitions',
    how: 'what ended lives again',
    sql: ({ event }) => [
      `update events set data = jsonb_set(data, '{object,status}', '"canceled"') || '{"previous_attributes": {"status": "active"}}' where id = '${event}'`,
    ],
    row: ({ active }) => ({ event_id: null, subscription_id: active, last: 'canceled', before: 'active' }),
  },
  {
    promise: 'overdue_count_is_counted',
    how: 'an overdue invoice is counted twice',
    sql: ({ pastDue }) => [
      `update subscriptions set overdue_count = overdue_count + 1 where id = '${pastDue}'`,
    ],
    row: ({ pastDue }) => ({ subscription_id: pastDue, overdue_count: 2, counted: '1' }),
  },
  {
    promise: 'change_at_is_the_earliest',
    how: 'a scheduled change was moved by hand',
    sql: ({ planned }) => [
      `update scheduled_changes set effective_at = effective_at + interval '1 day' where subscription_id = '${planned}'`,
    ],
    row: ({ planned }) => ({ subscription_id: planned }),
  },
  {
    promise: 'segments_without_gap',
    how: 'an item has no price on its first day',
    sql: ({ feeItem }) => [
      `update item_segments set valid = tstzrange(lower(valid) + interval '1 day', upper(valid)) where item_id = '${feeItem}'`,
    ],
    row: ({ feeItem, active }) => ({ item_id: feeItem, subscription_id: active }),
  },
  {
    promise: 'events_are_placed',
    how: 'the relay forgot an event',
    sql: ({ event }) => [
      `update events set position = null, recorded_at = ${LONG_AGO} where id = '${event}'`,
    ],
    row: ({ event }) => ({ event_id: event }),
  },
  {
    promise: 'positions_are_unique',
    how: 'two events stand in one place',
    sql: ({ event, otherEvent }) => [
      'drop index events_position',
      `update events set position = (select position from events where id = '${otherEvent}') where id = '${event}'`,
    ],
    row: ({ event, otherEvent }) => ({ event_ids: [otherEvent, event].sort() }),
  },
  {
    promise: 'sequences_without_gap',
    how: 'an event of an object is missing',
    sql: ({ event }) => [`update events set sequence = sequence + 1 where id = '${event}'`],
    row: ({ event, active }) => ({ event_id: event, object_id: active }),
  },
  {
    promise: 'events_reach_endpoints',
    how: 'a delivery was dropped silently',
    sql: ({ delivery }) => [
      `delete from webhook_attempts where delivery_id = '${delivery}'`,
      `delete from webhook_deliveries where id = '${delivery}'`,
    ],
    row: ({ event, endpointId }) => ({ event_id: event, endpoint_id: endpointId }),
  },
  {
    promise: 'delivered_means_accepted',
    how: 'a delivery counts as made although nobody took it',
    sql: ({ delivery }) => [`update webhook_attempts set status = 500 where delivery_id = '${delivery}'`],
    row: ({ delivery }) => ({ delivery_id: delivery }),
  },
  {
    promise: 'deliveries_move',
    how: 'nobody sends what is due',
    sql: ({ delivery }) => [
      `update webhook_attempts set started_at = ${LONG_AGO}`,
      `update webhook_deliveries set status = 'pending', delivered_at = null, next_attempt_at = ${LONG_AGO} where id = '${delivery}'`,
    ],
    row: ({ delivery }) => ({ delivery_id: delivery }),
  },
  {
    promise: 'commands_end',
    how: 'a command waits for ever',
    sql: ({ creation }) => [
      `update commands set status = 'pending', finished_at = null, expires_at = ${LONG_AGO} where id = '${creation}'`,
    ],
    row: ({ creation }) => ({ command_id: creation, kind: 'create' }),
  },
  {
    promise: 'finished_commands_say_so',
    how: 'an applied creation made nothing',
    sql: ({ creation }) => [`update commands set subject_id = 'sub_nobody' where id = '${creation}'`],
    row: ({ creation }) => ({ command_id: creation, subject_id: 'sub_nobody' }),
  },
  {
    promise: 'one_effect_per_key',
    how: 'two keys name one command',
    sql: ({ creation }) => [
      `insert into idempotency_keys (tenant_id, key, fingerprint, command_id, created_at, expires_at)
        select tenant_id, key, '', id, now(), now() from commands, (values ('one'), ('two')) as keys (key) where id = '${creation}'`,
    ],
    row: ({ creation }) => ({ command_id: creation, keys: ['one', 'two'] }),
  },
  {
    promise: 'nothing_crosses_tenants',
    how: 'a row names a parent of another tenant',
    sql: ({ delivery, otherTenant }) => [
      `update webhook_attempts set tenant_id = '${otherTenant}' where delivery_id = '${delivery}'`,
    ],
    row: ({ delivery, otherTenant }) => ({
      table: 'webhook_attempts',
      refers_to: delivery,
      tenant_id: otherTenant,
    }),
  },
];
