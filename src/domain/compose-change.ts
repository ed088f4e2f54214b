import type { Change, ItemTarget } from './change.ts';
import type { FieldError } from './errors.ts';
import { amountsTooLarge, type PlacedTarget } from './large-amounts.ts';
import { Decimal } from './money.ts';
import type { Price } from './plan.ts';

/** A plan or an add-on at one version, with the prices that everybody is sold. */
export type Sold = { planId: string; version: number; prices: readonly Price[] };

/** What a subscription consists of at the instant that a change is thought for; nothing yet for one that is created. */
export type Holding = { currency: string; plan: Sold | null; items: readonly ItemTarget[] };

/** Quantity null: what it has, or 1. */
export type WantedItem = { key: string; quantity: Decimal | null };
/** Key null: all its prices. */
export type WantedAddOn = { sold: Sold; key: string | null; quantity: Decimal | null };
/** `price` makes the private price that stands in for another one, or says why it cannot. */
export type WantedPrice = { key: string; price: (instead: Price) => Price | FieldError };

/** A change in the words of whoever asks for it. What is not named stays. */
export type WantedChange = {
  plan: Sold | null;
  items: readonly WantedItem[] | null;
  addOns: readonly WantedAddOn[];
  once: readonly WantedAddOn[];
  remove: readonly string[];
  prices: readonly WantedPrice[];
};

export type ComposedChange = Pick<Change, 'plan' | 'set' | 'remove' | 'once'>;

const ONE = new Decimal(1);

/** The price of a slot in a currency. */
const priceOf = ({ prices }: Sold, key: string, currency: string): Price | null =>
  prices.find((price) => price.key === key && price.currency === currency) ?? null;

const keysOf = ({ prices }: Sold): string[] => [...new Set(prices.map(({ key }) => key))];

/**
 * A wanted change as targets: which items are to be what, which end, what is charged once. A plan that is taken brings
 * all its prices, with the quantities that items of the same key have; what somebody had left out of the plan before
 * stays out. With `items` only those are added. Every error has the path of the field in the words of the API.
 */
export function composeChange(
  holding: Holding,
  wanted: WantedChange,
): { change: ComposedChange; errors: FieldError[] } {
  const draft = new ChangeDraft(holding, wanted);
  if (wanted.plan) draft.takePlan(wanted.plan);
  for (const [index, item] of (wanted.items ?? []).entries()) draft.take(item, `items[${index}]`);
  for (const [index, addOn] of wanted.addOns.entries()) draft.join(addOn, `add_ons[${index}]`);
  for (const [index, addOn] of wanted.once.entries()) draft.chargeOnce(addOn, `once[${index}]`);
  for (const [index, key] of wanted.remove.entries()) draft.end(key, `remove[${index}]`);
  for (const [index, override] of wanted.prices.entries()) draft.agree(override, `prices[${index}]`);
  return draft.composed();
}

/** What a subscription consists of once a change is made. */
export function holdingAfter(holding: Holding, { set, remove }: ComposedChange, plan: Sold | null): Holding {
  const { plan: before } = holding;
  const leaves = plan !== null && (plan.planId !== before?.planId || plan.version !== before.version);
  const stays = holding.items.filter(
    ({ key, price }) => !remove.includes(key) && !(leaves && price.planId === holding.plan?.planId),
  );
  const kept = stays.filter(({ key }) => !set.some((target) => target.key === key));
  return { currency: holding.currency, plan: plan ?? holding.plan, items: [...kept, ...set] };
}

class ChangeDraft {
  private readonly set = new Map<string, PlacedTarget>();
  private readonly once: PlacedTarget[] = [];
  private readonly remove: string[] = [];
  private readonly errors: FieldError[] = [];
  private readonly holding: Holding;
  private readonly wanted: WantedChange;

  constructor(holding: Holding, wanted: WantedChange) {
    this.holding = holding;
    this.wanted = wanted;
  }

