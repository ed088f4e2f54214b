import { sql } from 'kysely';
import type { Promised } from './promised.ts';

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
      select invoice.tenant_id, invoice.id as invoice_id, invoice.status, invoice.total, invoice.amount_paid,
        coalesce(sum(entry.amount), 0) as receivable
      from invoices invoice left join ledger_entries entry on entry.invoice_id = invoice.id and entry.account = 'receivable'
      group by invoice.id
      having coalesce(sum(entry.amount), 0) <> case invoice.status when 'open' then invoice.total - invoice.amount_paid else 0 end`,
  },
  {
    promise: 'finalized_is_booked',
    sentence: 'Every finalized invoice of more than zero was booked once, over its total.',
    query: () => sql`
      select invoice.tenant_id, invoice.id as invoice_id, invoice.total, count(distinct movement.id) as movements, sum(entry.amount) as booked
      from invoices invoice
      left join ledger_transactions movement
        on movement.tenant_id = invoice.tenant_id and movement.kind = 'invoice_finalized' and movement.source = invoice.id
      left join ledger_entries entry
        on entry.transaction_id = movement.id and entry.account = 'receivable' and entry.invoice_id = invoice.id
      where invoice.status <> 'draft' and invoice.total > 0
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
];
