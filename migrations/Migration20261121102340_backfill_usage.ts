import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/** Corrections of a stretch of time: what is to be there instead is collected first and becomes true at once. */
export class Migration20261121102340_backfill_usage extends Migration {
  override up(): void {
    this.addSql(`create table usage_backfills (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      customer_id text collate "C",
      event_names text[],
      timeframe_start timestamptz(3) not null,
      timeframe_end timestamptz(3) not null,
      replaces boolean not null,
      status text not null check (status in ('open', 'closed', 'reverted', 'canceled')),
      voided integer not null default 0,
      inserted integer not null default 0,
      duplicates integer not null default 0,
      note text,
      created_by text,
      metadata jsonb not null default '{}',
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      closed_at timestamptz(3),
      reverted_at timestamptz(3),
      unique (tenant_id, id),
      foreign key (tenant_id, customer_id) references customers (tenant_id, id),
      check (timeframe_start < timeframe_end),
      check ((status in ('closed', 'reverted')) = (closed_at is not null)),
      check ((status = 'reverted') = (reverted_at is not null))
    )`);
    this.addSql('create index usage_backfills_of on usage_backfills (tenant_id, customer_id, id)');
    for (const sql of protect('usage_backfills')) this.addSql(sql);

    this.addSql(`create table usage_backfill_events (
      backfill_id text collate "C" not null,
      key text collate "C" not null check (length(key) between 1 and 255),
      tenant_id text collate "C" not null,
      digest bytea not null,
      event_name text not null,
      customer_id text collate "C",
      external_customer_id text,
      subscription_id text collate "C",
      event_at timestamptz(3) not null,
      properties jsonb not null,
      primary key (backfill_id, key),
      foreign key (tenant_id, backfill_id) references usage_backfills (tenant_id, id),
      check (customer_id is not null or external_customer_id is not null)
    )`);
    // What was closed or canceled needs them no more.
    for (const sql of protect('usage_backfill_events', 'select, insert, delete')) this.addSql(sql);

    // What a backfill brought and what it took away, for its end.
    this.addSql(
      'create index usage_events_of_backfill on usage_events (backfill_id) where backfill_id is not null',
    );
    this.addSql(
      'create index usage_voids_of_backfill on usage_voids (backfill_id) where backfill_id is not null',
    );
    // All revisions of one event. The first is found by its instant, which its key remembers: an index of all keys would
    // cost every event that comes, for the few that are corrected.
    this.addSql('create index usage_events_revised on usage_events (tenant_id, key) where revision > 0');
    this.addSql(
      'create index usage_events_at on usage_events using brin (event_at timestamptz_minmax_multi_ops)',
    );
  }
}
