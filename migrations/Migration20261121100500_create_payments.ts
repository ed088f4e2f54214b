import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/** Payment attempts, payments, dunning, the gateway inbox, and the ledger they are written to. */
export class Migration20261121100500_create_payments extends Migration {
  override up(): void {
    this.addSql(`create table payment_attempts (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      invoice_id text collate "C" not null,
      customer_id text collate "C" not null,
      n integer not null check (n >= 1),
      payment_method_id text collate "C" not null,
      gateway text not null,
      gateway_ref text,
      amount numeric(20,4) not null check (amount > 0),
      currency char(3) not null,
      status text not null check (status in ('in_flight', 'unknown', 'pending', 'requires_action', 'settled', 'declined')),
      hard boolean,
      code text,
      message text,
      action_url text,
      next_check_at timestamptz(3),
      check_count integer not null default 0,
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      finished_at timestamptz(3),
      unique (tenant_id, id),
      unique (invoice_id, n),
      unique (gateway, gateway_ref),
      foreign key (tenant_id, invoice_id) references invoices (tenant_id, id),
      foreign key (tenant_id, customer_id) references customers (tenant_id, id),
      foreign key (tenant_id, payment_method_id) references payment_methods (tenant_id, id),
      check ((status in ('settled', 'declined')) = (finished_at is not null)),
      check ((status in ('settled', 'declined')) = (next_check_at is null)),
      check ((status = 'declined') = (hard is not null))
    )`);
    this.addSql(`create unique index payment_attempts_one_in_flight on payment_attempts (invoice_id)
      where status in ('in_flight', 'unknown', 'pending', 'requires_action')`);
    for (const sql of protect('payment_attempts')) this.addSql(sql);

    this.addSql(`create table payments (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      customer_id text collate "C" not null,
      attempt_id text collate "C" unique,
      gateway text,
      gateway_ref text,
      amount numeric(20,4) not null check (amount > 0),
      currency char(3) not null,
      reference text,
      paid_at timestamptz(3) not null,
      created_at timestamptz(3) not null,
      unique (tenant_id, id),
      foreign key (tenant_id, customer_id) references customers (tenant_id, id),
      foreign key (tenant_id, attempt_id) references payment_attempts (tenant_id, id),
      -- a payment without an attempt was received outside any gateway
      check ((attempt_id is null) = (gateway is null))
    )`);
    this.addSql('create index payments_customer on payments (tenant_id, customer_id, id)');
    for (const sql of protect('payments', 'select, insert')) this.addSql(sql);

    this.addSql(`create table payment_allocations (
      payment_id text collate "C" not null,
      invoice_id text collate "C" not null,
      tenant_id text collate "C" not null references tenants,
      amount numeric(20,4) not null check (amount > 0),
      created_at timestamptz(3) not null,
      primary key (payment_id, invoice_id),
      foreign key (tenant_id, payment_id) references payments (tenant_id, id),
      foreign key (tenant_id, invoice_id) references invoices (tenant_id, id)
    )`);
    this.addSql('create index payment_allocations_invoice on payment_allocations (invoice_id)');
    for (const sql of protect('payment_allocations', 'select, insert')) this.addSql(sql);

    this.addSql(`create table collections (
      invoice_id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      customer_id text collate "C" not null,
      currency char(3) not null,
      policy jsonb not null,
      first_failed_at timestamptz(3) not null,
      attempt integer not null check (attempt >= 1),
      hard_declined boolean not null,
      next_attempt_at timestamptz(3),
      outcome text check (outcome in ('paid', 'exhausted', 'superseded', 'voided', 'uncollectible')),
      ended_at timestamptz(3),
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      unique (tenant_id, invoice_id),
      foreign key (tenant_id, invoice_id) references invoices (tenant_id, id),
      foreign key (tenant_id, customer_id) references customers (tenant_id, id),
      check ((outcome is null) = (ended_at is null)),
      check (outcome is null or next_attempt_at is null)
    )`);
    this.addSql(
      'create index collections_running on collections (tenant_id, customer_id, currency) where outcome is null',
    );
    for (const sql of protect('collections')) this.addSql(sql);

    this.addSql(`create table gateway_events (
      connection_id text collate "C" not null,
      event_id text collate "C" not null,
      tenant_id text collate "C" not null references tenants,
      type text not null,
      gateway_ref text not null,
      status text not null check (status in ('received', 'applied', 'ignored', 'unmatched')),
      received_at timestamptz(3) not null,
      finished_at timestamptz(3),
      primary key (connection_id, event_id),
      foreign key (tenant_id, connection_id) references gateway_connections (tenant_id, id)
    )`);
    this.addSql('create index gateway_events_ref on gateway_events (tenant_id, gateway_ref)');
    for (const sql of protect('gateway_events')) this.addSql(sql);

    this.addSql(`create table ledger_transactions (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      kind text not null check (kind in ('invoice_finalized', 'payment_received', 'invoice_voided', 'invoice_written_off', 'write_off_recovered')),
      source text collate "C" not null,
      at timestamptz(3) not null,
      unique (tenant_id, id),
      unique (tenant_id, kind, source)
    )`);
    for (const sql of protect('ledger_transactions', 'select, insert')) this.addSql(sql);

    this.addSql(`create table ledger_entries (
      transaction_id text collate "C" not null,
      n integer not null check (n >= 1),
      tenant_id text collate "C" not null references tenants,
      account text not null check (account in ('receivable', 'revenue', 'cash', 'bad_debt')),
      customer_id text collate "C" not null,
      invoice_id text collate "C",
      amount numeric(20,4) not null check (amount <> 0),
      currency char(3) not null,
      primary key (transaction_id, n),
      foreign key (tenant_id, transaction_id) references ledger_transactions (tenant_id, id),
      foreign key (tenant_id, customer_id) references customers (tenant_id, id),
      foreign key (tenant_id, invoice_id) references invoices (tenant_id, id)
    )`);
    this.addSql('create index ledger_entries_invoice on ledger_entries (invoice_id)');
    for (const sql of protect('ledger_entries', 'select, insert')) this.addSql(sql);

    for (const table of [
      'ledger_transactions',
      'ledger_entries',
      'payments',
      'payment_allocations',
      'steps',
    ]) {
      this.addSql(
        `create trigger ${table}_immutable before update or delete on ${table} for each row execute function refuse_change()`,
      );
    }
    this.addSql(`create function check_ledger_balance() returns trigger language plpgsql as $$
      begin
        if exists (select from ledger_entries where transaction_id = new.transaction_id group by currency having sum(amount) <> 0) then
          raise exception 'ledger transaction % does not sum to zero', new.transaction_id using errcode = 'check_violation';
        end if;
        return null;
      end $$`);
    this.addSql(`create constraint trigger ledger_entries_balance after insert on ledger_entries
      deferrable initially deferred for each row execute function check_ledger_balance()`);
  }
}
