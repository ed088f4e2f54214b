import { sql } from 'kysely';
import type { Promised } from './promised.ts';

/** What invoices say adds up: promises 6 and 8 of `docs/promises.md`. */
export const INVOICE_PROMISES: readonly Promised[] = [
  {
    promise: 'lines_sum_to_total',
    sentence: 'The lines of an invoice sum to its subtotal and to its total.',
    query: () => sql`
      select invoice.tenant_id, invoice.id as invoice_id, invoice.subtotal, invoice.total, coalesce(sum(line.amount), 0) as lines
      from invoices invoice left join invoice_lines line on line.invoice_id = invoice.id
      group by invoice.id
      having coalesce(sum(line.amount), 0) <> invoice.subtotal or invoice.subtotal <> invoice.total`,
  },
  {
    promise: 'paid_amount_is_allocated',
    sentence: 'What an invoice says was paid is the sum of what payments gave to it.',
    query: () => sql`
      select invoice.tenant_id, invoice.id as invoice_id, invoice.amount_paid, coalesce(sum(allocation.amount), 0) as allocated
      from invoices invoice left join payment_allocations allocation on allocation.invoice_id = invoice.id
      group by invoice.id having coalesce(sum(allocation.amount), 0) <> invoice.amount_paid`,
  },
  {
    // A draft of zero waits for its end, and only then is it paid.
    promise: 'paid_means_paid',
    sentence: 'An invoice is paid exactly when nothing of its total is missing.',
    query: () => sql`
      select tenant_id, id as invoice_id, status, total, amount_paid, balance_applied, amount_credited, paid_at from invoices
      where status not in ('draft', 'void') and (
        (status = 'paid') <> (amount_paid + balance_applied + amount_credited = total) or (status = 'paid') <> (paid_at is not null))`,
  },
  {
    promise: 'finalized_has_number',
    sentence: 'An invoice has a number exactly when it is no longer a draft.',
    query: () => sql`
      select tenant_id, id as invoice_id, status, number, finalized_at from invoices
      where (status = 'draft') <> (number is null) or (status = 'draft') <> (finalized_at is null)`,
  },
  {
    promise: 'numbers_without_gap',
    sentence: "A tenant's invoice numbers are 1 to its counter, without a gap and without a duplicate.",
    query: () => sql`
      with numbered as (
        select tenant_id, id as invoice_id, number, substring(number from '[0-9]+$')::bigint as n from invoices where number is not null),
      counted as (
        select numbered.*, coalesce(lag(n) over (partition by tenant_id order by n, invoice_id), 0) + 1 as expected from numbered)
      select tenant_id, invoice_id, number, expected from counted where n <> expected
      union all
      select tenant_id, null, max(last)::text, max(given) from (
        select tenant_id, n as last, 0 as given from numbered
        union all select tenant_id, 0, value from counters where name = 'invoice') ends
      group by tenant_id having max(last) <> max(given)`,
  },
];
