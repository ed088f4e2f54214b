import type { SimulationAction } from '../../src/contract/simulation-actions.ts';
import { Decimal } from '../../src/domain/money.ts';
import { dayOf, periodAround, startOfDay } from './naive-calendar.ts';
import { type Lines, type Sub, type Target, Unclear, zero } from './naive-life.ts';
import type { PriceBody } from './naive-prices.ts';
import { advance, type Cut, endTrial, perDay } from './naive-steps.ts';
import { isLive, periodEndOf, plan, replacePlans, settle, type World } from './naive-world.ts';

/** What a change, and every command that is one by another name, may say. */
export type ChangeBody = Partial<Omit<Extract<SimulationAction, { action: 'change' }>, 'at' | 'action'>>;

type Wanted = { targets: Target[]; plan: string; once: { price: PriceBody; quantity: Decimal }[] };

/** Rules 12–16 and 31b. False: refused. `due`: it was planned and its time has come. */
export function change(world: World, sub: Sub, asked: ChangeBody, at: number, due = false): boolean {
  if (!isLive(sub)) return false;
  const wanted = want(world, sub, asked);
  if (wanted === null) return false;
  const changed = wanted.targets.filter((target) => differs(sub, target));
  const endsTrial = asked.trial === 'end' && sub.status === 'trialing';
  const nothing = changed.length === 0 && wanted.once.length === 0 && wanted.plan === sub.plan;
  if (nothing && asked.billing_anchor === undefined && asked.anchor !== 'reset' && !endsTrial) return false;
  // What is counted from a given anchor, or from the calendar, cannot be counted anew (rule 16).
  if (asked.anchor === 'reset' && !due && (sub.calendar || sub.fixedAnchor)) return false;
  const cut = cutOf(sub, changed, asked);
  const when = due ? at : whenOf(sub, asked, cut, at);
  if (when >= (sub.cancelAt ?? Infinity) || when >= (sub.endsAt ?? Infinity)) return false;
  if (nothing && endsTrial && when > at && when > (sub.trialEnd ?? when)) return false;
  if (nothing && endsTrial && when > at && when === sub.trialEnd)
    throw new Unclear('a trial that is to end when it ends');
  if (when < at) throw new Unclear('a change in the past');
  const isBefore = sub.status === 'scheduled' || sub.status === 'trialing';
  if (isBefore && sub.cycles !== null && when > at)
    throw new Unclear('how long cycles last that have not begun');
  if (sub.pausedAt !== null && when > at) throw new Unclear('a change planned while paused');
  if (cut.proration === 'none' && cut.anchor !== null && !fitsWithoutMoney(sub, when, at)) {
    if (when > at && !isInstant(asked.effective)) throw new Unclear('a period end that others reach beyond');
    return false;
  }
  if (when > at && cut.proration === 'none' && leavesAdvance(sub, changed))
    throw new Unclear('a plan that may be refused then');
  if (when === at) {
    if (!due && asked.plan !== undefined) replacePlans(sub, 'change');
    make(world, sub, wanted, { ...cut, targets: changed }, asked, at);
    return true;
  }
  const run = (_: Sub, then: number) => {
    change(
      world,
      sub,
      { ...asked, proration: cut.proration, anchor: cut.reset ? 'reset' : 'keep' },
      then,
      true,
    );
  };
  const mode = asked.effective === 'now' || isInstant(asked.effective) ? 'at' : 'period_end';
  const about = meantBy(sub, cut);
  plan(sub, { at: when, mode, about, kind: 'change', run });
  return true;
}

/** Without proration the calendar moves only where no paid period runs; what lies ahead is judged by what is known now. */
function fitsWithoutMoney(sub: Sub, when: number, at: number): boolean {
  const isQuiet = sub.status === 'trialing' || sub.status === 'scheduled' || sub.pausedAt !== null;
  if (isQuiet && when > at) throw new Unclear('a plan for when something runs again');
  if (isQuiet) return true;
  const paidAhead = sub.items.filter(({ price }) => price.timing === 'in_advance');
  return paidAhead.every(({ price, end }) => {
    if (when === at) return end === null || end === when;
    return periodAround(sub, price.interval ?? MONTH, when).start === when;
  });
}

