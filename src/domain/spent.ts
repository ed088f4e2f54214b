import type { LineDraft } from './build-invoice.ts';
import { type Life, stretchKey } from './life.ts';
import { Decimal } from './money.ts';
import type { Usage } from './price-terms.ts';
import { quantityUsage } from './rating/usage.ts';
import type { PricedItem } from './subscription.ts';
import { isInstalment } from './threshold.ts';

/**
 * A life that is lived ahead, or was from its start: what it bills on the way is not stored anywhere, so what its
 * commitments are measured against is counted here. Nothing is known to be used; what was loaded at first stays true of
 * the periods that ran then.
 */
export class LivedAhead {
  private readonly begun: Life;
  private readonly loaded: ReadonlyMap<string, PricedItem>;
  private readonly lines: LineDraft[] = [];

  constructor(begun: Life) {
    this.begun = begun;
    this.loaded = new Map(begun.priced.map((entry) => [entry.item.id, entry]));
  }

  /** Lines that were decided on the way, those for the next invoice included, each once. */
  add(lines: readonly LineDraft[]): void {
    this.lines.push(...lines);
  }

  /** The life with everything that a decision at `at` asks for. */
  known(life: Life, at: Date): Life {
    return {
      ...life,
      thresholds: life.thresholds ?? this.thresholdsOf(life),
      priced: life.priced.map((entry) => ({
        ...entry,
        fees: entry.fees ?? [],
        ...(entry.price.billing === 'usage'
          ? {
              usage:
                entry.usage ??
                this.first(entry)?.usage ??
                this.elapsed(entry) ??
                quantityUsage(new Decimal(0)),
              instalments: entry.instalments ?? this.instalments(entry),
            }
          : {}),
        ...(entry.price.terms.model === 'minimum_commitment' ? { spent: this.spent(entry, at) } : {}),
      })),
    };
  }

  /** What is known of the period, where it had passed when the life was begun. */
  private elapsed({ item }: PricedItem): Usage | undefined {
    const { currentPeriodStart: start } = item;
    return start ? this.begun.elapsed?.get(stretchKey(item.id, start)) : undefined;
  }

  /** What was billed of the running period, before and on the way. */
  private instalments(entry: PricedItem): Decimal {
    const before = this.first(entry)?.instalments ?? new Decimal(0);
    const made = this.lines.filter((line) => isInstalment(entry.item, line));
    return made.reduce((total, { amount }) => total.plus(amount), before);
  }

  /** Those that were loaded, as long as it is on the same plan; what is lived ahead uses nothing that would reach others. */
  private thresholdsOf({ subscription: { planId, planVersion } }: Life): NonNullable<Life['thresholds']> {
    const { subscription: then, thresholds = [] } = this.begun;
    return planId === then.planId && planVersion === then.planVersion ? thresholds : [];
  }

  /** The item as it was loaded, while the period still runs that ran then. */
  private first({ item }: PricedItem): PricedItem | null {
    const first = this.loaded.get(item.id);
    const isFirst = first?.item.currentPeriodStart?.getTime() === item.currentPeriodStart?.getTime();
    return first && isFirst ? first : null;
  }

  private spent(entry: PricedItem, at: Date): Decimal {
    const { item } = entry;
    const { currentPeriodStart: start, currentPeriodEnd: end } = item;
    const before = this.first(entry)?.spent ?? new Decimal(0);
    if (!start || !end) return before;
    const counts = (billed: Pick<LineDraft, 'itemId' | 'period'> | null) =>
      billed !== null &&
      billed.itemId !== item.id &&
      billed.period.start >= start &&
      billed.period.start < at &&
      billed.period.end <= end;
    return this.lines.reduce(
      (total, line) =>
        counts(line.reverses ? this.givenBackBy(line) : line) ? total.plus(line.amount) : total,
      before,
    );
  }

  /** What a credit takes from: a line that was made on the way, or a fee that had been billed before. */
  private givenBackBy({ itemId, reverses, period }: LineDraft): Pick<LineDraft, 'itemId' | 'period'> | null {
    const made = this.lines.find(
      (line) =>
        line.itemId === itemId &&
        !line.reverses &&
        line.period.start <= period.start &&
        line.period.end >= period.end,
    );
    if (made) return made;
    const fees = this.loaded.get(itemId ?? '')?.fees ?? [];
    const fee = fees.find(
      ({ lineId, pendingId }) => lineId === reverses?.lineId && pendingId === reverses?.pendingId,
    );
    return fee ? { itemId, period: fee.period } : null;
  }
}
