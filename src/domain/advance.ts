import type { Bill } from './bill.ts';
import { contractualPeriod } from './calendar.ts';
import type { ItemTarget } from './change.ts';
import type { Move } from './change-moves.ts';
import type { SegmentChange } from './decision.ts';
import { DomainError } from './errors.ts';
import { newItemId } from './new-ids.ts';
import { intervalOf } from './plan.ts';
import { cadenceOf, type PricedItem, type Subscription, type SubscriptionItem } from './subscription.ts';

/**
 * How the items of a subscription go over an instant. `before` is the calendar in which the periods that run were made,
 * `after` the one that what begins follows. `recut`: every running period ends here, because the calendar moves.
 * `prorates` false: what was paid ahead is neither given back nor charged anew until it has run out.
 */
export type Advance = {
  before: Subscription;
  after: Subscription;
  at: Date;
  moves: ReadonlyMap<string, Move>;
  begin: readonly ItemTarget[];
  recut: boolean;
  prorates: boolean;
};

export type Advanced = { items: SubscriptionItem[]; segments: SegmentChange[] };

/**
 * The one function that moves items over an instant; closes of periods and changes are both this. What has ended is
 * billed in arrears or given back, what begins is billed in advance, and what nothing happens to stays as it is
 * (billing rules 11, 12, 14, 16, 21). Commitments come last, because they are measured against everything else.
 */
export function advance(bill: Bill, priced: readonly PricedItem[], over: Advance): Advanced {
  const segments: SegmentChange[] = [];
  const items = new Map<string, SubscriptionItem>();
  for (const entry of commitmentsLast(priced)) {
    const move = over.moves.get(entry.item.id) ?? null;
    items.set(entry.item.id, carry(bill, entry, move, over));
    if (move) segments.push(segmentOf(entry.item.id, move, over.at));
  }
  const begun = over.begin.map(({ key, price, quantity }) => {
    const item = beginItem(over.after, key, over.at);
    segments.push({ itemId: item.id, from: over.at, to: { price, quantity } });
    return begin(bill, { item, price, quantity }, over);
  });
  return { items: [...priced.map(({ item }) => items.get(item.id) ?? item), ...begun], segments };
}

function commitmentsLast(priced: readonly PricedItem[]): PricedItem[] {
  const isCommitment = ({ price }: PricedItem) => price.terms.model === 'minimum_commitment';
  return [...priced.filter((entry) => !isCommitment(entry)), ...priced.filter(isCommitment)];
}

export function segmentOf(itemId: string, move: Move, at: Date): SegmentChange {
  return {
    itemId,
    from: at,
    to: move.kind === 'end' ? null : { price: move.price, quantity: move.quantity },
  };
}

/** An item that begins at `at`, before anything of it is billed. */
export function beginItem(subscription: Subscription, key: string, at: Date): SubscriptionItem {
  return {
    id: newItemId(key),
    tenantId: subscription.tenantId,
    subscriptionId: subscription.id,
    key,
    startedAt: at,
    endedAt: null,
    currentPeriodStart: null,
    currentPeriodEnd: null,
    createdAt: at,
  };
}

function carry(bill: Bill, entry: PricedItem, move: Move | null, over: Advance): SubscriptionItem {
  const { item } = entry;
  const ends = item.currentPeriodEnd !== null && item.currentPeriodEnd <= over.at;
  if (!move && !ends && !over.recut) return item;
  if (move?.kind === 'end') {
    close(bill, entry, over);
    return { ...item, endedAt: over.at };
  }
  const next = move ? { item, price: move.price, quantity: move.quantity } : entry;
  if (!over.prorates && !ends && entry.price.timing === 'in_advance') {
    if (next.price.timing === 'in_arrears') throw needsProration(item.currentPeriodEnd);
    return item;
  }
  close(bill, entry, over);
  // A fresh item beyond this instant: what was loaded about the old period says nothing about the new one.
  const fresh = { item, price: next.price, quantity: next.quantity };
  return begin(bill, fresh, { ...over, prorates: over.prorates || ends });
}

/** Ends an item's running period at `at`: what runs in arrears is billed as it was agreed until now, what was paid ahead is given back. */
export function close(bill: Bill, entry: PricedItem, { before, at, prorates }: Advance): void {
  const { currentPeriodStart: start, currentPeriodEnd: end } = entry.item;
  if (!start || !end) return;
  if (entry.price.timing === 'in_arrears') {
    if (start < at) bill.charge(before, entry, { start, end: at });
  } else if (prorates && at < end) bill.giveBack(before, entry, at);
}

/** Begins an item's next period at `at`, which ends with the whole contractual period that `at` lies in (billing rule 16). */
export function begin(
  bill: Bill,
  entry: PricedItem,
  { after, at, prorates }: Pick<Advance, 'after' | 'at' | 'prorates'>,
): SubscriptionItem {
  const whole = contractualPeriod(cadenceOf(after), intervalOf(entry.price), at);
  // Where only so many cycles were agreed, nothing is billed beyond them (billing rule 18).
  const isLast = after.endsAt !== null && after.endsAt > at && after.endsAt < whole.end;
  const period = { start: at, end: isLast && after.endsAt ? after.endsAt : whole.end };
  if (entry.price.timing === 'in_advance') {
    // What begins within a period without proration is paid for from the next one on.
    if (prorates || at.getTime() === whole.start.getTime()) bill.charge(after, entry, period);
    else bill.leaveFree(entry, period, 'waived');
  }
  return { ...entry.item, currentPeriodStart: period.start, currentPeriodEnd: period.end };
}

function needsProration(paidUntil: Date | null): DomainError {
  const until = paidUntil?.toISOString() ?? 'the end of its period';
  return new DomainError(
    'proration_needed',
    `What was paid ahead until ${until} cannot become something else, or the calendar move, before that without proration; use proration "invoice_now" or "next_invoice", or let it take effect at ${until}.`,
    paidUntil ? { paid_until: until } : {},
  );
}

/** Throws `proration_needed` when the calendar would move under a period that was paid ahead, without proration. */
export function assertProrated(priced: readonly PricedItem[], over: Advance): void {
  if (over.prorates || !over.recut) return;
  const paidUntil = priced.flatMap(({ item: { currentPeriodEnd: end }, price }) =>
    price.timing === 'in_advance' && end !== null && end > over.at ? [end.getTime()] : [],
  );
  if (paidUntil.length > 0) throw needsProration(new Date(Math.max(...paidUntil)));
}
