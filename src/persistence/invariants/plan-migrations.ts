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
      select subscriber.tenant_id, subscriber.migration_id, subscriber.subscription_id, subscriber.status, command.id as command_id, command.status as command_status
      from plan_migration_subscribers subscriber
      left join commands command on command.migration_id = subscriber.migration_id and command.subject_id = subscriber.subscription_id
        and command.status = 'applied'
      where subscriber.status <> 'pending' and (subscriber.status in ('applied', 'scheduled')) <> (command.id is not null and command.id = subscriber.command_id)`,
  },
  {
    promise: 'completed_means_everybody',
    sentence: 'A completed plan migration has an outcome for each of its subscribers.',
    query: () => sql`
      select subscriber.tenant_id, subscriber.migration_id, subscriber.subscription_id from plan_migration_subscribers subscriber
      join plan_migrations migration on migration.id = subscriber.migration_id
      where migration.status = 'completed' and subscriber.status = 'pending'`,
  },
];
