import { Decimal } from '../../src/domain/money.ts';
import { dayOf, type Grid, periodAround, type Stretch, startOfDay, unitsOf } from './naive-calendar.ts';
import { amountOf, type Part, type PriceBody, type Used, usedIn } from './naive-prices.ts';

/**
 * What the naive model knows of one subscription, and how it bills a stretch of it. Written from the billing rules alone;
 * instants are milliseconds, everything is changed in place.
 */

/** Something the billing rules leave open: such a timeline is not compared. */
export class Unclear extends Error {}

/** `counted`: of how many events, and by which version of its meter. */
export type Line = {
  key: string;
  amount: Decimal;
  start: number;
  end: number;
  counted?: { events: number; version: number };
};
export type Invoice = {
  subscription: string;
  at: number;
  lines: Line[];
  total: Decimal;
  balanceApplied: Decimal;
  credited: Decimal;
  paid: boolean;
  dueAt: number | null;
};

/** A line that stands for time: what of it was given back, and when it ends by now. */
export type Fee = {
  line: Line;
  price: PriceBody;
  quantity: Decimal;
  wholeUnits: number;
  until: number;
  credited: Decimal;
  invoice: Invoice | null;
};

export type Item = {
  key: string;
  plan: string;
  price: PriceBody;
  quantity: Decimal;
  /** Since when nothing was billed in arrears; null while nothing runs (trial, pause). */
  from: number | null;
  whole: Stretch | null;
  end: number | null;
  fees: Fee[];
  /** What thresholds billed of the time since `from`. */
  instalments: Decimal;
};

/** What a meter made of a stretch: how many events, and what is priced; `apart` when each is priced alone. */
export type Counted = { used: Used[]; apart: boolean; events: number; version: number };

/** A stretch that a meter counted, with what was billed of it and what was known when that was done. */
export type Closed = {
  item: Item;
  stretch: Stretch;
  part: Part;
  billed: Decimal;
  /** What was counted then, and of how many events. */
  seen: string;
  closedAt: number;
  known: number;
  looked: number;
  isDone: boolean;
};

export type Target = { key: string; plan: string; price: PriceBody; quantity: Decimal } | { key: string };
export type Planned = {
  at: number;
  mode: 'at' | 'period_end';
  kind: 'change' | 'pause' | 'resume';
  /** The items it is about; null: all of them. */
  about: ReadonlySet<string> | null;
  run: (sub: Sub, at: number) => void;
};

export type Sub = {
  name: string;
  status: string;
  states: { status: string; from: number; to: number | null }[];
  plan: string;
  /** Whose events it counts: the customer's, or only those that name it. */
  usageScope: 'customer' | 'subscription';
  zone: string;
  basis: 'day' | 'second';
  calendar: boolean;
  fixedAnchor: boolean;
  anchor: number;
  trialUsage: 'free' | 'billed';
  startsAt: number;
  trialEnd: number | null;
  cycles: number | null;
  endsAt: number | null;
  pausedAt: number | null;
  cancelAt: number | null;
  /** It ends with its period, wherever that end moves. */
  cancelsWithPeriod: boolean;
  /** What is unused then is given back. */
  cancelGivesBack: boolean;
  netDays: number | null;
  items: Item[];
  used: Map<string, Used[]>;
  /** What meters counted of a stretch; null where none counts. */
  counts: (item: Item, stretch: Stretch) => Counted | null;
  /** Remembers what was billed of such a stretch. */
  closes: (closed: Pick<Closed, 'item' | 'stretch' | 'part' | 'billed'>) => void;
  closed: Closed[];
  /** What came late for them, when there is an invoice. */
  late: () => Lines;
  /** Every line it ever had, for what a minimum commitment counts. */
  billed: Fee[];
  pending: { line: Line; fee: Fee | null }[];
  /** The highest threshold that came once, and when the last invoice of one was made. */
  passed: Decimal;
  thresholdAt: number | null;
  planned: Planned[];
};

export const gridOf = (sub: Sub): Grid => sub;

export const zero = new Decimal(0);
const money = (amounts: Decimal[]) => amounts.reduce((sum, amount) => sum.plus(amount), zero);

/** What a decision comes to, before it is known where it goes. */
export type Lines = { line: Line; fee: Fee | null }[];

