import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/** Subscriptions, their items and segments, and the two tables that make a step and a command happen once. */
export class Migration20261121100300_create_subscriptions extends Migration {
  override up(): void {
    this.addSql(`create table subscriptions (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      external_id text,
      customer_id text collate "C" not null,
      plan_id text collate "C" not null,
      plan_version integer not null,
      test_clock_id text collate "C",
      -- frozen at creation
      currency char(3) not null,
      time_zone text not null,
      proration_basis text not null check (proration_basis in ('day', 'second')),
      billing_cycle text not null check (billing_cycle in ('anniversary', 'calendar')),
      collection_method text not null check (collection_method in ('charge_automatically', 'send_invoice')),
      net_days integer check (net_days between 0 and 365),
      payment_behavior text not null check (payment_behavior in ('allow_incomplete', 'default_active', 'error_if_incomplete', 'default_incomplete')),
      trial_end_behavior text not null check (trial_end_behavior in ('activate', 'pause', 'cancel')),
      starts_at timestamptz(3) not null,
      -- facts
      anchor_at timestamptz(3) not null,
      -- an explicit anchor and calendar billing keep it when a trial ends; otherwise it moves to the trial's end
      anchor_fixed boolean not null,
      started_at timestamptz(3),
      trial_ends_at timestamptz(3),
      trial_ended_at timestamptz(3),
      trial_reminder_at timestamptz(3),
      incomplete_since timestamptz(3),
      expires_at timestamptz(3),
      paused_at timestamptz(3),
      unpaid_since timestamptz(3),
      overdue_count integer not null default 0 check (overdue_count >= 0),
      past_due_since timestamptz(3),
      cancel_at timestamptz(3),
      cancel_mode text check (cancel_mode in ('period_end', 'at')),
      canceled_at timestamptz(3),
      ended_at timestamptz(3),
      end_reason text check (end_reason in ('canceled', 'expired')),
      cancellation_reason text,
      current_period_start timestamptz(3),
      current_period_end timestamptz(3),
      latest_invoice_id text collate "C",
      -- derived, written only by the functions of domain/subscription.ts and domain/next-step.ts
      status text not null check (status in ('scheduled', 'trialing', 'incomplete', 'active', 'past_due', 'unpaid', 'paused', 'canceled', 'expired')),
      next_step text check (next_step in ('activate', 'remind_trial', 'end_trial', 'cancel', 'expire', 'close_period')),
      next_step_at timestamptz(3),
      revision integer not null check (revision >= 1),
      blocked_reason text,
      failure_count integer not null default 0,
      metadata jsonb not null default '{}',
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      unique (tenant_id, id),
      foreign key (tenant_id, customer_id) references customers (tenant_id, id),
      foreign key (tenant_id, plan_id, plan_version) references plan_versions (tenant_id, plan_id, version),
      foreign key (tenant_id, test_clock_id) references test_clocks (tenant_id, id),
      check ((ended_at is null) = (end_reason is null)),
      check ((ended_at is not null) = (status in ('canceled', 'expired'))),
      check ((next_step is null) = (next_step_at is null)),
      check (ended_at is null or next_step is null),
      -- a pause without an end is the one live state in which nothing is due
      check (next_step is not null or ended_at is not null or status = 'paused'),
      check ((collection_method = 'send_invoice') = (net_days is not null)),
      check (current_period_start < current_period_end),
      check ((cancel_at is null) = (cancel_mode is null)),
      check ((incomplete_since is null) = (expires_at is null))
    )`);
    this.addSql('create unique index subscriptions_external_id on subscriptions (tenant_id, external_id)');
    this.addSql('create index subscriptions_customer on subscriptions (tenant_id, customer_id, id)');
    this.addSql(
      'create index subscriptions_due on subscriptions (next_step_at) where next_step_at is not null',
    );
    this.addSql(
      'create index subscriptions_clock on subscriptions (tenant_id, test_clock_id, next_step_at) where test_clock_id is not null and ended_at is null',
    );
    for (const sql of protect('subscriptions')) this.addSql(sql);

    this.addSql(`create table subscription_items (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      subscription_id text collate "C" not null,
      key text not null,
      started_at timestamptz(3),
      ended_at timestamptz(3),
      current_period_start timestamptz(3),
      current_period_end timestamptz(3),
      created_at timestamptz(3) not null,
      unique (tenant_id, id),
      unique (subscription_id, key),
      foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id),
      check (current_period_start < current_period_end)
    )`);
    for (const sql of protect('subscription_items')) this.addSql(sql);

    this.addSql(`create table item_segments (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      item_id text collate "C" not null,
      price_id text collate "C" not null,
      quantity numeric(30,12) not null check (quantity >= 0),
      valid tstzrange not null check (not isempty(valid)),
      created_at timestamptz(3) not null,
      unique (tenant_id, id),
      foreign key (tenant_id, item_id) references subscription_items (tenant_id, id),
      foreign key (tenant_id, price_id) references prices (tenant_id, id),
      exclude using gist (item_id with =, valid with &&)
    )`);
    for (const sql of protect('item_segments')) this.addSql(sql);

    this.addSql(`create table steps (
      subscription_id text collate "C" not null,
      step_key text collate "C" not null,
      tenant_id text collate "C" not null references tenants,
      result jsonb not null,
      done_at timestamptz(3) not null,
      primary key (subscription_id, step_key),
      foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id)
    )`);
    for (const sql of protect('steps', 'select, insert')) this.addSql(sql);

    // A creation's command is written before its subscription, so subject_id references nothing.
    this.addSql(`create table commands (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      subject_id text collate "C" not null,
      kind text not null,
      body jsonb not null,
      requested_at timestamptz(3) not null,
      expires_at timestamptz(3) not null,
      status text not null check (status in ('pending', 'applied', 'refused', 'expired')),
      result jsonb,
      request_id text,
      created_at timestamptz(3) not null,
      finished_at timestamptz(3),
      unique (tenant_id, id),
      check ((status = 'pending') = (finished_at is null)),
      check (status <> 'refused' or result is not null)
    )`);
    this.addSql('create index commands_subject on commands (tenant_id, subject_id, id)');
    this.addSql(`create index commands_pending on commands (expires_at) where status = 'pending'`);
    for (const sql of protect('commands')) this.addSql(sql);
  }
}
