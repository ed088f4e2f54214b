import { Migration } from '@mikro-orm/migrations';

/** A period that comes to an agreed amount of usage is billed before it ends (billing rule 29c). */
export class Migration20261121102200_set_thresholds extends Migration {
  override up(): void {
    this.addSql(`alter table plan_versions
      -- by currency and amount, amounts as strings
      add column usage_thresholds jsonb not null default '[]' check (jsonb_typeof(usage_thresholds) = 'array')`);

    this.addSql(`alter table subscriptions
      -- when the running period came to a threshold that is not billed yet
      add column threshold_at timestamptz(3),
      -- when a threshold invoice was made last
      add column threshold_billed_at timestamptz(3),
      -- the highest threshold that comes once in its life and is behind it
      add column threshold_passed numeric(20,4) check (threshold_passed > 0),
      drop constraint subscriptions_next_step_check,
      add constraint subscriptions_next_step_check check (next_step in (
        'activate', 'bill_threshold', 'remind_trial', 'apply_change', 'end_trial', 'cancel', 'expire', 'close_period')),
      add constraint subscriptions_ended_without_threshold check (ended_at is null or threshold_at is null)`);

    this.addSql(`alter table invoices
      drop constraint invoices_billing_reason_check,
      add constraint invoices_billing_reason_check check (billing_reason in (
        'subscription_create', 'subscription_cycle', 'subscription_update', 'trial_end', 'subscription_cancel', 'threshold'))`);
    this.addSql(
      'create index invoice_lines_of_item on invoice_lines (item_id, period_start) where item_id is not null',
    );
  }
}
