import { sql } from 'kysely';
import type { Promised } from './promised.ts';

/** What is given back was billed before, and comes to one place: promises 1, 7 and 8 of `docs/promises.md`. */
export const CREDIT_PROMISES: readonly Promised[] = [
  {
    promise: 'credited_at_most_billed',
    sentence: 'Of no line more was given back than it billed, whatever paper says so.',
    query: () => sql`
      with given as (
        select invoice_line_id as line_id, amount from credit_note_lines
        union all
        select line.reverses_line_id, -line.amount from invoice_lines line join invoices invoice on invoice.id = line.invoice_id
          where line.reverses_line_id is not null and invoice.status <> 'void'
        union all
        select reverses_line_id, -amount from pending_items
          where reverses_line_id is not null and invoice_line_id is null and dropped_at is null)
      select line.tenant_id, line.id as line_id, line.invoice_id, line.amount, sum(given.amount) as given
      from given join invoice_lines line on line.id = given.line_id
      group by line.id having sum(given.amount) > line.amount`,
  },
  {
    promise: 'credit_is_noted',
    sentence:
      'What was taken off an invoice is the sum of its credit notes, and each of those the sum of its lines.',
    query: () => sql`
      select invoice.tenant_id, invoice.id as invoice_id, null as credit_note_id, invoice.amount_credited as said, coalesce(sum(note.amount), 0) as counted
      from invoices invoice left join credit_notes note on note.invoice_id = invoice.id
      group by invoice.id having coalesce(sum(note.amount), 0) <> invoice.amount_credited
      union all
      select note.tenant_id, note.invoice_id, note.id, note.amount, coalesce(sum(line.amount), 0)
      from credit_notes note left join credit_note_lines line on line.credit_note_id = note.id
      group by note.id having coalesce(sum(line.amount), 0) <> note.amount`,
  },
  {
    promise: 'credit_note_numbers_without_gap',
    sentence: "A tenant's credit note numbers are 1 to its counter, without a gap and without a duplicate.",
    query: () => sql`
      with numbered as (select tenant_id, substring(number from '[0-9]+$')::bigint as n from credit_notes),
      given as (
        select tenant_id, count(*) as notes, count(distinct n) as numbers, coalesce(max(n), 0) as last from numbered group by tenant_id)
      select coalesce(given.tenant_id, counter.tenant_id) as tenant_id, given.notes, given.numbers, given.last, counter.value as counter
      from given full join (select * from counters where name = 'credit_note') counter on counter.tenant_id = given.tenant_id
      where given.notes is distinct from given.numbers or given.last is distinct from given.notes or counter.value is distinct from given.last`,
  },
  {
    promise: 'balance_is_its_entries',
    sentence: "A customer's balance is the sum of its entries, and each entry says what was there after it.",
    query: () => sql`
      with run as (
        select entry.*, sum(amount) over (partition by customer_id, currency order by n) as counted,
          row_number() over (partition by customer_id, currency order by n) as place
        from customer_balance_entries entry)
      select tenant_id, customer_id, currency, id as entry_id, balance as said, counted from run where balance <> counted or n <> place
      union all
      select known.tenant_id, known.customer_id, known.currency, null, known.balance, coalesce(sum(entry.amount), 0)
      from customer_balances known
      left join customer_balance_entries entry on entry.customer_id = known.customer_id and entry.currency = known.currency
      group by known.customer_id, known.currency
      having known.balance <> coalesce(sum(entry.amount), 0) or known.entries <> count(entry.id)`,
  },
  {
    promise: 'balance_has_its_invoice',
    sentence: 'What invoices took from balances and gave to them is what the entries say.',
    query: () => sql`
      with moved as (
        select invoice_id, sum(amount) filter (where kind <> 'returned') as moved, sum(amount) filter (where kind = 'returned') as returned
        from customer_balance_entries group by invoice_id)
      select invoice.tenant_id, invoice.id as invoice_id, invoice.status, invoice.balance_applied, moved.moved, moved.returned
      from invoices invoice left join moved on moved.invoice_id = invoice.id
      where coalesce(moved.moved, 0) <> -invoice.balance_applied
        or coalesce(moved.returned, 0) <> case when invoice.status = 'void' then greatest(invoice.balance_applied, 0) else 0 end`,
  },
  {
    promise: 'waiting_lines_go_once',
    sentence:
      'A line that waited went to one invoice as it was, and none waits for a subscription that has ended.',
    query: () => sql`
      select pending.tenant_id, pending.subscription_id, pending.id as pending_id, pending.amount, line.id as line_id, line.amount as billed
      from pending_items pending
      join subscriptions sub on sub.id = pending.subscription_id
      left join invoice_lines line on line.id = pending.invoice_line_id
      left join invoices invoice on invoice.id = line.invoice_id
      where (pending.invoice_line_id is not null and (line.amount is distinct from pending.amount
          or line.item_id is distinct from pending.item_id or invoice.subscription_id is distinct from pending.subscription_id))
        or (pending.invoice_line_id is null and pending.dropped_at is null and sub.ended_at is not null)
        or exists (select from pending_items other where other.invoice_line_id = pending.invoice_line_id and other.id <> pending.id)`,
  },
];