const MONTH = { unit: 'month', count: 1 } as const;

/** What is paid ahead would be paid in arrears. */
const leavesAdvance = (sub: Sub, changed: readonly Target[]) =>
  changed.some((target) => {
    const item = sub.items.find(({ key }) => key === target.key);
    return 'price' in target && item?.price.timing === 'in_advance' && target.price.timing !== 'in_advance';
  });

const isInstant = (text: string | undefined) => text !== undefined && /^\d/.test(text);

/** What every item is to be; null where something is named that does not exist or is there already. */
function want(world: World, sub: Sub, asked: ChangeBody): Wanted | null {
  const { plans, add_ons } = world.body.catalogue;
  if (asked.prices || asked.plan_version) throw new Unclear('negotiated prices and versions');
  const targets = new Map<string, Target>();
  const plan = asked.plan ?? sub.plan;
  const prices = plans.find(({ id }) => id === plan)?.prices ?? [];
  if (plan !== sub.plan) {
    for (const item of sub.items) if (item.plan === sub.plan) targets.set(item.key, { key: item.key });
    if (!asked.items) throw new Unclear('a change of plan that names no items');
  }
  for (const { key, quantity } of asked.items ?? []) {
    const price = prices.find((one) => one.key === key);
    const item = sub.items.find((one) => one.key === key);
    if (price && (plan !== sub.plan || !item || item.plan === plan))
      targets.set(key, { key, plan, price, quantity: new Decimal(quantity ?? '1') });
    else if (item && plan === sub.plan) targets.set(key, { ...item, quantity: new Decimal(quantity ?? '1') });
    else return null;
  }
  for (const key of asked.remove ?? []) {
    if (!sub.items.some((item) => item.key === key)) return null;
    targets.set(key, { key });
  }
  for (const { add_on, quantity } of asked.add_ons ?? []) {
    for (const price of add_ons.find(({ id }) => id === add_on)?.prices ?? []) {
      const item = sub.items.find(({ key }) => key === price.key);
      if (item && item.plan !== add_on) return null;
      targets.set(price.key, { key: price.key, plan: add_on, price, quantity: new Decimal(quantity ?? '1') });
    }
  }
  const once = (asked.once ?? []).flatMap(({ add_on, quantity }) =>
    (add_ons.find(({ id }) => id === add_on)?.prices ?? []).map((price) => ({
      price,
      quantity: new Decimal(quantity ?? '1'),
    })),
  );
  return { targets: [...targets.values()].map(bare), plan, once };
}

const bare = (target: Target): Target =>
  'price' in target
    ? { key: target.key, plan: target.plan, price: target.price, quantity: target.quantity }
    : { key: target.key };

function differs(sub: Sub, target: Target): boolean {
  const item = sub.items.find(({ key }) => key === target.key);
  if (!item || !('price' in target)) return item !== undefined || 'price' in target;
  return item.price !== target.price || !item.quantity.eq(target.quantity);
}

function cutOf(sub: Sub, changed: readonly Target[], asked: ChangeBody): Cut {
  const newCadence = changed.some((target) => {
    const item = sub.items.find(({ key }) => key === target.key);
    if (!item || !('price' in target)) return false;
    return cadence(item.price) !== cadence(target.price);
  });
  const free = !sub.calendar && !sub.fixedAnchor;
  const reset =
    (asked.anchor ?? (newCadence && free && !asked.billing_anchor ? 'reset' : 'keep')) === 'reset';
  if (reset && !free) throw new Unclear('a fixed anchor that is to be reset');
  if (asked.billing_anchor && (sub.calendar || reset)) throw new Unclear('two anchors');
  return {
    targets: changed,
    proration: asked.proration ?? 'invoice_now',
    anchor: asked.billing_anchor ? Date.parse(asked.billing_anchor) : reset ? Number.NaN : null,
    reset,
  };
}

