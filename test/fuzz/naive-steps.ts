import type { Decimal } from '../../src/domain/money.ts';
import type { Stretch } from './naive-calendar.ts';
import {
  begin,
  closeArrears,
  credit,
  type DayToo,
  type Item,
  type Lines,
  type Sub,
  type Target,
  Unclear,
  zero,
} from './naive-life.ts';

/** What happens to a subscription at an instant, step by step; each answers the lines it makes. */

export type Made = { now: Lines; later: Lines };

export function enter(sub: Sub, status: string, at: number): void {
  const last = sub.states.at(-1);
  if (last?.status === status) return;
  if (last) last.to = at;
  sub.states.push({ status, from: at, to: null });
  sub.status = status;
}

const isCommitment = (item: Item) => item.price.terms.model === 'minimum_commitment';

/** A minimum commitment is always closed last, when everything else of the stretch is known. */
const commitmentsLast = (items: readonly Item[]) => [
  ...items.filter((item) => !isCommitment(item)),
  ...items.filter(isCommitment),
];

export type Cut = {
  targets: readonly Target[];
  proration: 'invoice_now' | 'next_invoice' | 'none';
  /** A new anchor; every running period is cut there. */
  anchor: number | null;
  reset: boolean;
};
export const NO_CUT: Cut = { targets: [], proration: 'invoice_now', anchor: null, reset: false };

/** Everything whose period ends at `t` goes on, and everything that is to be different from `t` on becomes so. */
export function advance(sub: Sub, t: number, cut: Cut): Made {
  const made: Made = { now: [], later: [] };
  // Where a period ends there is an invoice anyway, and whatever waits for the next one is on it.
  const billsNow = cut.proration === 'invoice_now' || sub.items.some((item) => item.end === t);
  const put = (lines: Lines) => (billsNow ? made.now : made.later).push(...lines);
  const targets = new Map(cut.targets.map((target) => [target.key, target]));
  const touched = commitmentsLast(sub.items).filter(
    (item) => item.end === t || targets.has(item.key) || cut.anchor !== null,
  );
  const begins: { item: Item; rolls: boolean }[] = [];
  for (const item of touched) {
    const rolls = item.end === t;
    put(closeArrears(sub, item, t));
    const paidOn = item.price.timing === 'in_advance' && !rolls && cut.proration === 'none';
    if (item.price.timing === 'in_advance' && !rolls && !paidOn) put(credit(sub, item, t));
    const target = targets.get(item.key);
    if (target && !('price' in target)) {
      sub.items = sub.items.filter((other) => other !== item);
      continue;
    }
    if (paidOn && target && target.price.timing !== 'in_advance')
      throw new Unclear('a paid period goes on and its price is then in arrears');
    if (target) Object.assign(item, target);
    if (!paidOn) begins.push({ item, rolls });
  }
  if (cut.anchor !== null) {
    sub.anchor = cut.anchor;
    if (!cut.reset) sub.fixedAnchor = true;
  }
  for (const { item, rolls } of begins) put(rolls ? begin(sub, item, t) : beginNew(sub, item, t, cut));
  for (const target of cut.targets) {
    if (!('price' in target) || sub.items.some(({ key }) => key === target.key)) continue;
    const item: Item = { ...target, from: null, whole: null, end: null, fees: [], instalments: zero };
    sub.items.push(item);
    put(beginNew(sub, item, t, cut));
  }
  return made;
}

/** With `proration: none` what begins in mid-period costs nothing in advance until its period ends. */
function beginNew(sub: Sub, item: Item, t: number, cut: Cut): Lines {
  const before = sub.billed.length;
  const lines = begin(sub, item, t);
  if (cut.proration !== 'none' || item.whole?.start === t) return lines;
  sub.billed.length = before;
  if (lines.length > 0) item.fees.shift();
  return [];
}

/** The subscription begins, or its trial does. */
export function activate(sub: Sub, t: number): Lines {
  if (sub.trialEnd !== null && sub.trialEnd > t) {
    enter(sub, 'trialing', t);
    return sub.trialUsage === 'billed'
      ? sub.items.filter(isUsage).flatMap((item) => begin(sub, item, t))
      : [];
  }
  enter(sub, 'active', t);
  countCycles(sub, t);
  return sub.items.flatMap((item) => begin(sub, item, t));
}

