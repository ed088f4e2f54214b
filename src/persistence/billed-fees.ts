import { sql } from 'kysely';
import type { BilledFee } from '../domain/billed-fee.ts';
import { contractualPeriod } from '../domain/calendar.ts';
import type { Invoice, LineTrace } from '../domain/invoice.ts';
import { Decimal } from '../domain/money.ts';
import { reducible } from '../domain/open-invoice.ts';
import { intervalOf, type Price } from '../domain/plan.ts';
import { cadenceOf, type PricedItem, type Subscription } from '../domain/subscription.ts';
import { periodColumn } from './column-types.ts';
import type { Tx } from './doors.ts';
import { pricesOf } from './prices.ts';
import { query } from './rows.ts';

/** A fee, and whether somebody is being charged for its invoice right now: then nothing may be taken off that. */
export type LoadedFee = BilledFee & { underWay: boolean };

type Row = {
  item_id: string;
  period: string;
  line_id: string | null;
  pending_id: string | null;
  price_id: string;
  quantity: string;
  unit_amount: string | null;
  amount: string;
  trace: LineTrace;
  credited: string;
  invoice_id: string | null;
  status: Invoice['status'] | null;
  total: string | null;
  amount_paid: string | null;
  balance_applied: string | null;
  amount_credited: string | null;
  under_way: boolean;
};

/**
 * What was billed ahead of each item and reaches beyond `at`, by item. The caller holds the customer's lock, so that what
 * is owed on the invoices stays what it is.
 */
export async function feesAfter(
  tx: Tx,
  subscription: Subscription,
  priced: readonly PricedItem[],
  at: Date,
): Promise<ReadonlyMap<string, LoadedFee[]>> {
  const rows = await billedBeyond(
    tx,
    priced.map(({ item }) => item.id),
    at,
  );
  const prices = await pricesOf(
    tx,
    rows.map((row) => row.price_id),
  );
  const fees = new Map<string, LoadedFee[]>(priced.map(({ item }) => [item.id, []]));
  for (const row of rows) fees.get(row.item_id)?.push(feeOf(row, subscription, prices));
  return fees;
}

function billedBeyond(tx: Tx, itemIds: readonly string[], at: Date): Promise<Row[]> {
  return query(
    tx,
    sql`select billed.item_id, billed.period::text as period, line.id as line_id, pending.id as pending_id,
        coalesce(line.price_id, pending.price_id) as price_id, coalesce(line.quantity, pending.quantity) as quantity,
        coalesce(line.unit_amount, pending.unit_amount) as unit_amount, coalesce(line.amount, pending.amount) as amount,
        coalesce(line.trace, pending.trace) as trace, ${CREDITED} as credited,
        invoice.id as invoice_id, invoice.status, invoice.total, invoice.amount_paid, invoice.balance_applied, invoice.amount_credited,
        exists (select from payment_attempts attempt where attempt.invoice_id = invoice.id and attempt.finished_at is null) as under_way
      from billed_periods billed
      left join invoice_lines line on line.id = billed.line_id
      left join invoices invoice on invoice.id = line.invoice_id
      left join pending_items pending on pending.id = billed.pending_item_id
      where billed.item_id = any(${[...itemIds]}::text[]) and billed.side = 'fee' and billed.reason = 'billed'
        and billed.voided_at is null and upper(billed.period) > ${at.toISOString()}
      order by billed.item_id, lower(billed.period)`,
  );
}

/** What credits took of `line` or `pending` so far, on notes, on lines that reverse it and on those that wait to. */
const CREDITED = sql`(
  coalesce((select sum(note.amount) from credit_note_lines note where note.invoice_line_id = line.id), 0)
  - coalesce((select sum(back.amount) from invoice_lines back join invoices paper on paper.id = back.invoice_id
      where back.reverses_line_id = line.id and paper.status <> 'void'), 0)
  - coalesce((select sum(back.amount) from pending_items back where back.reverses_line_id = line.id
      and back.invoice_line_id is null and back.dropped_at is null), 0)
  - coalesce((select sum(back.amount) from pending_items back where back.reverses_pending_id = pending.id
      and back.invoice_line_id is null and back.dropped_at is null), 0))`;

function feeOf(row: Row, subscription: Subscription, prices: ReadonlyMap<string, Price>): LoadedFee {
  const price = prices.get(row.price_id);
  if (!price) throw new Error(`price ${row.price_id} of a billed fee has no row`);
  const period = periodColumn.convertToJSValue(row.period);
  return {
    lineId: row.line_id,
    pendingId: row.pending_id,
    invoiceId: row.invoice_id,
    period,
    // Whenever the calendar moves, what was billed ahead is given back, so what is left was billed by the one that holds.
    whole: contractualPeriod(cadenceOf(subscription), intervalOf(price), period.start),
    trace: row.trace,
    priceId: row.price_id,
    quantity: new Decimal(row.quantity),
    unitAmount: row.unit_amount === null ? null : new Decimal(row.unit_amount),
    amount: new Decimal(row.amount),
    credited: new Decimal(row.credited),
    owed: owedOn(row),
    underWay: row.under_way,
  };
}

function owedOn(row: Row): Decimal {
  if (row.status === null || row.under_way) return new Decimal(0);
  const amount = (text: string | null) => new Decimal(text ?? 0);
  return reducible({
    status: row.status,
    total: amount(row.total),
    amountPaid: amount(row.amount_paid),
    balanceApplied: amount(row.balance_applied),
    amountCredited: amount(row.amount_credited),
  });
}
