import { Decimal } from './money.ts';

/** Why a customer's balance moved: an invoice gave to it, took from it, or gave back what it took because it was voided. */
export type BalanceEntryKind = 'granted' | 'applied' | 'returned';

/**
 * How an invoice and its customer's balance settle when it is finalized (billing rules 23 and 28), both in the invoice's
 * currency. `applied` is what the balance gives, never more than it has or the invoice asks for; negative: what an
 * invoice of less than zero gives to it. `balance` is what the customer has to his credit afterwards.
 */
export function settleWithBalance(total: Decimal, balance: Decimal): { applied: Decimal; balance: Decimal } {
  const applied = total.lt(0) ? total : Decimal.min(total, balance);
  return { applied, balance: balance.minus(applied) };
}

/** What a customer has to his credit in one currency. */
export type CustomerBalance = {
  customerId: string;
  currency: string;
  tenantId: string;
  balance: Decimal;
  /** How many entries made it. */
  entries: number;
  updatedAt: Date;
};

/** One movement of a balance: append-only, and all of them sum to it. */
export type BalanceEntry = {
  id: string;
  tenantId: string;
  customerId: string;
  currency: string;
  n: number;
  kind: BalanceEntryKind;
  /** What the customer got; negative: what was taken. */
  amount: Decimal;
  /** What was there afterwards. */
  balance: Decimal;
  invoiceId: string;
  createdAt: Date;
};
