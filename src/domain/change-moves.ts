import type { Change, ItemTarget } from './change.ts';
import { DomainError } from './errors.ts';
import type { Decimal } from './money.ts';
import type { Price } from './plan.ts';
import type { PricedItem, Subscription } from './subscription.ts';

/** What a change makes of one item: another price or quantity, or its end. */
export type Move = { kind: 'become'; price: Price; quantity: Decimal } | { kind: 'end' };
export type Moves = { byItem: ReadonlyMap<string, Move>; begin: readonly ItemTarget[] };

type Owner = Pick<Subscription, 'planId' | 'planVersion' | 'currency'>;

/**
 * What a change makes of each item that a subscription has by then, and the items that it begins. Items that are what
 * they are to be are not moved. Throws `plan_currency_mismatch`, `item_unknown`, `item_key_taken`, and
 * `change_not_allowed` when nothing would be left.
 */
export function movesOf(subscription: Owner, priced: readonly PricedItem[], change: Change): Moves {
  for (const { price } of [...change.set, ...change.once]) assertCurrency(subscription, price);
  for (const key of change.remove) assertKnown(priced, key);
  const moved = new Map<string, Move>();
  for (const entry of priced) {
    const target = change.set.find(({ key }) => key === entry.item.key);
    if (target) assertSameOwner(subscription, change, entry, target);
    const move = moveOf(subscription, entry, target ?? null, change);
    if (move) moved.set(entry.item.id, move);
  }
  const begin = change.set.filter(({ key }) => !priced.some(({ item }) => item.key === key));
  const ended = [...moved.values()].filter(({ kind }) => kind === 'end').length;
  if (begin.length === 0 && ended === priced.length) {
    throw new DomainError(
      'change_not_allowed',
      'The change would leave nothing to subscribe to; keep at least one item, or cancel the subscription.',
      { reason: 'no_items_left' },
    );
  }
  return { byItem: moved, begin };
}

/** The items that a change is about, as far as the subscription has them. */
export function affectedBy(subscription: Owner, priced: readonly PricedItem[], change: Change): PricedItem[] {
  return priced.filter((entry) => {
    const target = change.set.find(({ key }) => key === entry.item.key) ?? null;
    return moveOf(subscription, entry, target, change) !== null;
  });
}

function moveOf(
  subscription: Owner,
  entry: PricedItem,
  target: ItemTarget | null,
  change: Change,
): Move | null {
  if (change.remove.includes(entry.item.key)) return { kind: 'end' };
  if (!target) {
    const leaves = leavesPlan(subscription, change) && entry.price.planId === subscription.planId;
    return leaves ? { kind: 'end' } : null;
  }
  const isSame = entry.price.id === target.price.id && entry.quantity.eq(target.quantity);
  return isSame ? null : { kind: 'become', price: target.price, quantity: target.quantity };
}

/** Whether the change names another plan, or another version of it. */
export function leavesPlan({ planId, planVersion }: Owner, { plan }: Pick<Change, 'plan'>): boolean {
  return plan !== null && (plan.planId !== planId || plan.version !== planVersion);
}

function assertCurrency({ currency }: Owner, price: Price): void {
  if (price.currency === currency) return;
  throw new DomainError(
    'plan_currency_mismatch',
    `The subscription is billed in ${currency} and the price "${price.key}" is in ${price.currency}; use a price in ${currency}.`,
    { currency },
  );
}

function assertKnown(priced: readonly PricedItem[], key: string): void {
  if (priced.some(({ item }) => item.key === key)) return;
  const keys = priced.map(({ item }) => `"${item.key}"`).join(', ');
  throw new DomainError('item_unknown', `The subscription has no item "${key}"; it has ${keys}.`, { key });
}

/** An add-on never takes the place of a plan's item, nor the other way round, because they end by different rules. */
function assertSameOwner(
  subscription: Owner,
  change: Change,
  { price }: PricedItem,
  target: ItemTarget,
): void {
  const has = price.planId === subscription.planId ? 'plan' : price.planId;
  const newPlan = change.plan?.planId ?? subscription.planId;
  const wants = target.price.planId === newPlan ? 'plan' : target.price.planId;
  if (has === wants) return;
  throw new DomainError(
    'item_key_taken',
    `The subscription already has an item "${target.key}" of another plan or add-on; end that one first, or use another key.`,
    { key: target.key },
  );
}
