import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/** Roles, accounts, tenants (test mode is another tenant), API keys, idempotency keys, counters. */
export class Migration20261121100000_create_tenancy extends Migration {
  override up(): void {
    // Roles belong to the whole cluster, so several databases (tests) may create them at once.
    this.addSql(`do $$
      declare name text;
      begin
        foreach name in array array['perennial_app', 'perennial_system', 'perennial_login'] loop
          begin
            execute format('create role %I noinherit %s', name, case name when 'perennial_login' then 'login' else 'nologin' end);
          exception when duplicate_object or unique_violation then null;
          end;
        end loop;
      end $$`);
    this.addSql(`do $$
      begin
        -- The lock keeps databases that are migrated at the same moment from updating the same membership row.
        perform pg_advisory_xact_lock(hashtext('perennial roles'));
        if not pg_has_role('perennial_login', 'perennial_app', 'set') or not pg_has_role('perennial_login', 'perennial_system', 'set') then
          grant perennial_app, perennial_system to perennial_login;
        end if;
      end $$`);
    this.addSql('create extension if not exists btree_gist');
    this.addSql('grant usage on schema public to perennial_app, perennial_system, perennial_login');

    this.addSql(`create table accounts (
      id text collate "C" primary key,
      name text not null check (length(name) between 1 and 200),
      metadata jsonb not null default '{}',
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null
    )`);
    this.addSql('grant select, insert, update on accounts to perennial_system');

    this.addSql(`create table tenants (
      id text collate "C" primary key,
      account_id text collate "C" not null references accounts,
      mode text not null check (mode in ('live', 'test')),
      name text not null check (length(name) between 1 and 200),
      time_zone text not null default 'UTC',
      invoice_grace_hours integer not null default 0 check (invoice_grace_hours between 0 and 720),
      dunning_policy jsonb,
      -- null: no reminder; a reminder costs a timer and a step of each trial
      trial_reminder_days integer check (trial_reminder_days between 1 and 30),
      metadata jsonb not null default '{}',
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      unique (account_id, mode)
    )`);
    this.addSql('alter table tenants enable row level security');
    this.addSql('alter table tenants force row level security');
    this.addSql(
      `create policy app_own_tenant on tenants to perennial_app using (id = nullif(current_setting('app.tenant_id', true), ''))`,
    );
    this.addSql('create policy system_all on tenants to perennial_system using (true) with check (true)');
    this.addSql('grant select on tenants to perennial_app');
    this.addSql('grant select, insert, update on tenants to perennial_system');

    this.addSql(`create table api_keys (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      name text not null,
      hash bytea not null unique,
      last4 text not null,
      scopes text[] not null,
      expires_at timestamptz(3),
      revoked_at timestamptz(3),
      last_used_at timestamptz(3),
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      unique (tenant_id, id)
    )`);
    for (const sql of protect('api_keys')) this.addSql(sql);

    // tenant_id is 'operator' for requests made with the operator key, so it references nothing.
    this.addSql(`create table idempotency_keys (
      tenant_id text collate "C" not null,
      key text collate "C" not null check (length(key) between 1 and 255),
      fingerprint bytea not null,
      command_id text collate "C",
      resource_id text collate "C",
      lease_until timestamptz(3),
      status integer check (status between 200 and 499),
      body jsonb,
      created_at timestamptz(3) not null,
      expires_at timestamptz(3) not null,
      primary key (tenant_id, key)
    )`);
    this.addSql('create index idempotency_keys_expires_at on idempotency_keys (expires_at)');
    for (const sql of protect('idempotency_keys', 'select, insert, update, delete')) this.addSql(sql);

    this.addSql(`create table counters (
      tenant_id text collate "C" not null references tenants,
      name text not null,
      value bigint not null check (value >= 0),
      primary key (tenant_id, name)
    )`);
    for (const sql of protect('counters')) this.addSql(sql);
  }
}