const cadence = ({ interval }: PriceBody) => `${interval?.count} ${interval?.unit}`;

/** At once, at the end of the period, or at an instant (rule 15); an upgrade at once unless it says otherwise. */
function whenOf(sub: Sub, asked: ChangeBody, cut: Cut, at: number): number {
  const later = isInstant(asked.effective) ? Date.parse(asked.effective ?? '') : at;
  if (sub.status === 'scheduled') return later > sub.startsAt ? later : at;
  const effective = asked.effective ?? defaultOf(sub, cut.targets);
  if (effective === 'now') return at;
  if (effective !== 'period_end') return Date.parse(effective);
  const end = periodEndOf(sub, meantBy(sub, cut));
  if (end === null) throw new Unclear('the end of a period that does not run');
  return end;
}

/** The items that a change is about: with a new anchor all of them. */
const meantBy = (sub: Sub, { anchor, targets }: Cut) =>
  new Set((anchor === null ? targets : sub.items).map(({ key }) => key));

function defaultOf(sub: Sub, changed: readonly Target[]): 'now' | 'period_end' {
  const after = sub.items
    .filter(({ key }) => !changed.some((target) => target.key === key))
    .map(({ price, quantity }) => ({ price, quantity }));
  for (const target of changed) if ('price' in target) after.push(target);
  const [old, fresh] = [perDay(sub.items), perDay(after)];
  if (old !== fresh && Math.abs(old - fresh) < old / 20) throw new Unclear('nearly the same price per day');
  return fresh >= old ? 'now' : 'period_end';
}

/** Makes the change: lines, and what they are billed with. */
function make(world: World, sub: Sub, wanted: Wanted, cut: Cut, asked: ChangeBody, at: number): void {
  sub.plan = wanted.plan;
  const once: Lines = wanted.once.map(({ price }) => onceLine(sub, price, at));
  if (sub.status === 'trialing' || sub.status === 'scheduled' || sub.pausedAt !== null) {
    if (once.length > 0) throw new Unclear('charged once while nothing runs');
    if (cut.anchor !== null) throw new Unclear('a new anchor while nothing runs');
    replaceQuietly(sub, cut.targets);
    if (sub.status === 'trialing' && asked.trial === 'end')
      settle(world, sub, at, { now: endTrial(sub, at), later: [] });
    return;
  }
  const anchor = cut.reset ? at : cut.anchor;
  const made = advance(sub, at, { ...cut, anchor });
  (cut.proration === 'invoice_now' ? made.now : made.later).push(...once);
  settle(world, sub, at, made);
}

export function onceLine(sub: Sub, price: PriceBody, at: number): Lines[number] {
  if (price.terms.model !== 'flat') throw new Unclear('charged once by another model');
  const end = sub.basis === 'day' ? startOfDay(dayOf(at, sub.zone) + 1, sub.zone) : at + 1;
  const line = { key: price.key, amount: price.terms.unitAmount, start: at, end };
  const fee = {
    line,
    price,
    quantity: new Decimal(1),
    wholeUnits: 1,
    until: end,
    credited: zero,
    invoice: null,
  };
  sub.billed.push(fee);
  return { line, fee };
}

/** Nothing runs, so nothing is billed: only what will run is another. */
function replaceQuietly(sub: Sub, targets: readonly Target[]): void {
  if (sub.items.some((item) => item.fees.some(({ until }) => sub.pausedAt !== null && until > sub.pausedAt)))
    throw new Unclear('a change in a pause that is paid for');
  if (sub.items.some(({ from }) => from !== null)) throw new Unclear('a change in a trial with billed usage');
  for (const target of targets) {
    const place = sub.items.findIndex(({ key }) => key === target.key);
    if (!('price' in target)) sub.items.splice(place, 1);
    else if (place >= 0) Object.assign(sub.items[place] ?? {}, target);
    else sub.items.push({ ...target, from: null, whole: null, end: null, fees: [], instalments: zero });
  }
}
