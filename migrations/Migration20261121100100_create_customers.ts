import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/** Test clocks, customers, gateway connections, payment methods. */
export class Migration20261121100100_create_customers extends Migration {
  override up(): void {
    this.addSql(`create table test_clocks (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      name text not null,
      now_at timestamptz(3) not null,
      target_at timestamptz(3) not null,
      status text not null check (status in ('ready', 'advancing', 'failed', 'deleted')),
      failure jsonb,
      entities_total integer not null default 0,
      entities_done integer not null default 0,
      metadata jsonb not null default '{}',
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      unique (tenant_id, id),
      check (now_at <= target_at),
      check ((status = 'failed') = (failure is not null))
    )`);
    for (const sql of protect('test_clocks')) this.addSql(sql);

    this.addSql(`create table customers (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      external_id text,
      name text not null,
      email text,
      time_zone text,
      currency char(3),
      test_clock_id text collate "C",
      metadata jsonb not null default '{}',
      deleted_at timestamptz(3),
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      unique (tenant_id, id),
      foreign key (tenant_id, test_clock_id) references test_clocks (tenant_id, id)
    )`);
    this.addSql(
      'create unique index customers_external_id on customers (tenant_id, external_id) where deleted_at is null',
    );
    this.addSql(
      'create index customers_test_clock on customers (tenant_id, test_clock_id) where test_clock_id is not null',
    );
    for (const sql of protect('customers')) this.addSql(sql);

    // The token stands in the callback URL and finds the connection; it proves nothing, the signature does.
    this.addSql(`create table gateway_connections (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      gateway text not null,
      callback_token text not null unique,
      secret_sealed text not null,
      previous_secret_sealed text,
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      unique (tenant_id, id),
      unique (tenant_id, gateway)
    )`);
    for (const sql of protect('gateway_connections')) this.addSql(sql);

    this.addSql(`create table payment_methods (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      customer_id text collate "C" not null,
      gateway text not null,
      gateway_ref text not null,
      brand text not null,
      last4 text not null,
      exp_month integer check (exp_month between 1 and 12),
      exp_year integer,
      is_default boolean not null,
      metadata jsonb not null default '{}',
      detached_at timestamptz(3),
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      unique (tenant_id, id),
      unique (tenant_id, gateway, gateway_ref),
      foreign key (tenant_id, customer_id) references customers (tenant_id, id),
      check (detached_at is null or not is_default)
    )`);
    this.addSql(
      'create unique index payment_methods_default on payment_methods (customer_id) where is_default',
    );
    this.addSql('create index payment_methods_customer on payment_methods (tenant_id, customer_id, id)');
    for (const sql of protect('payment_methods')) this.addSql(sql);
  }
}
