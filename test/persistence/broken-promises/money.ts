import { type Case, dropCheck, unfinished } from './cast.ts';

/** Periods, invoices, the books, payments. */
export const MONEY_CASES: readonly Case[] = [
  {
    promise: 'no_period_twice',
    how: 'a stretch is accounted for again',
    sql: ({ feeItem }) => [
      'alter table billed_periods drop constraint billed_periods_item_id_side_period_excl',
      `insert into billed_periods (tenant_id, item_id, side, period, reason) select tenant_id, item_id, side, period, 'waived'
        from billed_periods where item_id = '${feeItem}' order by id limit 1`,
    ],
    row: ({ feeItem }) => ({ item_id: feeItem, side: 'fee' }),
  },
  {
    promise: 'no_period_missed',
    how: 'the stretch of a trial is gone',
    sql: ({ triedItem }) => [
      `delete from billed_periods where item_id = '${triedItem}' and reason = 'trial'`,
    ],
    row: ({ triedItem, tried }) => ({ item_id: triedItem, subscription_id: tried }),
  },
  {
    promise: 'no_period_missed',
    how: 'a period paid in advance began without a bill',
    sql: ({ feeItem }) => [
      `update subscription_items set current_period_end = current_period_end + interval '1 month' where id = '${feeItem}'`,
    ],
    row: ({ feeItem }) => ({ item_id: feeItem, timing: 'in_advance' }),
  },
  {
    promise: 'no_period_missed',
    how: 'a week in arrears ended without a bill',
    sql: ({ weeklyItem }) => [
      `update subscription_items set current_period_start = current_period_start + interval '1 day' where id = '${weeklyItem}'`,
    ],
    row: ({ weeklyItem }) => ({ item_id: weeklyItem, timing: 'in_arrears' }),
  },
  {
    promise: 'no_period_missed',
    how: 'the last days before a cancellation were not billed',
    sql: ({ leaver }) => [
      `update subscriptions set ended_at = ended_at + interval '1 day' where id = '${leaver}'`,
      `update subscription_items set ended_at = ended_at + interval '1 day' where subscription_id = '${leaver}'`,
    ],
    row: ({ leaverItem }) => ({ item_id: leaverItem, timing: 'in_arrears', status: 'canceled' }),
  },
  {
    promise: 'billed_means_invoiced',
    how: 'a stretch is free again although its invoice is paid',
    sql: ({ paidInvoice }) => [
      `update billed_periods set voided_at = now() where line_id in (select id from invoice_lines where invoice_id = '${paidInvoice}')`,
    ],
    row: ({ paidInvoice, feeItem }) => ({
      invoice_id: paidInvoice,
      invoice_status: 'paid',
      item_id: feeItem,
    }),
    // What is free is not accounted for.
    also: ['no_period_missed'],
  },
  {
    promise: 'instalments_are_taken_off',
    how: 'the end of a period was billed as if no threshold had been before',
    sql: ({ watchedItem }) => [
      `update invoice_lines set trace = trace - 'limits'
        where item_id = '${watchedItem}' and trace -> 'limits' ->> 'alreadyBilled' is not null`,
    ],
    row: ({ watchedItem }) => ({ item_id: watchedItem, taken_off: null, billed: '35.0000' }),
  },
  {
    promise: 'lines_sum_to_total',
    how: 'a line of a paid invoice was edited',
    sql: ({ paidInvoice }) => [
      `update invoice_lines set amount = amount + 1 where invoice_id = '${paidInvoice}' and n = 1`,
    ],
    row: ({ paidInvoice }) => ({ invoice_id: paidInvoice, total: '19.9900', lines: '20.9900' }),
  },
  {
    promise: 'paid_amount_is_allocated',
    how: 'a payment was given to a second invoice',
    sql: ({ payment, openInvoice }) => [
      `insert into payment_allocations (payment_id, invoice_id, tenant_id, amount, created_at)
        select id, '${openInvoice}', tenant_id, 1, created_at from payments where id = '${payment}'`,
    ],
    row: ({ openInvoice }) => ({ invoice_id: openInvoice, amount_paid: '0.0000', allocated: '1.0000' }),
  },
  {
    promise: 'paid_means_paid',
    how: 'an open invoice says when it was paid',
    sql: ({ openInvoice }) => [
      dropCheck('invoices', 'paid_at'),
      `update invoices set paid_at = now() where id = '${openInvoice}'`,
    ],
    row: ({ openInvoice }) => ({ invoice_id: openInvoice, status: 'open' }),
  },
  {
    promise: 'finalized_has_number',
    how: 'a numbered invoice was never finalized',
    sql: ({ paidInvoice }) => [
      dropCheck('invoices', 'finalized_at'),
      `update invoices set finalized_at = null where id = '${paidInvoice}'`,
    ],
    row: ({ paidInvoice }) => ({ invoice_id: paidInvoice, finalized_at: null }),
  },
  {
    promise: 'numbers_without_gap',
    how: 'an invoice has another number',
    sql: ({ lastNumbered }) => [`update invoices set number = 'INV-000999' where id = '${lastNumbered}'`],
    row: ({ lastNumbered }) => ({ invoice_id: lastNumbered, number: 'INV-000999' }),
  },
  {
    promise: 'numbers_without_gap',
    how: 'a number was taken and not used',
    sql: () => [`update counters set value = value + 1 where name = 'invoice'`],
    row: () => ({ invoice_id: null }),
  },
  {
    promise: 'ledger_sums_to_zero',
    how: 'an entry was edited',
    sql: ({ booking }) => [
      `update ledger_entries set amount = amount + 1 where transaction_id = '${booking}' and account = 'revenue'`,
    ],
    row: ({ booking }) => ({ transaction_id: booking, currency: 'USD', sum: '1.0000' }),
  },
  {
    promise: 'receivable_is_what_is_owed',
    how: 'a part of a debt was written off in the ledger alone',
    sql: ({ openInvoice }) => [
      `insert into ledger_transactions (id, tenant_id, kind, source, at) select 'ltx_lost', tenant_id, 'invoice_voided', id, now() from invoices where id = '${openInvoice}'`,
      `insert into ledger_entries (transaction_id, n, tenant_id, account, customer_id, invoice_id, amount, currency)
        select 'ltx_lost', side.n, tenant_id, side.account, customer_id, id, side.amount, currency from invoices,
          (values (1, 'revenue', 5), (2, 'receivable', -5)) as side (n, account, amount) where id = '${openInvoice}'`,
    ],
    row: ({ openInvoice }) => ({ invoice_id: openInvoice, total: '19.9900', receivable: '14.9900' }),
  },
  {
    promise: 'finalized_is_booked',
    how: 'a booking belongs to nobody',
    sql: ({ booking }) => [`update ledger_transactions set source = 'inv_nobody' where id = '${booking}'`],
    row: ({ paidInvoice }) => ({ invoice_id: paidInvoice, booked: null }),
  },
  {
    promise: 'payments_are_booked',
    how: 'a payment is not in the books',
    sql: ({ payment }) => [
      `update ledger_transactions set source = 'pay_nobody' where source = '${payment}'`,
    ],
    row: ({ payment }) => ({ payment_id: payment, booked: null }),
  },
  {
    promise: 'one_settled_attempt',
    how: 'an invoice was charged a second time',
    sql: ({ secondAttempt, paidInvoice }) => [
      `update payment_attempts set invoice_id = '${paidInvoice}', n = 9 where id = '${secondAttempt}'`,
    ],
    row: ({ paidInvoice, attempt, secondAttempt }) => ({
      invoice_id: paidInvoice,
      attempt_ids: [attempt, secondAttempt],
    }),
    // The payment of the moved attempt stays with the invoice it paid.
    also: ['settled_means_payment'],
  },
  {
    promise: 'one_unfinished_attempt',
    how: 'two charges of an invoice are under way',
    sql: ({ paidInvoice }) => [
      'drop index payment_attempts_one_in_flight',
      unfinished(paidInvoice, 'att_one', 8),
      unfinished(paidInvoice, 'att_two', 9),
    ],
    row: ({ paidInvoice }) => ({ invoice_id: paidInvoice, attempt_ids: ['att_one', 'att_two'] }),
  },
  {
    promise: 'settled_means_payment',
    how: 'a declined attempt has a payment',
    sql: ({ attempt }) => [
      `update payment_attempts set status = 'declined', hard = false where id = '${attempt}'`,
    ],
    row: ({ attempt, payment }) => ({ attempt_id: attempt, status: 'declined', payment_ids: [payment] }),
  },
  {
    promise: 'no_period_missed',
    how: 'the time of a pause is nowhere',
    sql: ({ restedItem }) => [
      `delete from billed_periods where item_id = '${restedItem}' and reason = 'paused'`,
    ],
    row: ({ restedItem, rested }) => ({ item_id: restedItem, subscription_id: rested }),
  },
  {
    promise: 'billed_means_invoiced',
    how: 'a stretch waits for an invoice that took its line long ago',
    sql: ({ waited }) => [
      `update billed_periods set pending_item_id = '${waited}', line_id = null
        where id = (select max(id) from billed_periods where line_id is not null and voided_at is null)`,
    ],
    row: ({ waited }) => ({ line_id: waited, invoice_id: null }),
  },
  {
    promise: 'credited_at_most_billed',
    how: 'more was given back than was billed',
    sql: ({ creditNote }) => [
      `update credit_note_lines set amount = amount + 100 where credit_note_id = '${creditNote}'`,
    ],
    row: ({ creditedInvoice }) => ({ invoice_id: creditedInvoice, amount: '19.9900' }),
    also: ['credit_is_noted'],
  },
  {
    promise: 'credit_is_noted',
    how: 'a credit note says another amount',
    sql: ({ creditNote }) => [`update credit_notes set amount = amount + 1 where id = '${creditNote}'`],
    row: ({ creditedInvoice, creditNote }) => ({ invoice_id: creditedInvoice, credit_note_id: creditNote }),
  },
  {
    promise: 'credit_note_numbers_without_gap',
    how: 'a number was taken and not used',
    sql: () => [`update counters set value = value + 1 where name = 'credit_note'`],
    row: () => ({ notes: '1', counter: '2' }),
  },
  {
    promise: 'balance_is_its_entries',
    how: 'an entry says another balance',
    sql: ({ granted }) => [
      `update customer_balance_entries set balance = balance + 1 where id = '${granted}'`,
    ],
    row: ({ granted }) => ({ entry_id: granted }),
  },
  {
    promise: 'balance_has_its_invoice',
    how: 'a balance was granted for an invoice that gave nothing',
    sql: ({ granted, paidInvoice }) => [
      `update customer_balance_entries set invoice_id = '${paidInvoice}' where id = '${granted}'`,
    ],
    row: ({ paidInvoice }) => ({ invoice_id: paidInvoice, balance_applied: '0.0000' }),
  },
  {
    promise: 'balance_is_booked',
    how: 'the books know more of a balance than it does',
    sql: ({ granted }) => [
      `insert into ledger_transactions (id, tenant_id, kind, source, at) values ('ltx_more', (select tenant_id from customer_balance_entries where id = '${granted}'), 'balance_granted', 'nobody', now())`,
      `insert into ledger_entries (transaction_id, n, tenant_id, account, customer_id, amount, currency)
        select 'ltx_more', side.n, tenant_id, side.account, customer_id, side.amount, currency from customer_balance_entries,
          (values (1, 'revenue', 5), (2, 'customer_balance', -5)) as side (n, account, amount) where id = '${granted}'`,
    ],
    row: () => ({ currency: 'USD' }),
  },
  {
    promise: 'waiting_lines_go_once',
    how: 'a line that waited was billed as another one',
    sql: ({ waited }) => [`update pending_items set amount = amount + 1 where id = '${waited}'`],
    row: ({ waited, upgraded }) => ({ pending_id: waited, subscription_id: upgraded }),
  },
];
