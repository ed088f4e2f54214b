import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/**
 * Subscribers of a plan are moved to another version of it in bulk: a row for the whole, one for each subscriber, and a
 * command for each move, of which there is never more than one that may have, or has had, an effect.
 */
export class Migration20261121102100_move_subscribers extends Migration {
  override up(): void {
    this.addSql(`create table plan_migrations (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      plan_id text collate "C" not null,
      -- null: all that are older than to_version
      from_version integer,
      to_version integer not null,
      filter jsonb not null,
      effective text not null check (effective in ('now', 'period_end', 'at')),
      effective_at timestamptz(3),
      proration text check (proration in ('invoice_now', 'next_invoice', 'none')),
      anchor text check (anchor in ('reset', 'keep')),
      replaces_scheduled boolean not null,
      status text not null check (status in ('running', 'paused', 'completed', 'canceled')),
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      finished_at timestamptz(3),
      unique (tenant_id, id),
      foreign key (tenant_id, plan_id) references plans (tenant_id, id),
      foreign key (plan_id, to_version) references plan_versions (plan_id, version),
      check (from_version <> to_version),
      check ((effective = 'at') = (effective_at is not null)),
      check ((status in ('completed', 'canceled')) = (finished_at is not null))
    )`);
    this.addSql(
      `create unique index plan_migrations_one_at_a_time on plan_migrations (plan_id) where status in ('running', 'paused')`,
    );
    this.addSql('create index plan_migrations_of on plan_migrations (tenant_id, plan_id, id)');

    this.addSql(`create table plan_migration_subscribers (
      migration_id text collate "C" not null,
      subscription_id text collate "C" not null,
      tenant_id text collate "C" not null references tenants,
      from_version integer not null,
      status text not null check (status in ('pending', 'applied', 'scheduled', 'refused', 'skipped', 'failed')),
      reason text,
      message text,
      command_id text collate "C",
      -- commands that came to no outcome, and when the next one may be written
      tries integer not null default 0 check (tries >= 0),
      again_at timestamptz(3),
      finished_at timestamptz(3),
      primary key (migration_id, subscription_id),
      foreign key (tenant_id, migration_id) references plan_migrations (tenant_id, id),
      foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id),
      foreign key (tenant_id, command_id) references commands (tenant_id, id),
      check ((status = 'pending') = (finished_at is null)),
      check (status not in ('applied', 'scheduled') or command_id is not null),
      check (status not in ('refused', 'skipped', 'failed') or reason is not null)
    )`);
    this.addSql(
      'create index plan_migration_subscribers_by_status on plan_migration_subscribers (migration_id, status, subscription_id)',
    );
    this.addSql(
      'create unique index plan_migration_subscribers_command on plan_migration_subscribers (command_id)',
    );

    this.addSql('alter table commands add column migration_id text collate "C"');
    this.addSql(`alter table commands add constraint commands_migration_fkey
      foreign key (tenant_id, migration_id) references plan_migrations (tenant_id, id)`);
    this.addSql(`create unique index commands_once_per_migration on commands (migration_id, subject_id)
      where migration_id is not null and status in ('pending', 'applied')`);

    this.addSql(`alter table nudges drop constraint nudges_kind_check,
      add constraint nudges_kind_check check (kind in ('subscription', 'invoice', 'test_clock', 'plan_migration'))`);
    for (const table of ['plan_migrations', 'plan_migration_subscribers'])
      for (const sql of protect(table)) this.addSql(sql);
  }
}