  takePlan(plan: Sold): void {
    const { currency } = this.holding;
    const currencies = [...new Set(plan.prices.map((price) => price.currency))];
    if (!currencies.includes(currency)) {
      const message = `The plan is sold in ${currencies.join(', ')}, and the subscription is billed in ${currency}; use a plan that is sold in it.`;
      this.refuse('plan', 'plan_currency_mismatch', message);
      return;
    }
    const named = new Set(this.wanted.items?.map(({ key }) => key));
    for (const key of keysOf(plan)) {
      const held = this.heldByPlan(key);
      if (named.has(key) || !(held || this.joinsWithPlan(key))) continue;
      const price = priceOf(plan, key, currency);
      if (price) this.put({ key, price, quantity: fitting(price, held?.quantity ?? ONE) }, 'plan');
      else this.refuse('plan', 'price_currency_missing', missingPrice(key, currency));
    }
  }

  take({ key, quantity }: WantedItem, path: string): void {
    const held = this.held(key);
    const plan = this.wanted.plan ?? this.holding.plan;
    const isOther = held !== null && !this.heldByPlan(key);
    const keepsPrice = held !== null && (isOther || this.wanted.plan === null);
    if (!keepsPrice && !(plan && keysOf(plan).includes(key))) {
      const known = [
        ...new Set([...(plan ? keysOf(plan) : []), ...this.holding.items.map((item) => item.key)]),
      ];
      this.refuse(
        `${path}.key`,
        'unknown_key',
        `The plan has no price "${key}"; it has ${known.join(', ')}.`,
      );
      return;
    }
    const price = keepsPrice ? held.price : plan && priceOf(plan, key, this.holding.currency);
    if (!price) {
      this.refuse(path, 'price_currency_missing', missingPrice(key, this.holding.currency));
      return;
    }
    const units = quantity ?? (held ? fitting(price, held.quantity) : ONE);
    this.checkQuantity(price, units, `${path}.quantity`);
    this.put({ key, price, quantity: units }, `${path}.key`, `${path}.quantity`);
  }

  join(addOn: WantedAddOn, path: string): void {
    for (const price of this.pricesOf(addOn, path)) {
      const held = this.held(price.key);
      const quantity = addOn.quantity ?? (held ? fitting(price, held.quantity) : ONE);
      this.checkQuantity(price, quantity, `${path}.quantity`);
      const target = { key: price.key, price, quantity };
      if (price.intervalUnit === null) this.once.push({ ...target, path: `${path}.quantity` });
      else this.put(target, path, `${path}.quantity`);
    }
  }

  chargeOnce(addOn: WantedAddOn, path: string): void {
    for (const price of this.pricesOf(addOn, path)) {
      const quantity = addOn.quantity ?? ONE;
      this.checkQuantity(price, quantity, `${path}.quantity`);
      if (price.intervalUnit === null)
        this.once.push({ key: price.key, price, quantity, path: `${path}.quantity` });
      else {
        const message = `"${price.key}" recurs; name it in add_ons, or use an add-on whose price has no interval.`;
        this.refuse(`${path}.add_on`, 'not_once', message);
      }
    }
  }

  end(key: string, path: string): void {
    if (!this.held(key)) {
      const keys = this.holding.items.map((item) => item.key).join(', ');
      this.refuse(path, 'unknown_key', `The subscription has no item "${key}"; it has ${keys}.`);
    } else if (this.wanted.items?.some((item) => item.key === key)) {
      this.refuse(
        path,
        'conflicting_fields',
        `"${key}" is named in items, too; leave it out of one of them.`,
      );
    } else {
      this.set.delete(key);
      this.remove.push(key);
    }
  }

  agree({ key, price }: WantedPrice, path: string): void {
    const target = this.set.get(key) ?? this.held(key);
    if (!target || this.remove.includes(key)) {
      const keys = [...new Set([...this.set.keys(), ...this.holding.items.map((item) => item.key)])];
      this.refuse(`${path}.key`, 'unknown_key', `There is no item "${key}"; there are ${keys.join(', ')}.`);
      return;
    }
    const agreed = price(target.price);
    if ('id' in agreed)
      this.set.set(key, { ...target, price: agreed, quantity: fitting(agreed, target.quantity), path });
    else this.refuse(`${path}.${agreed.path}`, agreed.code, agreed.message);
  }

