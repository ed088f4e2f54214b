import type { Decimal } from './money.ts';

export type LedgerAccount = 'receivable' | 'revenue' | 'cash' | 'bad_debt' | 'customer_balance';
export type LedgerKind =
  | 'invoice_finalized'
  | 'payment_received'
  | 'invoice_voided'
  | 'invoice_written_off'
  | 'write_off_recovered'
  | 'invoice_credited'
  | 'balance_granted'
  | 'balance_applied'
  | 'balance_returned';

/** Debit positive, credit negative; the two sides of one movement sum to zero. */
export type LedgerMovement = {
  kind: LedgerKind;
  source: string;
  debit: LedgerAccount;
  credit: LedgerAccount;
  amount: Decimal;
};
