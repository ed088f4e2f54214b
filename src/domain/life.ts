import type { Period } from './calendar.ts';
import type { LineDraft } from './build-invoice.ts';
import type { ScheduledChange } from './change.ts';
import type { Decimal } from './money.ts';
import type { PricedItem, Subscription } from './subscription.ts';

/**
 * A subscription with everything that a decision about it may look at: the same shape whether it was read from rows
 * inside a transaction, for a preview, or lives only in a simulation.
 */
export type Life = {
  subscription: Subscription;
  /** The items that have not ended, in the order in which lines are made. */
  priced: readonly PricedItem[];
  /** Pending ones only, the earliest first. */
  changes: readonly ScheduledChange[];
  /** Lines that wait for the next invoice. */
  pending: readonly PendingLine[];
};

/** A line that was decided and waits for the subscription's next invoice. */
export type PendingLine = { id: string; line: LineDraft };

/**
 * A fee that was billed ahead and not given back: what a credit can be taken from (billing rule 13). It is on an invoice
 * line, or still waiting as a pending one.
 */
export type BilledFee = {
  lineId: string | null;
  pendingId: string | null;
  invoiceId: string | null;
  /** What it stands for by now: a credit shortens it. */
  period: Period;
  /** The whole contractual period it was a part of when it was billed. */
  whole: Period;
  amount: Decimal;
  /** What credits took of it so far. */
  credited: Decimal;
  /**
   * What is still owed on its invoice when that is open and nobody is being charged for it; zero when it is paid. A credit
   * takes from this first, because money that was never paid never becomes spendable.
   */
  owed: Decimal;
};
