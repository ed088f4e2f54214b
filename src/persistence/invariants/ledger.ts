import { sql } from 'kysely';
import type { Promised } from './promised.ts';

/** What is left to pay of `invoice`. */
const DUE = sql`invoice.total - invoice.balance_applied - invoice.amount_credited - invoice.amount_paid`;

/** The books: promise 7 of `docs/promises.md`. */
export const LEDGER_PROMISES: readonly Promised[] = [
  {
    promise: 'ledger_sums_to_zero',
    sentence: 'The entries of a ledger transaction sum to zero in each currency, and there are some.',
    query: () => sql`
      select movement.tenant_id, movement.id as transaction_id, movement.kind, movement.source, entry.currency, sum(entry.amount) as sum
      from ledger_transactions movement left join ledger_entries entry on entry.transaction_id = movement.id
      group by movement.id, entry.currency having coalesce(sum(entry.amount), 1) <> 0`,
  },
  {
    promise: 'receivable_is_what_is_owed',
    sentence: 'By the ledger an open invoice owes what is not paid of it, and any other owes nothing.',
    query: () => sql`
      select invoice.tenant_id, invoice.id as invoice_id, invoice.status, invoice.total, invoice.amount_paid, invoice.balance_applied, invoice.amount_credited,
        coalesce(sum(entry.amount), 0) as receivable
      from invoices invoice left join ledger_entries entry on entry.invoice_id = invoice.id and entry.account = 'receivable'
      group by invoice.id
      having coalesce(sum(entry.amount), 0) <> case invoice.status when 'open' then ${DUE} else 0 end`,
  },
  {
    promise: 'finalized_is_booked',
    sentence: 'Every finalized invoice of anything but zero was booked once, over its total.',
    query: () => sql`
      select invoice.tenant_id, invoice.id as invoice_id, invoice.total, count(distinct movement.id) as movements, sum(entry.amount) as booked
      from invoices invoice
      left join ledger_transactions movement
        on movement.tenant_id = invoice.tenant_id and movement.kind = 'invoice_finalized' and movement.source = invoice.id
      left join ledger_entries entry
        on entry.transaction_id = movement.id and entry.account = 'receivable' and entry.invoice_id = invoice.id
      where invoice.status <> 'draft' and invoice.total <> 0
      group by invoice.id
      having count(distinct movement.id) <> 1 or sum(entry.amount) is distinct from invoice.total`,
  },
  {
    promise: 'payments_are_booked',
    sentence: 'Every payment was booked once as cash, over its amount.',
    query: () => sql`
      select payment.tenant_id, payment.id as payment_id, payment.amount, count(distinct movement.id) as movements, sum(entry.amount) as booked
      from payments payment
      left join ledger_transactions movement
        on movement.tenant_id = payment.tenant_id and movement.kind = 'payment_received' and movement.source = payment.id
      left join ledger_entries entry
        on entry.transaction_id = movement.id and entry.account = 'cash' and entry.currency = payment.currency
      group by payment.id
      having count(distinct movement.id) <> 1 or sum(entry.amount) is distinct from payment.amount`,
  },
  {
    promise: 'balance_is_booked',
    sentence: 'By the ledger a customer has to his credit what his balance says.',
    query: () => sql`
      with booked as (
        select tenant_id, customer_id, currency, -sum(amount) as booked from ledger_entries
        where account = 'customer_balance' group by tenant_id, customer_id, currency)
      select coalesce(known.tenant_id, booked.tenant_id) as tenant_id, coalesce(known.customer_id, booked.customer_id) as customer_id,
        coalesce(known.currency, booked.currency) as currency, known.balance, booked.booked
      from customer_balances known full join booked on booked.customer_id = known.customer_id and booked.currency = known.currency
      where coalesce(known.balance, 0) <> coalesce(booked.booked, 0)`,
  },
];