export function newFee(
  sub: Sub,
  item: Item,
  amount: Decimal,
  stretch: Stretch,
  wholeUnits: number,
  by: Counted | null = null,
): Fee {
  const { key, price, quantity } = item;
  const counted = by && { counted: { events: by.events, version: by.version } };
  const fee = {
    line: { key, amount, ...stretch, ...counted },
    price,
    quantity,
    wholeUnits,
    until: stretch.end,
    credited: zero,
    invoice: null,
  };
  sub.billed.push(fee);
  return fee;
}

/** The item begins to run at `t`: a price in advance bills what is left of its
 * contractual period (rules 8, 10, 11, 16), and nothing beyond its last cycle. */
export function begin(sub: Sub, item: Item, t: number): Lines {
  const whole = periodAround(gridOf(sub), item.price.interval ?? fail('has no interval'), t);
  const end = Math.min(whole.end, sub.endsAt ?? whole.end);
  Object.assign(item, { from: t, whole, end, instalments: zero });
  if (item.price.timing !== 'in_advance') return [];
  const part = { units: unitsOf(sub, { start: t, end }), whole: unitsOf(sub, whole) };
  const amount = amountOf(item.price, item.quantity, [], part);
  const fee = newFee(sub, item, amount, { start: t, end }, part.whole);
  item.fees.unshift(fee);
  return [{ line: fee.line, fee }];
}

/** The first instant that is not paid for: with `dayToo` the day of `t` still is (rule 12). */
export type DayToo = 'always' | 'begun' | 'never';
function billedUntil(sub: Sub, t: number, dayToo: DayToo): number {
  const day = dayOf(t, sub.zone);
  const begun = startOfDay(day, sub.zone) < t;
  if (sub.basis === 'second' || dayToo === 'never' || (dayToo === 'begun' && !begun)) return t;
  return startOfDay(day + 1, sub.zone);
}

/** What a price in arrears bills for the time that ends at `t`. */
export function closeArrears(sub: Sub, item: Item, t: number, dayToo: DayToo = 'never'): Lines {
  const { from, whole, price } = item;
  if (price.timing !== 'in_arrears' || from === null || whole === null || from >= t) return [];
  const stretch = { start: from, end: t };
  const wholeUnits = unitsOf(sub, whole);
  const paid = { start: from, end: Math.min(billedUntil(sub, t, dayToo), whole.end) };
  const part = { units: unitsOf(sub, paid), whole: wholeUnits };
  item.from = t;
  const metered = sub.counts(item, stretch);
  const used = metered?.used ?? usedIn(sub.used.get(item.key) ?? [], stretch);
  let amount = amountOf(price, item.quantity, used, part, metered?.apart);
  if (price.terms.model === 'minimum_commitment')
    amount = Decimal.max(0, amount.minus(spentIn(sub, item, stretch)));
  amount = Decimal.max(0, amount.minus(item.instalments));
  if (metered) sub.closes({ item: { ...item }, stretch, part, billed: amount.plus(item.instalments) });
  item.instalments = zero;
  const fee = newFee(sub, item, amount, stretch, wholeUnits, metered);
  return [{ line: fee.line, fee: null }];
}

/** The amounts of the subscription's other lines whose period lies in the stretch, net of credits. */
function spentIn(sub: Sub, { key, end: periodEnd }: Item, { start, end }: Stretch): Decimal {
  const others = sub.billed.filter(({ line }) => line.key !== key && line.start >= start);
  // Also one that ended early was not for this period alone.
  const isLonger = ({ line, until }: Fee) => until > end || line.end > (periodEnd ?? end);
  if (others.some((fee) => fee.line.start < end && isLonger(fee)))
    throw new Unclear('a fee reaches beyond the stretch that is committed to');
  const inside = others.filter(({ until }) => until <= end);
  return money(inside.map(({ line, credited }) => line.amount.minus(credited)));
}

/** The money back for what is left of what was billed ahead, never more than was billed for it (rule 13). */
export function credit(sub: Sub, item: Item, t: number, dayToo: DayToo = 'never'): Lines {
  return item.fees.flatMap((fee) => {
    const rest = { start: Math.max(billedUntil(sub, t, dayToo), fee.line.start), end: fee.until };
    if (rest.start >= rest.end) return [];
    const units = unitsOf(sub, rest);
    const wanted = amountOf(fee.price, fee.quantity, [], { units, whole: fee.wholeUnits });
    const amount = Decimal.min(wanted, fee.line.amount.minus(fee.credited));
    fee.credited = fee.credited.plus(amount);
    fee.until = t;
    return [{ line: { key: item.key, amount: amount.negated(), ...rest }, fee }];
  });
}

export function fail(why: string): never {
  throw new RangeError(why);
}
