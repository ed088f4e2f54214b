import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/** Usage: events that are appended and never edited, what is said against them, meters that count them, and what was billed of them. */
export class Migration20261121102300_meter_usage extends Migration {
  override up(): void {
    this.addSql(`create table meters (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      external_id text,
      name text not null,
      event_name text not null,
      archived_at timestamptz(3),
      metadata jsonb not null default '{}',
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      unique (tenant_id, id)
    )`);
    this.addSql('create unique index meters_external_id on meters (tenant_id, external_id)');
    this.addSql('create index meters_of_event on meters (tenant_id, event_name)');
    for (const sql of protect('meters')) this.addSql(sql);

    // Immutable: a change is another version, for the periods that begin from then on.
    this.addSql(`create table meter_versions (
      meter_id text collate "C" not null,
      version integer not null check (version >= 1),
      tenant_id text collate "C" not null,
      aggregation text not null check (aggregation in ('count', 'sum', 'max', 'min', 'latest', 'unique_count', 'sum_product')),
      property text,
      factor_property text,
      filters jsonb not null default '[]',
      group_by text[] not null default '{}',
      bucket text check (bucket in ('hour', 'day')),
      rounding jsonb,
      effective_at timestamptz(3) not null,
      created_at timestamptz(3) not null,
      primary key (meter_id, version),
      unique (tenant_id, meter_id, version),
      foreign key (tenant_id, meter_id) references meters (tenant_id, id),
      check ((aggregation = 'count') = (property is null)),
      check ((aggregation = 'sum_product') = (factor_property is not null))
    )`);
    for (const sql of protect('meter_versions', 'select, insert')) this.addSql(sql);
    this.addSql(
      'create trigger meter_versions_immutable before update or delete on meter_versions for each row execute function refuse_change()',
    );

    this.addSql('alter table prices add meter_id text collate "C"');
    this.addSql('alter table prices add foreign key (tenant_id, meter_id) references meters (tenant_id, id)');
    this.addSql(`alter table prices add check (meter_id is null or billing = 'usage')`);

    // A partitioned table cannot be unique on what it is not divided by. No foreign keys: the key that was sent says whose it is.
    this.addSql(`create table usage_event_keys (
      tenant_id text collate "C" not null,
      key text collate "C" not null check (length(key) between 1 and 255),
      -- of the event as it was sent, to tell a repetition from another event
      digest bytea not null,
      event_at timestamptz(3) not null,
      primary key (tenant_id, key)
    )`);
    this.addSql('create index usage_event_keys_old on usage_event_keys using brin (event_at)');
    for (const sql of protect('usage_event_keys', 'select, insert, delete')) this.addSql(sql);

    this.addSql(`create table usage_events (
      tenant_id text collate "C" not null,
      key text collate "C" not null,
      -- an amended event is the same key again
      revision integer not null default 0,
      event_name text not null,
      customer_id text collate "C",
      external_customer_id text,
      -- for items whose usage is their subscription's own
      subscription_id text collate "C",
      event_at timestamptz(3) not null,
      properties jsonb not null,
      backfill_id text collate "C",
      -- with a snapshot it tells what a count has seen; given anew when an event finds its customer
      ingest_xid xid8 not null default pg_current_xact_id(),
      ingested_at timestamptz(3) not null,
      check (customer_id is not null or external_customer_id is not null)
    ) partition by range (event_at)`);
    this.addSql(
      'create index usage_events_of on usage_events (tenant_id, customer_id, event_name, event_at)',
    );
    this.addSql('create index usage_events_new on usage_events (ingest_xid)');
    this.addSql(
      'create index usage_events_strange on usage_events (tenant_id, external_customer_id) where customer_id is null',
    );
    this.addSql('create table usage_events_other partition of usage_events default');
    // The two columns that a found customer changes are all that anybody may change.
    for (const sql of protect('usage_events', 'select, insert, delete, update (customer_id, ingest_xid)'))
      this.addSql(sql);

    // What is said against an event. It counts no more from \`voided_xid\` on, until \`restored_xid\`.
    this.addSql(`create table usage_voids (
      tenant_id text collate "C" not null,
      key text collate "C" not null,
      revision integer not null,
      customer_id text collate "C",
      event_name text not null,
      event_at timestamptz(3) not null,
      reason text not null check (reason in ('amended', 'deprecated', 'backfilled', 'reverted')),
      backfill_id text collate "C",
      note text,
      voided_by text,
      voided_at timestamptz(3) not null,
      voided_xid xid8 not null default pg_current_xact_id(),
      restored_at timestamptz(3),
      restored_xid xid8,
      primary key (tenant_id, key, revision, voided_xid)
    )`);
    this.addSql(
      'create unique index usage_voids_once on usage_voids (tenant_id, key, revision) where restored_xid is null',
    );
    this.addSql('create index usage_voids_of on usage_voids (tenant_id, customer_id, event_name, event_at)');
    this.addSql('create index usage_voids_new on usage_voids (voided_xid)');
    this.addSql('create index usage_voids_back on usage_voids (restored_xid) where restored_xid is not null');
    for (const sql of protect('usage_voids')) this.addSql(sql);

    this.addSql(`create table usage_rollups (
      tenant_id text collate "C" not null,
      meter_id text collate "C" not null,
      meter_version integer not null,
      customer_id text collate "C" not null,
      hour timestamptz(3) not null,
      subscription_id text collate "C" not null default '',
      -- the values of the meter's group_by, in its order
      group_values jsonb not null default '[]',
      count bigint not null,
      sum numeric,
      min numeric,
      max numeric,
      latest_at timestamptz(3),
      latest numeric,
      primary key (tenant_id, meter_id, meter_version, customer_id, hour, subscription_id, group_values)
    )`);
    for (const sql of protect('usage_rollups', 'select, insert, update, delete')) this.addSql(sql);

    // One row per meter version that is rolled up: what its rollups have seen. The rest is counted from the events.
    this.addSql(`create table usage_rollup_states (
      tenant_id text collate "C" not null,
      meter_id text collate "C" not null,
      meter_version integer not null,
      snapshot pg_snapshot not null,
      updated_at timestamptz(3) not null,
      primary key (meter_id, meter_version)
    )`);
    for (const sql of protect('usage_rollup_states', 'select, insert, update, delete')) this.addSql(sql);

    // What was billed of a usage item's period, and which events that count had seen; a later revision is for late ones.
    this.addSql(`create table usage_closures (
      item_id text collate "C" not null references subscription_items,
      period_start timestamptz(3) not null,
      revision integer not null default 0,
      tenant_id text collate "C" not null,
      subscription_id text collate "C" not null,
      customer_id text collate "C" not null,
      price_id text collate "C" not null references prices,
      meter_id text collate "C" not null,
      meter_version integer not null,
      period_end timestamptz(3) not null,
      quantity numeric(30,12) not null,
      event_count bigint not null check (event_count >= 0),
      -- of the whole period, billed up to and with this revision, before tax and credit
      amount numeric(20,4) not null,
      snapshot pg_snapshot not null,
      line_id text collate "C",
      pending_item_id text collate "C",
      closed_at timestamptz(3) not null,
      primary key (item_id, period_start, revision),
      foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id),
      foreign key (tenant_id, meter_id, meter_version) references meter_versions (tenant_id, meter_id, version),
      check (period_start < period_end)
    )`);
    this.addSql('create index usage_closures_of on usage_closures (tenant_id, subscription_id, period_end)');
    this.addSql('create index usage_closures_line on usage_closures (line_id)');
    for (const sql of protect('usage_closures')) this.addSql(sql);

    // Unscoped usage of a meter is billed by one live item per customer (billing rule 29b).
    this.addSql(`create table usage_claims (
      tenant_id text collate "C" not null,
      customer_id text collate "C" not null,
      meter_id text collate "C" not null,
      item_id text collate "C" not null references subscription_items,
      primary key (customer_id, meter_id),
      foreign key (tenant_id, customer_id) references customers (tenant_id, id),
      foreign key (tenant_id, meter_id) references meters (tenant_id, id)
    )`);
    for (const sql of protect('usage_claims', 'select, insert, update, delete')) this.addSql(sql);

    this.addSql(
      `alter table subscriptions add usage_scope text not null default 'customer' check (usage_scope in ('customer', 'subscription'))`,
    );
    this.addSql(
      'alter table tenants add late_window_days integer not null default 35 check (late_window_days between 1 and 400)',
    );
    this.addSql(
      'alter table tenants add usage_retention_days integer check (usage_retention_days between 60 and 3650)',
    );

    // A property as a number; null when it is none, so that one odd event never stops a count.
    this.addSql(`create function usage_number(properties jsonb, name text) returns numeric immutable parallel safe language sql
      return case jsonb_typeof(properties -> name)
        when 'number' then (properties -> name)::numeric
        when 'string' then case when properties ->> name ~ '^-?[0-9]{1,18}(\\.[0-9]{1,12})?$' then (properties ->> name)::numeric end
      end`);
  }
}
