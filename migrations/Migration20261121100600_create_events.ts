import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/** The outbox: events, nudges to workflows, webhook endpoints, deliveries and attempts. */
export class Migration20261121100600_create_events extends Migration {
  override up(): void {
    this.addSql(`create table events (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      recorded bigint generated always as identity,
      position bigint,
      type text not null,
      object_type text not null,
      object_id text collate "C" not null,
      sequence integer not null check (sequence >= 1),
      customer_id text collate "C",
      subscription_id text collate "C",
      invoice_id text collate "C",
      api_version text not null,
      data jsonb not null,
      correlation_id text,
      causation_id text,
      created_at timestamptz(3) not null,
      recorded_at timestamptz(3) not null default now(),
      unique (tenant_id, id),
      unique (object_id, sequence)
    )`);
    this.addSql('create unique index events_position on events (position) where position is not null');
    this.addSql('create index events_feed on events (tenant_id, position)');
    this.addSql('create index events_unplaced on events (recorded) where position is null');
    this.addSql(
      'create index events_subscription on events (tenant_id, subscription_id, recorded) where subscription_id is not null',
    );
    for (const sql of protect('events')) this.addSql(sql);
    this.addSql('create sequence event_positions');
    this.addSql('grant usage on sequence event_positions to perennial_system');
    this.addSql(`create function freeze_event() returns trigger language plpgsql as $$
      begin
        if tg_op = 'DELETE' or old.position is not null or
           (new.id, new.tenant_id, new.type, new.object_id, new.sequence, new.data, new.created_at) is distinct from
           (old.id, old.tenant_id, old.type, old.object_id, old.sequence, old.data, old.created_at) then
          raise exception 'event % is frozen: only its position is given, once', old.id using errcode = 'restrict_violation';
        end if;
        return new;
      end $$`);
    this.addSql(
      'create trigger events_freeze before update or delete on events for each row execute function freeze_event()',
    );

    // A nudge is owed to a workflow until the relay (or the process that wrote it) has delivered it.
    this.addSql(`create table nudges (
      workflow_id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      kind text not null check (kind in ('subscription', 'invoice', 'test_clock')),
      entity_id text collate "C" not null,
      version integer not null default 1,
      attempts integer not null default 0,
      next_attempt_at timestamptz(3) not null,
      last_error text,
      created_at timestamptz(3) not null
    )`);
    this.addSql('create index nudges_due on nudges (next_attempt_at)');
    for (const sql of protect('nudges', 'select, insert, update, delete')) this.addSql(sql);

    this.addSql(`create table webhook_endpoints (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      url text not null,
      description text,
      event_types text[] not null,
      status text not null check (status in ('enabled', 'disabled')),
      disabled_reason text,
      disabled_at timestamptz(3),
      api_version text not null,
      secret_sealed text not null,
      previous_secret_sealed text,
      previous_secret_expires_at timestamptz(3),
      failing_since timestamptz(3),
      metadata jsonb not null default '{}',
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      deleted_at timestamptz(3),
      unique (tenant_id, id),
      check ((status = 'disabled') = (disabled_at is not null))
    )`);
    for (const sql of protect('webhook_endpoints')) this.addSql(sql);

    this.addSql(`create table webhook_deliveries (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      endpoint_id text collate "C" not null,
      event_id text collate "C" not null,
      status text not null check (status in ('pending', 'delivered', 'dead')),
      attempts integer not null default 0,
      resent_at timestamptz(3),
      schedule_base integer not null default 0,
      next_attempt_at timestamptz(3),
      lease_until timestamptz(3),
      last_status integer,
      last_error text,
      delivered_at timestamptz(3),
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      unique (tenant_id, id),
      unique (endpoint_id, event_id),
      foreign key (tenant_id, endpoint_id) references webhook_endpoints (tenant_id, id),
      foreign key (tenant_id, event_id) references events (tenant_id, id),
      check ((status = 'pending') = (next_attempt_at is not null)),
      check ((status = 'delivered') = (delivered_at is not null))
    )`);
    this.addSql(
      `create index webhook_deliveries_due on webhook_deliveries (endpoint_id, next_attempt_at) where status = 'pending'`,
    );
    this.addSql('create index webhook_deliveries_event on webhook_deliveries (tenant_id, event_id)');
    for (const sql of protect('webhook_deliveries')) this.addSql(sql);

    this.addSql(`create table webhook_attempts (
      delivery_id text collate "C" not null,
      n integer not null check (n >= 1),
      tenant_id text collate "C" not null references tenants,
      started_at timestamptz(3) not null,
      finished_at timestamptz(3),
      latency_ms integer,
      status integer,
      error text,
      response_excerpt text check (octet_length(response_excerpt) <= 4096),
      primary key (delivery_id, n),
      foreign key (tenant_id, delivery_id) references webhook_deliveries (tenant_id, id)
    )`);
    for (const sql of protect('webhook_attempts')) this.addSql(sql);
  }
}
