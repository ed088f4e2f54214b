import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/**
 * What was billed and is given back: of an open invoice by a credit note, of a paid one by a line that reverses, and
 * where that leaves less than nothing to pay, by the customer's balance (billing rules 13, 28).
 */
export class Migration20261121101600_give_credit extends Migration {
  override up(): void {
    this.letInvoicesBeCredited();
    this.createCreditNotes();
    this.createBalances();
    this.addSql(`alter table ledger_entries
      drop constraint ledger_entries_account_check,
      add constraint ledger_entries_account_check check (account in ('receivable', 'revenue', 'cash', 'bad_debt', 'customer_balance'))`);
    this.addSql(`alter table ledger_transactions
      drop constraint ledger_transactions_kind_check,
      add constraint ledger_transactions_kind_check check (kind in (
        'invoice_finalized', 'payment_received', 'invoice_voided', 'invoice_written_off', 'write_off_recovered',
        'invoice_credited', 'balance_granted', 'balance_applied', 'balance_returned'))`);
  }

  private letInvoicesBeCredited(): void {
    this.addSql(`alter table invoices
      -- what the customer's balance gave to it; negative: what it gave to the balance
      add column balance_applied numeric(20,4) not null default 0,
      -- what credit notes took off it
      add column amount_credited numeric(20,4) not null default 0 check (amount_credited >= 0),
      drop constraint invoices_total_check,
      drop constraint invoices_check5,
      drop constraint invoices_check6,
      add constraint invoices_settled_by check (
        amount_paid >= 0 and case when total < 0
          then amount_paid = 0 and amount_credited = 0 and balance_applied in (0, total)
          else balance_applied >= 0 and amount_paid + balance_applied + amount_credited <= total end),
      add constraint invoices_paid_in_full check (status <> 'paid' or amount_paid + balance_applied + amount_credited = total),
      add constraint invoices_draft_is_unsettled check (status <> 'draft' or (balance_applied = 0 and amount_credited = 0))`);
    this.addSql(`create or replace function freeze_invoice() returns trigger language plpgsql as $$
      begin
        if tg_op = 'DELETE' then
          raise exception 'invoice % cannot be deleted: void it', old.id using errcode = 'restrict_violation';
        end if;
        if old.status <> 'draft' and
           (new.number, new.currency, new.subtotal, new.total, new.balance_applied, new.customer_id, new.subscription_id, new.origin_key, new.finalized_at, new.due_at)
           is distinct from
           (old.number, old.currency, old.subtotal, old.total, old.balance_applied, old.customer_id, old.subscription_id, old.origin_key, old.finalized_at, old.due_at) then
          raise exception 'invoice % is finalized: its amounts no longer change', old.id using errcode = 'restrict_violation';
        end if;
        if old.status in ('paid', 'void') and new.status <> old.status then
          raise exception 'invoice % is %: that is final', old.id, old.status using errcode = 'restrict_violation';
        end if;
        return new;
      end $$`);
  }

