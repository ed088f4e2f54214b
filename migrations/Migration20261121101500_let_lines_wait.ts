import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/** Lines that were decided and wait for the subscription's next invoice: prorations that are not worth one of their own. */
export class Migration20261121101500_let_lines_wait extends Migration {
  override up(): void {
    this.addSql(`create table pending_items (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      subscription_id text collate "C" not null,
      item_id text collate "C",
      price_id text collate "C",
      description text not null,
      quantity numeric(30,12) not null,
      unit_amount numeric(30,12),
      amount numeric(20,4) not null,
      period_start timestamptz(3) not null,
      period_end timestamptz(3) not null,
      proration boolean not null,
      trace jsonb not null,
      -- what it gives back a part of: a line, or one that waits as well
      reverses_line_id text collate "C",
      reverses_pending_id text collate "C",
      -- where it went; each line takes one
      invoice_line_id text collate "C" unique,
      dropped_at timestamptz(3),
      created_at timestamptz(3) not null,
      unique (tenant_id, id),
      foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id),
      foreign key (tenant_id, item_id) references subscription_items (tenant_id, id),
      foreign key (tenant_id, price_id) references prices (tenant_id, id),
      foreign key (tenant_id, reverses_line_id) references invoice_lines (tenant_id, id),
      foreign key (tenant_id, reverses_pending_id) references pending_items (tenant_id, id),
      foreign key (tenant_id, invoice_line_id) references invoice_lines (tenant_id, id),
      check (period_start < period_end),
      check (num_nonnulls(invoice_line_id, dropped_at) <= 1),
      check (num_nonnulls(reverses_line_id, reverses_pending_id) <= 1)
    )`);
    this.addSql(
      'create index pending_items_waiting on pending_items (subscription_id, id) where invoice_line_id is null and dropped_at is null',
    );
    this.addSql(
      'create index pending_items_reverses_line on pending_items (reverses_line_id) where reverses_line_id is not null',
    );
    this.addSql(
      'create index pending_items_reverses_pending on pending_items (reverses_pending_id) where reverses_pending_id is not null',
    );
    for (const sql of protect('pending_items')) this.addSql(sql);

    this.addSql(`create function freeze_pending_item() returns trigger language plpgsql as $$
      begin
        if tg_op = 'DELETE' or old.invoice_line_id is not null or old.dropped_at is not null or
           to_jsonb(new) - 'invoice_line_id' - 'dropped_at' is distinct from to_jsonb(old) - 'invoice_line_id' - 'dropped_at' then
          raise exception 'pending item % is frozen: an invoice takes it, once', old.id using errcode = 'restrict_violation';
        end if;
        if new.invoice_line_id is not null and not exists (
            select from invoice_lines line where line.id = new.invoice_line_id and line.amount = new.amount
              and line.item_id is not distinct from new.item_id and line.price_id is not distinct from new.price_id
              and line.period_start = new.period_start and line.period_end = new.period_end) then
          raise exception 'pending item % is not what line % says', old.id, new.invoice_line_id using errcode = 'restrict_violation';
        end if;
        return new;
      end $$`);
    this.addSql(
      'create trigger pending_items_freeze before update or delete on pending_items for each row execute function freeze_pending_item()',
    );

    // A stretch is billed by a line, or by one that waits until an invoice takes it.
    this.addSql(`alter table billed_periods
      add column pending_item_id text collate "C",
      add foreign key (tenant_id, pending_item_id) references pending_items (tenant_id, id),
      drop constraint billed_periods_check,
      add constraint billed_periods_check check (num_nonnulls(line_id, pending_item_id) = case reason when 'billed' then 1 else 0 end)`);
    this.addSql(
      'create index billed_periods_pending on billed_periods (pending_item_id) where pending_item_id is not null',
    );
    this.addSql(`alter table invoices
      drop constraint invoices_billing_reason_check,
      add constraint invoices_billing_reason_check check (billing_reason in (
        'subscription_create', 'subscription_cycle', 'subscription_update', 'trial_end', 'subscription_cancel'))`);
    this.addSql(
      'create index invoice_lines_reverses on invoice_lines (reverses_line_id) where reverses_line_id is not null',
    );
  }
}
