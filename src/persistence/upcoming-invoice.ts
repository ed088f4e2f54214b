import { settleWithBalance } from '../domain/balance.ts';
import { type InvoiceDraft, totalOf } from '../domain/build-invoice.ts';
import type { Decision } from '../domain/decision.ts';
import { foldUntilInvoice } from '../domain/fold.ts';
import { Decimal } from '../domain/money.ts';
import { CustomerBalanceSchema } from './balances.ts';
import type { Tx } from './doors.ts';
import { withFees } from './life-facts.ts';
import { findRow } from './rows.ts';
import { findSubscription } from './subscription-facts.ts';

/** `at`: when it is made; `balance`: what the customer has to his credit before and after it. */
export type UpcomingInvoice = {
  at: Date;
  decision: Decision;
  invoice: InvoiceDraft;
  balance: { before: Decimal; after: Decimal };
};

/**
 * The next invoice that a subscription comes to by itself, with what was used until now: the same decision as when it is
 * made, and nothing is written. Null when none comes.
 */
export async function upcomingInvoice(tx: Tx, subscriptionId: string): Promise<UpcomingInvoice | null> {
  const facts = await findSubscription(tx, subscriptionId);
  const next = facts?.subscription.nextStepAt;
  if (!facts || !next) return null;
  const { customerId, currency } = facts.subscription;
  const [known, balance] = await Promise.all([
    withFees(tx, facts, next),
    findRow(tx, CustomerBalanceSchema, { customerId, currency }),
  ]);
  const coming = foldUntilInvoice(known);
  if (!coming?.decision.invoice) return null;
  const { invoice } = coming.decision;
  const before = balance?.balance ?? new Decimal(0);
  const { balance: after } = settleWithBalance(totalOf(invoice), before);
  return { ...coming, invoice, balance: { before, after } };
}
