import type { SimulationAction } from '../../src/contract/simulation-actions.ts';
import { DAY } from './naive-calendar.ts';
import { counted, nameOf, seenIn } from './naive-counts.ts';
import { type Closed, type Lines, newFee, type Sub, Unclear } from './naive-life.ts';
import { amountOf } from './naive-prices.ts';
import { isLive, type World } from './naive-world.ts';

/** Events of use, and what arrives late of them (billing rule 29), as simply as it can be said. */

type Of<Name extends SimulationAction['action']> = Extract<SimulationAction, { action: Name }>;

/** Something that was said of a key. It counts from its place in the order on, until another word takes its place. */
export type Told = {
  key: string;
  name: string;
  /** The subscription that it names. */
  subscription: string | null;
  at: number;
  properties: Record<string, string | number | boolean>;
  from: number;
  until: number;
};

const HOUR = 3_600_000;
const lateWindow = ({ body }: World) => (body.tenant.late_window_days ?? 35) * DAY;
const isAccepted = (world: World, used: number, now: number) =>
  used >= now - lateWindow(world) && used <= now + HOUR / 12;

/** Does what is said of an event. False: it is refused. */
export function tell(
  world: World,
  said: Of<'event'> | Of<'amend_event'> | Of<'deprecate_event'>,
  now: number,
): boolean {
  const known = world.told.filter(({ key }) => key === said.idempotency_key);
  const last = known.at(-1);
  const isClosed = last !== undefined && last.at < now - lateWindow(world);
  if (said.action !== 'event' && (!last || isClosed)) return false;
  if (said.action === 'deprecate_event') {
    world.words += 1;
    for (const one of known) one.until = Math.min(one.until, world.words);
    return true;
  }
  const { subscription = null } = said;
  if (subscription !== null && !world.subs.some((sub) => sub.name === subscription)) return false;
  const at = Date.parse(said.timestamp ?? said.at);
  const { idempotency_key: key, event_name: name, properties = {} } = said;
  const isSame = (other: Told) =>
    other.name === name &&
    other.at === at &&
    other.subscription === subscription &&
    Object.keys(other.properties).length === Object.keys(properties).length &&
    Object.entries(properties).every(([property, value]) => other.properties[property] === value);
  if (said.action === 'amend_event' && last?.until === Infinity && isSame(last)) return true;
  if (!isAccepted(world, at, now)) return false;
  const [first] = known;
  if (said.action === 'event' && first) return isSame(first);
  world.words += 1;
  for (const one of known) one.until = Math.min(one.until, world.words);
  world.told.push({ key, name, subscription, at, properties, from: world.words, until: Infinity });
  return true;
}

/** Remembers what was billed of a stretch, and what was known then. */
export function close(
  world: World,
  sub: Sub,
  closed: Pick<Closed, 'item' | 'stretch' | 'part' | 'billed'>,
): void {
  const seen = seenIn(world, sub, closed.item, closed.stretch);
  sub.closed.push({
    ...closed,
    seen,
    closedAt: world.now,
    known: world.words,
    looked: world.now,
    isDone: false,
  });
}

const changed = (world: World, { item, stretch, known }: Closed) =>
  world.told.some(
    (one) =>
      one.name === nameOf(world, item) &&
      one.at >= stretch.start &&
      one.at < stretch.end &&
      (one.from > known || (one.until > known && one.until < Infinity)),
  );

/** What everything that was closed comes to now, less what was billed of it. */
export function lateLines(world: World, sub: Sub): Lines {
  return sub.closed.flatMap((closed) => {
    if (closed.isDone || !changed(world, closed)) return [];
    const { item, stretch, part, seen: before } = closed;
    const by = counted(world, sub, item, stretch);
    const total = amountOf(item.price, item.quantity, by?.used ?? [], part, by?.apart);
    const amount = total.minus(closed.billed);
    const seen = seenIn(world, sub, item, stretch);
    // Whatever no meter counts is not known, and looked at again.
    if (amount.isZero() && before === seen) return [];
    if (isCommitted(world, sub, closed)) throw new Unclear('what is late for a stretch that is committed to');
    Object.assign(closed, { billed: total, seen, known: world.words, looked: world.now });
    return [{ line: newFee(sub, item, amount, stretch, part.whole, by).line, fee: null }];
  });
}

/** Whether a commitment that has just ended was for that time as well: what was spent on it was counted a moment ago. */
const isCommitted = ({ now }: World, { billed }: Sub, { stretch }: Closed) =>
  billed.some(
    ({ price, line }) =>
      price.terms.model === 'minimum_commitment' &&
      line.end === now &&
      line.start <= stretch.start &&
      line.end >= stretch.end,
  );

export const isMetered = (sub: Sub) => sub.items.some(({ price }) => price.meter !== null);

const over = (world: World, { stretch }: Closed) => stretch.end + lateWindow(world) + HOUR;

/** Whoever bills a metered stretch has looked; for what is older than all that is taken nothing can come any more. */
export function forget(world: World): void {
  for (const { closed } of world.subs) {
    const billedAt = Math.max(...closed.map(({ closedAt }) => closedAt));
    for (const one of closed) if (over(world, one) <= billedAt && !changed(world, one)) one.isDone = true;
  }
}

/** When somebody looks for what came late, a day after the last time, for whoever makes no invoice any more. */
export function lookAt(world: World, sub: Sub): number | null {
  if (isLive(sub) && isMetered(sub)) return null;
  const looks = sub.closed
    .filter(({ isDone }) => !isDone)
    .map((closed) => Math.min(over(world, closed), changed(world, closed) ? closed.looked + DAY : Infinity));
  return looks.length === 0 ? null : Math.max(world.now, Math.min(...looks));
}

/** Afterwards everything was looked at. */
export function looked(world: World, sub: Sub): void {
  for (const closed of sub.closed) {
    closed.looked = world.now;
    if (over(world, closed) <= world.now) closed.isDone = true;
  }
}
