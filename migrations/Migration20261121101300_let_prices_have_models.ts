import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/**
 * A price is its terms: every model of billing rules 19 and 19b in one column, so that reading a price never depends on
 * which model it has. Prices may be counted under an item, agreed with one subscription, limited, or charged once.
 */
export class Migration20261121101300_let_prices_have_models extends Migration {
  override up(): void {
    this.addSql(`create table items (
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
      'create unique index items_external_id on items (tenant_id, external_id) where archived_at is null',
    );
    for (const sql of protect('items')) this.addSql(sql);

    this.addSql(`alter table prices
      add column subscription_id text collate "C",
      add column item_id text collate "C",
      add column terms jsonb,
      add column billing text not null default 'licensed' check (billing in ('licensed', 'usage')),
      add column minimum numeric(20,4) check (minimum >= 0),
      add column maximum numeric(20,4) check (maximum >= 0),
      alter column interval_unit drop not null,
      alter column interval_count drop not null`);
    this.addSql('alter table prices disable trigger prices_immutable');
    this.addSql(
      `update prices set terms = jsonb_build_object('model', model, 'unitAmount', trim_scale(unit_amount)::text)`,
    );
    this.addSql('alter table prices enable trigger prices_immutable');
    this.addSql(`alter table prices
      drop column model,
      drop column unit_amount,
      alter column terms set not null,
      alter column billing drop default,
      drop constraint prices_plan_id_plan_version_key_currency_key,
      add constraint prices_terms_model check (terms ->> 'model' in (
        'flat', 'per_unit', 'package', 'graduated', 'volume', 'percentage', 'graduated_percentage', 'dynamic', 'matrix', 'minimum_commitment')),
      add constraint prices_once check ((interval_unit is null) = (interval_count is null)),
      add constraint prices_limits check (minimum <= maximum),
      add constraint prices_usage_in_arrears check (billing = 'licensed' or timing = 'in_arrears'),
      add foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id),
      add foreign key (tenant_id, item_id) references items (tenant_id, id)`);
    // A negotiated price shares its slot with the one that is sold.
    this.addSql(
      'create unique index prices_slot on prices (plan_id, plan_version, key, currency) where subscription_id is null',
    );
    this.addSql(
      'create index prices_negotiated on prices (tenant_id, subscription_id) where subscription_id is not null',
    );
    this.addSql('alter table invoice_lines alter column unit_amount drop not null');
  }
}
