import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/**
 * A subscription may become something else: at once, or at an instant that lies ahead. A key may come again as a new item
 * once the item that had it has ended, because an item is one unbroken stretch of being billed.
 */
export class Migration20261121101400_let_subscriptions_change extends Migration {
  override up(): void {
    this.addSql(`alter table subscriptions
      -- the earliest pending row of scheduled_changes
      add column change_at timestamptz(3),
      add column trial_usage text not null default 'free' check (trial_usage in ('free', 'billed')),
      add column cycles integer check (cycles between 1 and 10000),
      add column ends_at timestamptz(3),
      drop constraint subscriptions_next_step_check,
      add constraint subscriptions_next_step_check check (next_step in (
        'activate', 'remind_trial', 'apply_change', 'end_trial', 'cancel', 'expire', 'close_period')),
      add constraint subscriptions_ended_without_change check (ended_at is null or change_at is null)`);

    this.addSql('alter table subscription_items drop constraint subscription_items_subscription_id_key_key');
    this.addSql(
      'create unique index subscription_items_key on subscription_items (subscription_id, key) where ended_at is null',
    );
    this.addSql('create index subscription_items_of on subscription_items (subscription_id, id)');

    this.addSql(`create table scheduled_changes (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      subscription_id text collate "C" not null,
      effective_at timestamptz(3) not null,
      mode text not null check (mode in ('at', 'period_end')),
      -- phases of one schedule stand together
      schedule_id text collate "C",
      kind text not null check (kind in ('change', 'pause', 'resume')),
      -- what to do, in ids and strings
      body jsonb not null,
      status text not null check (status in ('pending', 'applied', 'replaced', 'canceled')),
      command_id text collate "C",
      created_at timestamptz(3) not null,
      finished_at timestamptz(3),
      unique (tenant_id, id),
      foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id),
      foreign key (tenant_id, command_id) references commands (tenant_id, id),
      check ((status = 'pending') = (finished_at is null))
    )`);
    this.addSql(
      `create unique index scheduled_changes_pending on scheduled_changes (subscription_id, effective_at, kind) where status = 'pending'`,
    );
    this.addSql('create index scheduled_changes_of on scheduled_changes (tenant_id, subscription_id, id)');
    for (const sql of protect('scheduled_changes')) this.addSql(sql);
  }
}
