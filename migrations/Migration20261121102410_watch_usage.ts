import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/** Somebody is told when use or its cost comes to an amount. What has changed waits in a queue, so nobody else is looked at. */
export class Migration20261121102410_watch_usage extends Migration {
  override up(): void {
    this.addSql(`create table alerts (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      name text not null,
      kind text not null check (kind in ('usage', 'cost')),
      -- of a cost: only what this meter counts; null: all use
      meter_id text collate "C",
      -- null: every customer
      customer_id text collate "C",
      -- one subscription of the customer
      subscription_id text collate "C",
      reset text not null check (reset in ('billing_period', 'day', 'week', 'month', 'year')),
      currency char(3),
      -- decimal strings, ascending
      thresholds text[] not null check (cardinality(thresholds) between 1 and 20),
      archived_at timestamptz(3),
      metadata jsonb not null default '{}',
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      unique (tenant_id, id),
      foreign key (tenant_id, meter_id) references meters (tenant_id, id),
      foreign key (tenant_id, customer_id) references customers (tenant_id, id),
      foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id),
      check (kind = 'cost' or meter_id is not null),
      check ((kind = 'cost') = (currency is not null)),
      check (kind = 'usage' or reset = 'billing_period'),
      check (subscription_id is null or customer_id is not null)
    )`);
    this.addSql('create index alerts_watching on alerts (tenant_id, meter_id) where archived_at is null');
    for (const sql of protect('alerts')) this.addSql(sql);

    // Each threshold once per subject and period, whatever happens in it.
    this.addSql(`create table alert_firings (
      alert_id text collate "C" not null,
      -- the customer, or the subscription
      subject text collate "C" not null,
      period_start timestamptz(3) not null,
      threshold numeric(30,12) not null,
      id text collate "C" not null unique,
      tenant_id text collate "C" not null,
      customer_id text collate "C" not null,
      subscription_id text collate "C",
      test_clock_id text collate "C",
      period_end timestamptz(3) not null,
      value numeric(30,12) not null,
      triggered_at timestamptz(3) not null,
      resolved_at timestamptz(3),
      resolution text check (resolution in ('below', 'period_over')),
      created_at timestamptz(3) not null,
      primary key (alert_id, subject, period_start, threshold),
      foreign key (tenant_id, alert_id) references alerts (tenant_id, id),
      foreign key (tenant_id, customer_id) references customers (tenant_id, id),
      check (period_start < period_end),
      check ((resolved_at is null) = (resolution is null))
    )`);
    this.addSql('create index alert_firings_of on alert_firings (alert_id, id)');
    this.addSql(
      'create index alert_firings_open on alert_firings (period_end) where resolved_at is null and test_clock_id is null',
    );
    this.addSql(
      'create index alert_firings_on_clock on alert_firings (test_clock_id, period_end) where resolved_at is null and test_clock_id is not null',
    );
    for (const sql of protect('alert_firings')) this.addSql(sql);

    // Written with the rollups, deleted with what was found out. A row for each time, so that nobody waits for another.
    this.addSql(`create table usage_touched (
      id bigint generated always as identity primary key,
      tenant_id text collate "C" not null,
      customer_id text collate "C" not null,
      meter_id text collate "C" not null,
      not_before timestamptz(3) not null default now(),
      tries integer not null default 0
    )`);
    this.addSql('create index usage_touched_of on usage_touched (customer_id, meter_id)');
    for (const sql of protect('usage_touched', 'select, insert, update, delete')) this.addSql(sql);
  }
}
