import type { LineDraft } from './build-invoice.ts';
import type { Life } from './life.ts';
import { Decimal } from './money.ts';
import { quantityUsage } from './rating/usage.ts';
import type { PricedItem } from './subscription.ts';

/**
 * A life that is lived ahead, or was from its start: what it bills on the way is not stored anywhere, so what its
 * commitments are measured against is counted here. Nothing is known to be used; what was loaded at first stays true of
 * the periods that ran then.
 */
export class LivedAhead {
  private readonly loaded: ReadonlyMap<string, PricedItem>;
  private readonly lines: LineDraft[] = [];

  constructor({ priced }: Life) {
    this.loaded = new Map(priced.map((entry) => [entry.item.id, entry]));
  }

  /** Lines that were decided on the way, those for the next invoice included, each once. */
  add(lines: readonly LineDraft[]): void {
    this.lines.push(...lines);
  }

  /** The life with everything that a decision at `at` asks for. */
  known(life: Life, at: Date): Life {
    return {
      ...life,
      priced: life.priced.map((entry) => ({
        ...entry,
        fees: entry.fees ?? [],
        ...(entry.price.billing === 'usage' ? { usage: entry.usage ?? quantityUsage(new Decimal(0)) } : {}),
        ...(entry.price.terms.model === 'minimum_commitment' ? { spent: this.spent(entry, at) } : {}),
      })),
    };
  }

  private spent({ item }: PricedItem, at: Date): Decimal {
    const { currentPeriodStart: start, currentPeriodEnd: end } = item;
    const first = this.loaded.get(item.id);
    const isFirst = first?.item.currentPeriodStart?.getTime() === start?.getTime();
    const before = (isFirst ? first?.spent : null) ?? new Decimal(0);
    if (!start || !end) return before;
    return this.lines.reduce((total, { itemId, reverses, period, amount }) => {
      const counts =
        itemId !== item.id && !reverses && period.start >= start && period.start < at && period.end <= end;
      return counts ? total.plus(amount) : total;
    }, before);
  }
}