  private createCreditNotes(): void {
    this.addSql(`create table credit_notes (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      customer_id text collate "C" not null,
      subscription_id text collate "C",
      invoice_id text collate "C" not null,
      number text not null,
      currency char(3) not null,
      amount numeric(20,4) not null check (amount > 0),
      created_at timestamptz(3) not null,
      unique (tenant_id, id),
      unique (tenant_id, number),
      foreign key (tenant_id, customer_id) references customers (tenant_id, id),
      foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id),
      foreign key (tenant_id, invoice_id) references invoices (tenant_id, id)
    )`);
    this.addSql('create index credit_notes_invoice on credit_notes (invoice_id)');
    this.addSql('create index credit_notes_customer on credit_notes (tenant_id, customer_id, id)');
    this.addSql(`create table credit_note_lines (
      credit_note_id text collate "C" not null,
      n integer not null check (n >= 1),
      tenant_id text collate "C" not null references tenants,
      invoice_line_id text collate "C" not null,
      description text not null,
      amount numeric(20,4) not null check (amount > 0),
      primary key (credit_note_id, n),
      foreign key (tenant_id, credit_note_id) references credit_notes (tenant_id, id),
      foreign key (tenant_id, invoice_line_id) references invoice_lines (tenant_id, id)
    )`);
    this.addSql('create index credit_note_lines_line on credit_note_lines (invoice_line_id)');
    for (const table of ['credit_notes', 'credit_note_lines']) {
      for (const sql of protect(table, 'select, insert')) this.addSql(sql);
      this.addSql(
        `create trigger ${table}_immutable before update or delete on ${table} for each row execute function refuse_change()`,
      );
    }

    this.addSql(`create function check_credit_note() returns trigger language plpgsql as $$
      declare
        note record;
        lines numeric;
        notes numeric;
        stored numeric;
      begin
        select id, invoice_id, amount into note from credit_notes where id = coalesce(to_jsonb(new) ->> 'credit_note_id', to_jsonb(new) ->> 'id');
        select coalesce(sum(amount), 0) into lines from credit_note_lines where credit_note_id = note.id;
        select coalesce(sum(amount), 0) into notes from credit_notes where invoice_id = note.invoice_id;
        select amount_credited into stored from invoices where id = note.invoice_id;
        if lines <> note.amount or notes <> stored then
          raise exception 'credit note %: lines sum to %, it says %; notes of its invoice sum to %, that says %', note.id, lines, note.amount, notes, stored
            using errcode = 'check_violation';
        end if;
        return null;
      end $$`);
    this.addSql(`create constraint trigger credit_notes_totals after insert on credit_notes
      deferrable initially deferred for each row execute function check_credit_note()`);
    this.addSql(`create constraint trigger credit_note_lines_totals after insert on credit_note_lines
      deferrable initially deferred for each row execute function check_credit_note()`);

    // Rule 13: what was given back of a line, on whatever paper, is never more than the line. What an invoice that was
    // voided gave back is owed again.
    this.addSql(`create function check_credited() returns trigger language plpgsql as $$
      declare
        target text := coalesce(to_jsonb(new) ->> 'invoice_line_id', to_jsonb(new) ->> 'reverses_line_id');
        billed numeric;
        credited numeric;
      begin
        select amount into billed from invoice_lines where id = target;
        select coalesce(sum(amount), 0) into credited from (
          select amount from credit_note_lines where invoice_line_id = target
          union all
          select -line.amount from invoice_lines line join invoices invoice on invoice.id = line.invoice_id
            where line.reverses_line_id = target and invoice.status <> 'void'
          union all
          select -amount from pending_items where reverses_line_id = target and invoice_line_id is null and dropped_at is null) given;
        if credited > billed then
          raise exception 'line % billed %, and % of it would be credited', target, billed, credited using errcode = 'check_violation';
        end if;
        return null;
      end $$`);
    this.addSql(`create constraint trigger credit_note_lines_credited after insert on credit_note_lines
      deferrable initially deferred for each row execute function check_credited()`);
    for (const table of ['invoice_lines', 'pending_items']) {
      this.addSql(`create constraint trigger ${table}_credited after insert on ${table}
        deferrable initially deferred for each row when (new.reverses_line_id is not null) execute function check_credited()`);
    }
  }

  private createBalances(): void {
    this.addSql(`create table customer_balances (
      customer_id text collate "C" not null,
      currency char(3) not null,
      tenant_id text collate "C" not null references tenants,
      -- what the customer has to his credit
      balance numeric(20,4) not null check (balance >= 0),
      entries integer not null check (entries >= 1),
      updated_at timestamptz(3) not null,
      primary key (customer_id, currency),
      unique (tenant_id, customer_id, currency),
      foreign key (tenant_id, customer_id) references customers (tenant_id, id)
    )`);
    for (const sql of protect('customer_balances')) this.addSql(sql);
    this.addSql(`create table customer_balance_entries (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      customer_id text collate "C" not null,
      currency char(3) not null,
      n integer not null check (n >= 1),
      kind text not null check (kind in ('granted', 'applied', 'returned')),
      amount numeric(20,4) not null check (amount <> 0),
      balance numeric(20,4) not null,
      invoice_id text collate "C" not null,
      created_at timestamptz(3) not null,
      unique (tenant_id, id),
      unique (customer_id, currency, n),
      unique (invoice_id, kind),
      foreign key (tenant_id, customer_id, currency) references customer_balances (tenant_id, customer_id, currency),
      foreign key (tenant_id, invoice_id) references invoices (tenant_id, id),
      check ((kind = 'applied') = (amount < 0))
    )`);
    for (const sql of protect('customer_balance_entries', 'select, insert')) this.addSql(sql);
    this.addSql(
      'create trigger customer_balance_entries_immutable before update or delete on customer_balance_entries for each row execute function refuse_change()',
    );
    this.addSql(`create function check_customer_balance() returns trigger language plpgsql as $$
      declare
        stored record;
        counted record;
      begin
        select balance, entries into stored from customer_balances where customer_id = new.customer_id and currency = new.currency;
        select coalesce(sum(amount), 0) as balance, count(*) as entries into counted
          from customer_balance_entries where customer_id = new.customer_id and currency = new.currency;
        if stored.balance <> counted.balance or stored.entries <> counted.entries then
          raise exception 'balance of % in % is %, its entries sum to %', new.customer_id, new.currency, stored.balance, counted.balance using errcode = 'check_violation';
        end if;
        return null;
      end $$`);
    this.addSql(`create constraint trigger customer_balances_sum after insert or update on customer_balances
      deferrable initially deferred for each row execute function check_customer_balance()`);
    this.addSql(`create constraint trigger customer_balance_entries_sum after insert on customer_balance_entries
      deferrable initially deferred for each row execute function check_customer_balance()`);
  }
}
