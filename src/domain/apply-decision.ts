import type { BilledFee } from './billed-fee.ts';
import type { LineDraft } from './build-invoice.ts';
import { contractualPeriod } from './calendar.ts';
import type { Coverage, Decision } from './decision.ts';
import type { Life } from './life.ts';
import { Decimal } from './money.ts';
import { newPendingId, withIds } from './new-ids.ts';
import { derived } from './next-step.ts';
import { intervalOf } from './plan.ts';
import { cadenceOf, type PricedItem, type Subscription } from './subscription.ts';

/** What whoever makes a decision true gives it: ids, and what is owed on the invoice that it makes. */
export type Given = {
  /** Null: placeholders stay. */
  newId: ((prefix: 'si' | 'chg' | 'pl') => string) | null;
  invoiceId: string | null;
  /** Of the invoice's lines, in their order. */
  lineIds: readonly string[];
  owed: Decimal;
};

/** For a decision that is only looked at: nothing gets an id, and whatever is owed is taken as paid. */
export const NOT_YET: Given = { newId: null, invoiceId: null, lineIds: [], owed: new Decimal(0) };

/** The lines that a decision makes itself, on its invoice or for the next one, without those that waited before it. */
export function ownLines({ invoice, pending, takesPending }: Decision, waiting: number): LineDraft[] {
  const taken = takesPending ? waiting : 0;
  return [...(invoice ? invoice.lines.slice(0, invoice.lines.length - taken) : []), ...pending];
}

/** What remains of the items after a decision: those that have not ended, with the price and quantity they have then. */
export function pricedAfter(
  priced: readonly PricedItem[],
  { items, segments }: Pick<Decision, 'items' | 'segments'>,
): PricedItem[] {
  return items.flatMap((item) => {
    if (item.endedAt) return [];
    const had = priced.find((entry) => entry.item.id === item.id);
    const segment = segments.findLast(({ itemId }) => itemId === item.id);
    if (segment?.to)
      return [
        { ...loaded(had), item, price: segment.to.price, quantity: segment.to.quantity, since: segment.from },
      ];
    return had ? [{ ...had, item }] : [];
  });
}

/** The items that a subscription shows after a decision; one that has ended shows what it had at its end. */
export function shownAfter(
  priced: readonly PricedItem[],
  { endedAt }: Pick<Subscription, 'endedAt'>,
  become: Pick<Decision, 'items' | 'segments'>,
): PricedItem[] {
  if (!endedAt) return pricedAfter(priced, become);
  return priced.map((entry) => ({
    ...entry,
    item: become.items.find((item) => item.id === entry.item.id) ?? entry.item,
  }));
}

/** What of the facts that were loaded for one decision still holds after it: the fees do, once the decision is applied to them. */
function loaded(had: PricedItem | undefined): Pick<PricedItem, 'fees'> {
  return had?.fees ? { fees: had.fees } : {};
}

/**
 * A life after a decision, all in memory: what a simulation goes on with, and what a preview of a later instant starts
 * from. What was used and spent by then is forgotten, because it belonged to the old periods.
 */
export function lifeAfter(life: Life, decided: Decision, given: Given): Life {
  const { newId } = given;
  const decision = newId ? withIds(decided, newId) : decided;
  const subscription = derived(decision.subscription);
  const pendingIds = decision.pending.map((_line, n) => (newId ? newId('pl') : newPendingId(n)));
  const fees = new FeesAfter(life, decision, { ...given, pendingIds });
  return {
    subscription,
    priced: pricedAfter(life.priced, decision).map((entry) => ({ ...asNew(entry), fees: fees.of(entry) })),
    changes: changesAfter(life, decision),
    pending: [
      ...(decision.takesPending ? [] : life.pending),
      ...decision.pending.map((line, n) => ({ id: pendingIds[n] ?? '', line })),
    ],
  };
}

/** Without what was known of the period that ran. */
function asNew({
  usage: _usage,
  instalments: _instalments,
  spent: _spent,
  ...entry
}: PricedItem): PricedItem {
  return entry;
}

function changesAfter(life: Life, { finished, scheduled, moved }: Decision): Life['changes'] {
  const over = new Set(finished.map(({ id }) => id));
  return [...life.changes, ...scheduled]
    .filter(({ id }) => !over.has(id))
    .map((change) => {
      const to = moved.findLast(({ id }) => id === change.id);
      return to ? { ...change, effectiveAt: to.effectiveAt } : change;
    })
    .sort((a, b) => a.effectiveAt.getTime() - b.effectiveAt.getTime());
}

