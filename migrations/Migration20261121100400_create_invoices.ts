import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/** Invoices and lines, frozen once finalized, and the table that makes a period billable once. */
export class Migration20261121100400_create_invoices extends Migration {
  override up(): void {
    this.addSql(`create table invoices (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      customer_id text collate "C" not null,
      subscription_id text collate "C",
      origin_key text collate "C" not null,
      number text,
      status text not null check (status in ('draft', 'open', 'paid', 'void', 'uncollectible')),
      billing_reason text not null check (billing_reason in ('subscription_create', 'subscription_cycle', 'trial_end', 'subscription_cancel')),
      currency char(3) not null,
      subtotal numeric(20,4) not null,
      total numeric(20,4) not null check (total >= 0),
      amount_paid numeric(20,4) not null default 0,
      collection_method text not null check (collection_method in ('charge_automatically', 'send_invoice')),
      net_days integer,
      due_at timestamptz(3),
      finalize_at timestamptz(3),
      finalized_at timestamptz(3),
      -- when the first charge of an open invoice is due; null when nothing is to be charged
      collect_at timestamptz(3),
      overdue_since timestamptz(3),
      paid_at timestamptz(3),
      paid_out_of_band boolean not null default false,
      voided_at timestamptz(3),
      marked_uncollectible_at timestamptz(3),
      period_start timestamptz(3) not null,
      period_end timestamptz(3) not null,
      revision integer not null default 1,
      metadata jsonb not null default '{}',
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      unique (tenant_id, id),
      unique (tenant_id, origin_key),
      unique (tenant_id, number),
      foreign key (tenant_id, customer_id) references customers (tenant_id, id),
      foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id),
      check ((status = 'draft') = (number is null)),
      check ((status = 'draft') = (finalized_at is null)),
      check ((status = 'paid') = (paid_at is not null)),
      check ((status = 'void') = (voided_at is not null)),
      check ((status = 'uncollectible') = (marked_uncollectible_at is not null)),
      check (amount_paid >= 0 and amount_paid <= total),
      check (status <> 'paid' or amount_paid = total),
      check (status = 'open' or overdue_since is null)
    )`);
    this.addSql('create index invoices_subscription on invoices (tenant_id, subscription_id, id)');
    this.addSql('create index invoices_customer on invoices (tenant_id, customer_id, id)');
    this.addSql(
      `create index invoices_waiting on invoices (tenant_id, customer_id) where status in ('draft', 'open')`,
    );
    for (const sql of protect('invoices')) this.addSql(sql);

    this.addSql(`create table invoice_lines (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      invoice_id text collate "C" not null,
      n integer not null check (n >= 1),
      item_id text collate "C",
      price_id text collate "C",
      description text not null,
      quantity numeric(30,12) not null,
      unit_amount numeric(30,12) not null,
      amount numeric(20,4) not null,
      period_start timestamptz(3) not null,
      period_end timestamptz(3) not null,
      proration boolean not null,
      trace jsonb not null,
      reverses_line_id text collate "C",
      unique (tenant_id, id),
      unique (invoice_id, n),
      foreign key (tenant_id, invoice_id) references invoices (tenant_id, id),
      foreign key (tenant_id, item_id) references subscription_items (tenant_id, id),
      foreign key (tenant_id, price_id) references prices (tenant_id, id),
      foreign key (tenant_id, reverses_line_id) references invoice_lines (tenant_id, id),
      check (period_start < period_end)
    )`);
    for (const sql of protect('invoice_lines')) this.addSql(sql);

    this.addSql(`create table billed_periods (
      id bigint generated always as identity primary key,
      tenant_id text collate "C" not null references tenants,
      item_id text collate "C" not null,
      side text not null check (side in ('fee', 'usage')),
      period tstzrange not null check (not isempty(period)),
      reason text not null check (reason in ('billed', 'trial', 'paused', 'waived')),
      line_id text collate "C",
      voided_at timestamptz(3),
      foreign key (tenant_id, item_id) references subscription_items (tenant_id, id),
      foreign key (tenant_id, line_id) references invoice_lines (tenant_id, id),
      check ((reason = 'billed') = (line_id is not null)),
      exclude using gist (item_id with =, side with =, period with &&) where (voided_at is null)
    )`);
    this.addSql('create index billed_periods_line on billed_periods (line_id)');
    for (const sql of protect('billed_periods')) this.addSql(sql);

    this.addSql(`create function freeze_invoice() returns trigger language plpgsql as $$
      begin
        if tg_op = 'DELETE' then
          raise exception 'invoice % cannot be deleted: void it', old.id using errcode = 'restrict_violation';
        end if;
        if old.status <> 'draft' and
           (new.number, new.currency, new.subtotal, new.total, new.customer_id, new.subscription_id, new.origin_key, new.finalized_at, new.due_at)
           is distinct from
           (old.number, old.currency, old.subtotal, old.total, old.customer_id, old.subscription_id, old.origin_key, old.finalized_at, old.due_at) then
          raise exception 'invoice % is finalized: its amounts no longer change', old.id using errcode = 'restrict_violation';
        end if;
        if old.status in ('paid', 'void') and new.status <> old.status then
          raise exception 'invoice % is %: that is final', old.id, old.status using errcode = 'restrict_violation';
        end if;
        return new;
      end $$`);
    this.addSql(
      'create trigger invoices_freeze before update or delete on invoices for each row execute function freeze_invoice()',
    );

    this.addSql(`create function freeze_invoice_line() returns trigger language plpgsql as $$
      declare
        line invoice_lines := case when tg_op = 'DELETE' then old else new end;
        state text;
      begin
        select status into state from invoices where id = line.invoice_id;
        if state is distinct from 'draft' then
          raise exception 'invoice % is finalized: its lines no longer change', line.invoice_id using errcode = 'restrict_violation';
        end if;
        return case when tg_op = 'DELETE' then old else new end;
      end $$`);
    this.addSql(
      'create trigger invoice_lines_freeze before insert or update or delete on invoice_lines for each row execute function freeze_invoice_line()',
    );

    this.addSql(`create function check_invoice_totals() returns trigger language plpgsql as $$
      declare
        -- one function for both tables: a line names its invoice, an invoice is one
        target text := coalesce(to_jsonb(new) ->> 'invoice_id', to_jsonb(new) ->> 'id');
        lines numeric;
        stored record;
      begin
        select coalesce(sum(amount), 0) into lines from invoice_lines where invoice_id = target;
        select subtotal, total into stored from invoices where id = target;
        if lines <> stored.subtotal or stored.total <> stored.subtotal then
          raise exception 'invoice %: lines sum to %, subtotal is %, total is %', target, lines, stored.subtotal, stored.total using errcode = 'check_violation';
        end if;
        return null;
      end $$`);
    this.addSql(`create constraint trigger invoices_totals after insert or update of subtotal, total on invoices
      deferrable initially deferred for each row execute function check_invoice_totals()`);
    this.addSql(`create constraint trigger invoice_lines_totals after insert or update of amount on invoice_lines
      deferrable initially deferred for each row execute function check_invoice_totals()`);
  }
}
