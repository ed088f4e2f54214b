import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/** Plans with immutable versions and immutable prices. */
export class Migration20261121100200_create_catalog extends Migration {
  override up(): void {
    this.addSql(`create table plans (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      external_id text,
      name text not null,
      description text,
      archived_at timestamptz(3),
      metadata jsonb not null default '{}',
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      unique (tenant_id, id)
    )`);
    this.addSql(
      'create unique index plans_external_id on plans (tenant_id, external_id) where archived_at is null',
    );
    for (const sql of protect('plans')) this.addSql(sql);

    this.addSql(`create table plan_versions (
      plan_id text collate "C" not null,
      version integer not null check (version >= 1),
      tenant_id text collate "C" not null references tenants,
      active boolean not null,
      trial_days integer check (trial_days between 1 and 730),
      created_at timestamptz(3) not null,
      primary key (plan_id, version),
      unique (tenant_id, plan_id, version),
      foreign key (tenant_id, plan_id) references plans (tenant_id, id)
    )`);
    this.addSql('create unique index plan_versions_active on plan_versions (plan_id) where active');
    for (const sql of protect('plan_versions')) this.addSql(sql);

    this.addSql(`create table prices (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      plan_id text collate "C" not null,
      plan_version integer not null,
      key text not null,
      name text not null,
      currency char(3) not null,
      model text not null check (model in ('flat', 'per_unit')),
      unit_amount numeric(30,12) not null check (unit_amount >= 0),
      timing text not null check (timing in ('in_advance', 'in_arrears')),
      interval_unit text not null check (interval_unit in ('day', 'week', 'month', 'quarter', 'half_year', 'year')),
      interval_count integer not null check (interval_count between 1 and 365),
      created_at timestamptz(3) not null,
      unique (tenant_id, id),
      unique (plan_id, plan_version, key, currency),
      foreign key (tenant_id, plan_id, plan_version) references plan_versions (tenant_id, plan_id, version)
    )`);
    for (const sql of protect('prices', 'select, insert')) this.addSql(sql);

    this.addSql(`create function refuse_change() returns trigger language plpgsql as $$
      begin
        raise exception '% rows are immutable: write a new row instead', tg_table_name using errcode = 'restrict_violation';
      end $$`);
    this.addSql(
      'create trigger prices_immutable before update or delete on prices for each row execute function refuse_change()',
    );
  }
}
