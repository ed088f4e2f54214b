import type { Period } from './calendar.ts';
import type { Decimal } from './money.ts';
import type { PricedTrace } from './rating/trace.ts';

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
  /** How its amount came about; a credit is the same calculation for the time that was not used. */
  trace: PricedTrace;
  priceId: string;
  quantity: Decimal;
  unitAmount: Decimal | null;
  amount: Decimal;
  /** What credits took of it so far. */
  credited: Decimal;
  /**
   * What is still owed on its invoice when that is a draft, or open and nobody is being charged for it; zero when it is
   * paid. A credit takes from this first, because money that was never paid never becomes spendable.
   */
  owed: Decimal;
};
