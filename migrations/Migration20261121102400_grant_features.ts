import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/** What a plan allows besides what it costs: features, the limits of its versions, and what single customers have instead. */
export class Migration20261121102400_grant_features extends Migration {
  override up(): void {
    this.addSql(`create table features (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      external_id text,
      name text not null,
      kind text not null check (kind in ('boolean', 'limit', 'metered')),
      meter_id text collate "C",
      -- when what was used begins at zero again
      reset text check (reset in ('billing_period', 'day', 'week', 'month', 'year')),
      archived_at timestamptz(3),
      metadata jsonb not null default '{}',
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      unique (tenant_id, id),
      foreign key (tenant_id, meter_id) references meters (tenant_id, id),
      check ((kind = 'metered') = (meter_id is not null)),
      check ((kind = 'metered') = (reset is not null))
    )`);
    this.addSql(
      'create unique index features_external_id on features (tenant_id, external_id) where archived_at is null',
    );
    for (const sql of protect('features')) this.addSql(sql);

    // Published with a version of a plan or an add-on, and as immutable as its prices.
    this.addSql(`create table plan_features (
      plan_id text collate "C" not null,
      plan_version integer not null,
      feature_id text collate "C" not null,
      tenant_id text collate "C" not null,
      -- null: no limit, or a feature that is only there
      limit_quantity numeric(30,12) check (limit_quantity >= 0),
      soft boolean not null default false,
      primary key (plan_id, plan_version, feature_id),
      foreign key (plan_id, plan_version) references plan_versions (plan_id, version),
      foreign key (tenant_id, feature_id) references features (tenant_id, id)
    )`);
    for (const sql of protect('plan_features', 'select, insert')) this.addSql(sql);
    this.addSql(
      'create trigger plan_features_immutable before update or delete on plan_features for each row execute function refuse_change()',
    );

    // While it is in force, it takes the place of everything that plans give the customer of the feature.
    this.addSql(`create table entitlement_overrides (
      customer_id text collate "C" not null,
      feature_id text collate "C" not null,
      tenant_id text collate "C" not null,
      enabled boolean not null,
      limit_quantity numeric(30,12) check (limit_quantity >= 0),
      soft boolean not null default false,
      expires_at timestamptz(3),
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      primary key (customer_id, feature_id),
      foreign key (tenant_id, customer_id) references customers (tenant_id, id),
      foreign key (tenant_id, feature_id) references features (tenant_id, id)
    )`);
    for (const sql of protect('entitlement_overrides', 'select, insert, update, delete')) this.addSql(sql);
  }
}
