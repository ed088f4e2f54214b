import { feeLine, invoiceOf, type LineDraft, onceLine } from './build-invoice.ts';
import type { Period } from './calendar.ts';
import { creditUnused } from './credit-unused.ts';
import type { Coverage, CreditDraft, Decision } from './decision.ts';
import type { BillingReason } from './invoice.ts';
import { assertFits } from './large-amounts.ts';
import type { PendingLine } from './life.ts';
import { Decimal } from './money.ts';
import type { Price } from './plan.ts';
import type { BilledPeriod, PricedItem, Subscription } from './subscription.ts';

/** Which side of an item's life a price accounts for. */
export function sideOf({ billing }: Pick<Price, 'billing'>): BilledPeriod['side'] {
  return billing === 'usage' ? 'usage' : 'fee';
}

/** What a decision bills and gives back, as it comes together line by line. */
export class Bill {
  readonly lines: LineDraft[] = [];
  readonly credits: CreditDraft[] = [];
  private readonly coverage: (Pick<Coverage, 'itemId' | 'side' | 'period' | 'reason'> & {
    n: number | null;
  })[] = [];
  private readonly truncations: { itemId: string; at: Date }[] = [];
  private readonly owed = new Map<string, Decimal>();
  /** What was credited of fees, by the period that the fee stood for. */
  private readonly givenBack: { period: Period; amount: Decimal }[] = [];
  private readonly late: readonly LineDraft[];

  /** `late`: lines for usage that arrived late. They go along where there is an invoice, and make none of their own. */
  constructor(late: readonly LineDraft[] = []) {
    this.late = late;
  }

  /** Bills an item for a stretch of its life. */
  charge(
    subscription: Subscription,
    entry: PricedItem,
    period: Period,
    options: { throughDayOf?: Date } = {},
  ): void {
    const measured = entry.price.terms.model === 'minimum_commitment' ? this.measured(entry, period) : entry;
    this.account(entry, period, 'billed', this.lines.length);
    this.lines.push(feeLine(subscription, measured, period, options));
  }

  /** Bills a part of a period that runs on; nothing of the item's life is accounted for before the period ends. */
  chargeInstalment(line: LineDraft): void {
    this.lines.push(line);
  }

  chargeOnce(subscription: Subscription, target: { price: Price; quantity: Decimal }, at: Date): void {
    this.lines.push(onceLine(subscription, target, at));
  }

  /** Gives back what was billed ahead for the time from `from` on; the time from `at` on is free to be billed anew. */
  giveBack(subscription: Subscription, entry: PricedItem, at: Date, from = at): void {
    const { credits, lines } = creditUnused(subscription, entry, from, this.owed);
    this.credits.push(...credits);
    this.lines.push(...lines);
    const amount = [...credits, ...lines].reduce((sum, { amount }) => sum.plus(amount.abs()), new Decimal(0));
    const { currentPeriodStart: start, currentPeriodEnd: end } = entry.item;
    if (start && end) this.givenBack.push({ period: { start, end }, amount });
    this.truncations.push({ itemId: entry.item.id, at });
  }

  /** Accounts for a stretch that nobody pays for; an empty one is none. */
  leaveFree(entry: PricedItem, period: Period, reason: 'trial' | 'paused' | 'waived'): void {
    if (period.start < period.end) this.account(entry, period, reason, null);
  }

  /** As a part of a decision: everything on one invoice now, with what was pending, or everything left for the next one. */
  settled(
    to: 'invoice' | 'pending',
    {
      reason,
      at,
      pending,
      alone,
    }: { reason: BillingReason; at: Date; pending: readonly PendingLine[]; alone: boolean },
  ): Pick<Decision, 'invoice' | 'pending' | 'takesPending' | 'credits' | 'coverage' | 'truncations'> {
    const waits = to === 'pending';
    if (waits) assertFits([...this.lines, ...pending.map(({ line }) => line)].map(({ amount }) => amount));
    const takesPending = !waits && pending.length > 0 && (alone || this.lines.length > 0);
    const late = !waits && (alone || this.lines.length > 0) ? this.late : [];
    const taken = takesPending ? pending.map(({ line }) => line) : [];
    return {
      invoice: waits ? null : invoiceOf([...this.lines, ...late, ...taken], reason, at),
      pending: waits ? this.lines : [],
      takesPending,
      credits: this.credits,
      coverage: this.coverage.map(({ n, ...stretch }) => ({
        ...stretch,
        line: waits ? null : n,
        pendingLine: waits ? n : null,
      })),
      truncations: this.truncations,
    };
  }

  private account(entry: PricedItem, period: Period, reason: Coverage['reason'], n: number | null): void {
    this.coverage.push({ itemId: entry.item.id, side: sideOf(entry.price), period, reason, n });
  }

  /**
   * A commitment is measured against what was billed before and against what this decision bills of the same period:
   * lines that begin within it and before its end, less what is given back of fees that lie in it.
   */
  private measured(entry: PricedItem, { start, end }: Period): PricedItem {
    if (!entry.spent) return entry;
    const periodEnd = entry.item.currentPeriodEnd ?? end;
    const liesIn = (period: Period) => period.start >= start && period.start < end && period.end <= periodEnd;
    let spent = entry.spent;
    for (const { reverses, period, amount } of [...this.lines, ...this.late])
      if (!reverses && liesIn(period)) spent = spent.plus(amount);
    for (const { period, amount } of this.givenBack) if (liesIn(period)) spent = spent.minus(amount);
    return { ...entry, spent };
  }
}
