import { sql } from 'kysely';
import type { Promised } from './promised.ts';

/** Yesterday's request surprises nobody: promise 4 of `docs/promises.md`. */
export const COMMAND_PROMISES: readonly Promised[] = [
  {
    promise: 'commands_end',
    sentence: 'No command is still pending five minutes after it expired.',
    query: (at) => sql`
      select tenant_id, id as command_id, kind, subject_id, requested_at, expires_at from commands
      where status = 'pending' and expires_at < ${new Date(at.getTime() - 300_000).toISOString()}`,
  },
  {
    promise: 'finished_commands_say_so',
    sentence:
      'A command has an end exactly when it is no longer pending, a refusal has its reason, a creation its subscription.',
    query: () => sql`
      select command.tenant_id, command.id as command_id, command.kind, command.subject_id, command.status, command.finished_at
      from commands command
      where (command.status = 'pending') <> (command.finished_at is null)
        or (command.status = 'refused' and command.result is null)
        or (command.status = 'applied' and command.kind = 'create'
          and not exists (select from subscriptions sub where sub.id = command.subject_id and sub.tenant_id = command.tenant_id))`,
  },
  {
    promise: 'one_effect_per_key',
    sentence: 'No command answers two idempotency keys.',
    query: () => sql`
      select tenant_id, command_id, array_agg(key) as keys from idempotency_keys
      where command_id is not null group by tenant_id, command_id having count(*) > 1`,
  },
];
