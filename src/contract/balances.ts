import { z } from 'zod';
import type { BalanceEntry, CustomerBalance } from '../domain/balance.ts';
import { idOut, instantOut, moneyOut, presentInstant, presentMoney } from './common.ts';

export const customerBalanceOut = z
  .object({
    object: z.literal('customer_balance'),
    customer: idOut('cus'),
    balances: z.array(moneyOut).meta({ description: 'What the customer has to his credit, by currency.' }),
  })
  .meta({ id: 'CustomerBalance', description: 'It pays later invoices when they are finalized.' });

export const balanceEntryOut = z
  .object({
    object: z.literal('balance_entry'),
    id: idOut('cbe'),
    customer: idOut('cus'),
    kind: z.enum(['granted', 'applied', 'returned']).meta({
      description:
        'An invoice of less than zero gave to it, an invoice took from it, or a voided invoice gave back what it took.',
    }),
    amount: moneyOut.meta({ description: 'What the customer got; negative: what was taken.' }),
    balance: moneyOut.meta({ description: 'What was there afterwards.' }),
    invoice: idOut('inv'),
    created_at: instantOut,
  })
  .meta({ id: 'BalanceEntry' });

/** What a customer has to his credit, as the world sees it. */
export function presentBalance(
  customerId: string,
  balances: readonly CustomerBalance[],
): z.infer<typeof customerBalanceOut> {
  return {
    object: 'customer_balance',
    customer: customerId,
    balances: balances.map(({ balance, currency }) => presentMoney(balance, currency)),
  };
}

/** One movement of a balance as the world sees it. */
export function presentBalanceEntry(entry: BalanceEntry): z.infer<typeof balanceEntryOut> {
  return {
    object: 'balance_entry',
    id: entry.id,
    customer: entry.customerId,
    kind: entry.kind,
    amount: presentMoney(entry.amount, entry.currency),
    balance: presentMoney(entry.balance, entry.currency),
    invoice: entry.invoiceId,
    created_at: presentInstant(entry.createdAt),
  };
}
