import { sql } from 'kysely';
import type { Promised } from './promised.ts';

/** Who is moved to another version of his plan is moved once. */
export const MIGRATION_PROMISES: readonly Promised[] = [
  {
    promise: 'moved_once',
    sentence: 'No subscription was changed twice by one plan migration.',
    query: () => sql`
      select tenant_id, migration_id, subject_id as subscription_id, array_agg(id order by id) as commands from commands
      where migration_id is not null and status = 'applied'
      group by tenant_id, migration_id, subject_id having count(*) > 1`,
  },
  {
    promise: 'moves_are_as_reported',
    sentence: 'A subscriber is reported as moved exactly when the command that moves him was applied.',
    query: () => sql`
      select row.tenant_id, row.migration_id, row.subscription_id, row.status, command.id as command_id, command.status as command_status
      from plan_migration_subscribers row
      left join commands command on command.migration_id = row.migration_id and command.subject_id = row.subscription_id
        and command.status = 'applied'
      where row.status <> 'pending' and (row.status in ('applied', 'scheduled')) <> (command.id is not null and command.id = row.command_id)`,
  },
  {
    promise: 'completed_means_everybody',
    sentence: 'A completed plan migration has an outcome for each of its subscribers.',
    query: () => sql`
      select row.tenant_id, row.migration_id, row.subscription_id from plan_migration_subscribers row
      join plan_migrations migration on migration.id = row.migration_id
      where migration.status = 'completed' and row.status = 'pending'`,
  },
];
