import type { Case, Cast } from './cast.ts';

/** A plan migration that has moved one subscriber; what it says of him is the case's. */
const migration = ({ active }: Cast, status: string, subscriber: string) => [
  `insert into plan_versions (plan_id, version, tenant_id, active, created_at)
    select plan_id, 2, tenant_id, false, now() from subscriptions where id = '${active}'`,
  `insert into plan_migrations (id, tenant_id, plan_id, to_version, filter, effective, replaces_scheduled, status, created_at, updated_at, finished_at)
    select 'mig_one', tenant_id, plan_id, 2, '{}', 'now', false, '${status}', now(), now(), case when '${status}' = 'running' then null else now() end
    from subscriptions where id = '${active}'`,
  ...['cmd_first', 'cmd_second'].map(
    (
      id,
    ) => `insert into commands (id, tenant_id, subject_id, kind, body, requested_at, expires_at, status, created_at, finished_at, migration_id)
      select '${id}', tenant_id, id, 'change', '{}', now(), now(), '${id === 'cmd_first' ? 'applied' : 'expired'}', now(), now(), 'mig_one'
      from subscriptions where id = '${active}'`,
  ),
  `insert into plan_migration_subscribers (migration_id, subscription_id, tenant_id, from_version, status, reason, command_id, finished_at)
    select 'mig_one', id, tenant_id, 1, ${subscriber} from subscriptions where id = '${active}'`,
];

export const MIGRATION_CASES: readonly Case[] = [
  {
    promise: 'moved_once',
    how: 'a subscriber was moved twice',
    sql: (cast) => [
      ...migration(cast, 'running', `'applied', null, 'cmd_first', now()`),
      'drop index commands_once_per_migration',
      `update commands set status = 'applied' where id = 'cmd_second'`,
    ],
    row: ({ active }) => ({ subscription_id: active, commands: ['cmd_first', 'cmd_second'] }),
    also: ['moves_are_as_reported'],
  },
  {
    promise: 'moves_are_as_reported',
    how: 'who was moved is said to be refused',
    sql: (cast) => migration(cast, 'running', `'refused', 'change_not_allowed', 'cmd_first', now()`),
    row: ({ active }) => ({ subscription_id: active, status: 'refused', command_id: 'cmd_first' }),
  },
  {
    promise: 'completed_means_everybody',
    how: 'a migration is completed and somebody is left',
    sql: (cast) => migration(cast, 'completed', `'pending', null, null, null`),
    row: ({ active }) => ({ migration_id: 'mig_one', subscription_id: active }),
  },
];