type Numbered = Given & { pendingIds: readonly string[] };

/** The fees that credits can be taken from, after a decision took from some, moved some to an invoice and made new ones. */
class FeesAfter {
  private readonly life: Life;
  private readonly decision: Decision;
  private readonly given: Numbered;

  constructor(life: Life, decision: Decision, given: Numbered) {
    this.life = life;
    this.decision = decision;
    this.given = given;
  }

  of({ item, price }: PricedItem): BilledFee[] {
    const former = this.life.priced.find((entry) => entry.item.id === item.id)?.fees ?? [];
    const made = this.decision.coverage.flatMap((stretch) => {
      const line = stretch.itemId === item.id && stretch.side === 'fee' ? this.lineOf(stretch) : null;
      if (!line || price.timing !== 'in_advance' || price.intervalUnit === null) return [];
      return [this.feeOf(line, stretch, this.decision.subscription, price)];
    });
    const since = item.currentPeriodStart;
    // What stands for a time before the running period is out of reach of every credit.
    return [...former.map((fee) => this.later(fee, item.id)), ...made].filter(
      ({ period }) => period.start < period.end && (!since || period.end > since),
    );
  }

  private lineOf({ line, pendingLine }: Coverage): LineDraft | null {
    if (line !== null) return this.decision.invoice?.lines[line] ?? null;
    return pendingLine === null ? null : (this.decision.pending[pendingLine] ?? null);
  }

  private feeOf(
    line: LineDraft,
    { line: n, pendingLine }: Coverage,
    subscription: Subscription,
    price: PricedItem['price'],
  ): BilledFee {
    const { priceId, trace, quantity, unitAmount, amount, period } = line;
    return {
      lineId: n === null ? null : (this.given.lineIds[n] ?? null),
      pendingId: pendingLine === null ? null : (this.given.pendingIds[pendingLine] ?? null),
      invoiceId: n === null ? null : this.given.invoiceId,
      period,
      whole: contractualPeriod(cadenceOf(subscription), intervalOf(price), period.start),
      trace,
      priceId,
      quantity,
      unitAmount,
      amount,
      credited: new Decimal(0),
      owed: n === null ? new Decimal(0) : this.given.owed,
    };
  }

  private later(fee: BilledFee, itemId: string): BilledFee {
    const { credits, truncations } = this.decision;
    const onInvoice = credits.filter(({ invoiceId }) => invoiceId === fee.invoiceId);
    const ofLine = onInvoice.filter(({ lineId }) => lineId === fee.lineId);
    const cut = truncations.findLast((truncation) => truncation.itemId === itemId)?.at;
    const sum = (amounts: readonly Decimal[]) => amounts.reduce((a, b) => a.plus(b), new Decimal(0));
    return {
      ...fee,
      ...this.placeOf(fee),
      period:
        cut && cut < fee.period.end
          ? { start: fee.period.start, end: cut > fee.period.start ? cut : fee.period.start }
          : fee.period,
      credited: fee.credited
        .plus(sum(ofLine.map(({ amount }) => amount)))
        .minus(sum(this.reversing(fee).map(({ amount }) => amount))),
      owed: fee.owed.minus(sum(onInvoice.map(({ amount }) => amount))),
    };
  }

  /** A pending fee that the invoice took is on a line of it now. */
  private placeOf(fee: BilledFee): Partial<BilledFee> {
    const { invoice, takesPending } = this.decision;
    const n = this.life.pending.findIndex(({ id }) => id === fee.pendingId);
    if (!invoice || !takesPending || n < 0) return {};
    const lineId = this.given.lineIds[invoice.lines.length - this.life.pending.length + n] ?? null;
    return { lineId, pendingId: null, invoiceId: this.given.invoiceId, owed: this.given.owed };
  }

  private reversing(fee: BilledFee): LineDraft[] {
    return ownLines(this.decision, this.life.pending.length).filter(({ reverses }) => {
      if (!reverses) return false;
      return reverses.lineId !== null
        ? reverses.lineId === fee.lineId
        : reverses.pendingId !== null && reverses.pendingId === fee.pendingId;
    });
  }
}