const isUsage = ({ price }: Item) => price.billing === 'usage';

function countCycles(sub: Sub, t: number): void {
  if (sub.cycles === null) return;
  const first = sub.items[0];
  if (!first) throw new Unclear('cycles of nothing');
  const trial: Sub = { ...sub, items: [], billed: [], pending: [] };
  let end: Stretch['end'] = t;
  for (let n = 0; n < sub.cycles; n += 1) {
    const item: Item = { ...first, fees: [] };
    begin(trial, item, end);
    end = item.end ?? end;
  }
  sub.endsAt = end;
}

/** Rule 10: by anniversary the trial's end is the new anchor. */
export function endTrial(sub: Sub, t: number): Lines {
  enter(sub, 'active', t);
  sub.trialEnd = t;
  const lines: Lines = [];
  const moves = !sub.calendar && !sub.fixedAnchor;
  const running = sub.items.filter((item) => item.from !== null && (moves || item.end === t));
  for (const item of running) lines.push(...closeArrears(sub, item, t));
  if (moves) sub.anchor = t;
  countCycles(sub, t);
  for (const item of sub.items)
    if (item.from === null || running.includes(item)) lines.push(...begin(sub, item, t));
  return lines;
}

/** Its period runs on without a fee, because it began without proration. */
const isFree = ({ end, fees }: Item, t: number) =>
  end !== null && end > t && !fees.some(({ until }) => until > t);

export function pause(sub: Sub, t: number, withCredit: boolean): Lines {
  if (sub.status === 'trialing' && sub.items.some(({ from }) => from !== null))
    throw new Unclear('a trial with billed usage is paused');
  sub.pausedAt = t;
  enter(sub, 'paused', t);
  return commitmentsLast(sub.items).flatMap((item) => {
    const lines = closeArrears(sub, item, t);
    if (item.price.timing === 'in_advance' && withCredit) lines.push(...credit(sub, item, t));
    else if (item.price.timing === 'in_advance' && isFree(item, t))
      throw new Unclear('a pause in time that nobody pays for');
    item.from = null;
    return lines;
  });
}

/** Rule 18: time paused is not billed; the anchor stays, and a stub goes to the next boundary. */
export function resume(sub: Sub, t: number): Lines {
  const paused = t - (sub.pausedAt ?? t);
  sub.pausedAt = null;
  if (sub.trialEnd !== null && sub.states.at(-2)?.status === 'trialing') {
    sub.trialEnd += paused;
    enter(sub, 'trialing', t);
    return [];
  }
  enter(sub, 'active', t);
  return sub.items.flatMap((item) => {
    const paidUntil = Math.max(0, ...item.fees.map(({ until }) => until));
    if (item.price.timing !== 'in_advance' || paidUntil <= t) return begin(sub, item, t);
    item.from = t;
    return [];
  });
}

/** Rule 31c: what is owed for the time until `t`, and nothing new. */
export function end(sub: Sub, t: number, as: string, how: { credit: boolean; dayToo: DayToo }): Lines {
  const lines: Lines = [];
  for (const item of commitmentsLast(sub.items)) {
    if (item.from === null) continue;
    lines.push(...closeArrears(sub, item, t, how.dayToo));
    if (how.credit) lines.push(...credit(sub, item, t, how.dayToo));
  }
  enter(sub, as, t);
  sub.items = [];
  sub.planned = [];
  return lines;
}

/** Rule 15b: what a day of the prices in advance comes to. */
export function perDay(items: readonly { price: Item['price']; quantity: Decimal }[]): number {
  const DAYS = { day: 1, week: 7, month: 30.4375, quarter: 91.3125, half_year: 182.625, year: 365.25 };
  return items.reduce((sum, { price, quantity }) => {
    const { terms, interval, timing } = price;
    if (timing !== 'in_advance' || !interval) return sum;
    if (terms.model !== 'flat' && terms.model !== 'per_unit') return sum;
    const amount = terms.model === 'flat' ? terms.unitAmount : terms.unitAmount.times(quantity);
    return sum + amount.toNumber() / (DAYS[interval.unit] * interval.count);
  }, 0);
}
