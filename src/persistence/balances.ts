import { EntitySchema } from '@mikro-orm/core';
import { sql } from 'kysely';
import type { BalanceEntry, BalanceEntryKind, CustomerBalance } from '../domain/balance.ts';
import type { Invoice } from '../domain/invoice.ts';
import { Decimal } from '../domain/money.ts';
import { newId } from '../platform/ids.ts';
import { amount, currency, id, instant, integer, text } from './columns.ts';
import type { Tx } from './doors.ts';
import { findRows, lockRow, queryLater } from './rows.ts';

export const CustomerBalanceSchema = new EntitySchema<CustomerBalance>({
  name: 'CustomerBalance',
  tableName: 'customer_balances',
  properties: {
    customerId: { type: 'text', primary: true },
    currency: { ...currency, primary: true },
    tenantId: text,
    balance: amount,
    entries: integer,
    updatedAt: instant,
  },
});

export const BalanceEntrySchema = new EntitySchema<BalanceEntry>({
  name: 'BalanceEntry',
  tableName: 'customer_balance_entries',
  properties: {
    id,
    tenantId: text,
    customerId: text,
    currency,
    n: integer,
    kind: text,
    amount,
    balance: amount,
    invoiceId: text,
    createdAt: instant,
  },
});

/** What a customer has to his credit, locked until the transaction ends: after the invoices, before the counter. */
export async function lockBalance(
  tx: Tx,
  { customerId, currency }: Pick<Invoice, 'customerId' | 'currency'>,
): Promise<Decimal> {
  const row = await lockRow(tx, CustomerBalanceSchema, { customerId, currency });
  return row?.balance ?? new Decimal(0);
}

/** The balances of a customer, one per currency in which there ever was one. */
export function balancesOf(tx: Tx, customerId: string): Promise<CustomerBalance[]> {
  return findRows(tx, CustomerBalanceSchema, { customerId }, { orderBy: { currency: 'asc' } });
}

/** Moves a balance by `amount`, with the entry that says why. One of a kind per invoice: a second one is refused. */
export function moveBalance(
  tx: Tx,
  { id: invoiceId, tenantId, customerId, currency }: Invoice,
  kind: BalanceEntryKind,
  amount: Decimal,
  at: Date,
): void {
  const moved = amount.toFixed();
  const now = at.toISOString();
  // A balance that is taken from is there; an insertion would be refused for being below zero before it is one.
  const change = amount.lt(0)
    ? sql`update customer_balances set balance = balance + ${moved}::numeric, entries = entries + 1, updated_at = ${now}
        where customer_id = ${customerId} and currency = ${currency} returning balance, entries`
    : sql`insert into customer_balances as known (customer_id, currency, tenant_id, balance, entries, updated_at)
        values (${customerId}, ${currency}, ${tenantId}, ${moved}, 1, ${now})
        on conflict (customer_id, currency) do update set balance = known.balance + excluded.balance,
          entries = known.entries + 1, updated_at = excluded.updated_at
        returning balance, entries`;
  queryLater(
    tx,
    sql`with moved as (${change})
      insert into customer_balance_entries (id, tenant_id, customer_id, currency, n, kind, amount, balance, invoice_id, created_at)
      select ${newId('cbe')}, ${tenantId}, ${customerId}, ${currency}, moved.entries, ${kind}, ${moved}::numeric, moved.balance,
        ${invoiceId}, ${now} from moved`,
  );
}
