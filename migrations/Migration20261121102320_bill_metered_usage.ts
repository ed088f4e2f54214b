import { Migration } from '@mikro-orm/migrations';

/** What a meter counted stands on the lines that bill it, and what arrives late is found and billed once. */
export class Migration20261121102320_bill_metered_usage extends Migration {
  override up(): void {
    for (const table of ['invoice_lines', 'pending_items']) {
      this.addSql(`alter table ${table}
        add column meter_id text collate "C",
        add column meter_version integer,
        add column event_count bigint check (event_count >= 0),
        add foreign key (tenant_id, meter_id, meter_version) references meter_versions (tenant_id, meter_id, version),
        add check (num_nonnulls(meter_id, meter_version, event_count) in (0, 3))`);
    }

    this.addSql(`alter table usage_closures
      -- the part of a whole period that was closed, for limits that are prorated; null: the whole
      add column fraction jsonb,
      -- when it was looked at last for what arrived late
      add column looked_at timestamptz(3),
      -- from then on nothing can arrive any more, or a later revision stands in its place
      add column final_at timestamptz(3)`);
    this.addSql(
      'create unique index usage_closures_open on usage_closures (subscription_id, item_id, period_start) where final_at is null',
    );

    this.addSql(`alter table invoices
      drop constraint invoices_billing_reason_check,
      add constraint invoices_billing_reason_check check (billing_reason in (
        'subscription_create', 'subscription_cycle', 'subscription_update', 'trial_end', 'subscription_cancel', 'threshold',
        'late_usage'))`);

    this.addSql(`alter table plan_versions
      -- null: as the tenant has it
      add column invoice_grace_hours integer check (invoice_grace_hours between 0 and 720)`);
    this.addSql('create index usage_claims_of_item on usage_claims (item_id)');
  }
}