  composed(): { change: ComposedChange; errors: FieldError[] } {
    const { plan } = this.wanted;
    const change: ComposedChange = {
      plan: plan && { planId: plan.planId, version: plan.version },
      set: [...this.set.values()].map(withoutPath),
      remove: this.remove,
      once: this.once.map(withoutPath),
    };
    const asked = [...this.set.values(), ...this.once];
    const kept = holdingAfter(this.holding, change, plan).items.filter(({ key }) => !this.set.has(key));
    return { change, errors: [...this.errors, ...amountsTooLarge(asked, kept)] };
  }

  private held(key: string): ItemTarget | null {
    return this.holding.items.find((item) => item.key === key) ?? null;
  }

  private heldByPlan(key: string): ItemTarget | null {
    const held = this.held(key);
    return held?.price.planId === this.holding.plan?.planId ? held : null;
  }

  /** With named items only those; without, what nobody could leave out because there was no such price. */
  private joinsWithPlan(key: string): boolean {
    if (this.wanted.items !== null) return false;
    return this.holding.plan === null || !keysOf(this.holding.plan).includes(key);
  }

  private pricesOf({ sold, key }: WantedAddOn, path: string): Price[] {
    const { currency } = this.holding;
    if (key !== null && !keysOf(sold).includes(key)) {
      const message = `The add-on has no price "${key}"; it has ${keysOf(sold).join(', ')}.`;
      this.refuse(`${path}.key`, 'unknown_key', message);
      return [];
    }
    const prices = sold.prices.filter(
      (price) => price.currency === currency && (key === null || price.key === key),
    );
    if (prices.length === 0) {
      const message = `The add-on is not sold in ${currency}, in which the subscription is billed; give it a price in ${currency}.`;
      this.refuse(`${path}.add_on`, 'plan_currency_mismatch', message);
    }
    return prices;
  }

  /** `priced`: the field that says how much of it there is. */
  private put(target: ItemTarget, path: string, priced = path): void {
    const held = this.held(target.key);
    const newPlan = this.wanted.plan?.planId ?? this.holding.plan?.planId;
    const ofPlan = target.price.planId === newPlan;
    const takesFromOther =
      held !== null && (ofPlan ? !this.heldByPlan(target.key) : held.price.planId !== target.price.planId);
    if (this.set.has(target.key) || takesFromOther) this.refuseTaken(target.key, path);
    else this.set.set(target.key, { ...target, path: priced });
  }

  private refuseTaken(key: string, path: string): void {
    const message = `There is an item "${key}" already; end that one first, or name a price with another key.`;
    this.refuse(path, 'item_key_taken', message);
  }

  private checkQuantity(price: Price, quantity: Decimal, path: string): void {
    const reason = whyFixed(price);
    if (!reason || quantity.eq(ONE)) return;
    this.refuse(path, reason.code, reason.message);
  }

  private refuse(path: string, code: string, message: string): void {
    this.errors.push({ path, code, message });
  }
}

function withoutPath({ key, price, quantity }: PlacedTarget): ItemTarget {
  return { key, price, quantity };
}

/** Why the quantity of a price is nobody's to choose; null where it is. */
function whyFixed({ key, terms, billing }: Price): { code: string; message: string } | null {
  if (billing === 'usage')
    return {
      code: 'quantity_from_usage',
      message: `"${key}" is billed by what is used; report usage, and leave its quantity out.`,
    };
  if (terms.model === 'flat' || terms.model === 'minimum_commitment')
    return { code: 'quantity_fixed', message: `"${key}" is a flat price: its quantity is 1.` };
  return null;
}

/** The quantity that an item had, where its new price has one. */
function fitting(price: Price, quantity: Decimal): Decimal {
  return whyFixed(price) ? ONE : quantity;
}

function missingPrice(key: string, currency: string): string {
  return `The plan has no price "${key}" in ${currency}; publish a version that has one.`;
}
