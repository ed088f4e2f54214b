import type { SimulationAction } from '../../src/contract/simulation-actions.ts';
import { Decimal } from '../../src/domain/money.ts';
import { DAY, type Stretch } from './naive-calendar.ts';
import { type Closed, type Item, type Lines, newFee, type Sub, Unclear, zero } from './naive-life.ts';
import { amountOf, type Used } from './naive-prices.ts';
import { isLive, type World } from './naive-world.ts';

/** Events of use, what meters make of them, and what arrives late (billing rules 19b and 29), as simply as it can be said. */

type Of<Name extends SimulationAction['action']> = Extract<SimulationAction, { action: Name }>;

/** Something that was said of a key. It counts from its place in the order on, until another word takes its place. */
export type Told = {
  key: string;
  name: string;
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
  if (said.subscription !== undefined) throw new Unclear('an event of one subscription alone');
  const at = Date.parse(said.timestamp ?? said.at);
  const { idempotency_key: key, event_name: name, properties = {} } = said;
  const isSame = (other: Told) =>
    other.name === name &&
    other.at === at &&
    Object.keys(other.properties).length === Object.keys(properties).length &&
    Object.entries(properties).every(([property, value]) => other.properties[property] === value);
  if (said.action === 'amend_event' && last?.until === Infinity && isSame(last)) return true;
  if (!isAccepted(world, at, now)) return false;
  const [first] = known;
  if (said.action === 'event' && first) return isSame(first);
  world.words += 1;
  for (const one of known) one.until = Math.min(one.until, world.words);
  world.told.push({ key, name, at, properties, from: world.words, until: Infinity });
  return true;
}

const meterOf = ({ body }: World, { price }: Pick<Item, 'price'>) =>
  body.catalogue.meters.find(({ id }) => price.meter === `external:${id}`);

type Meter = NonNullable<ReturnType<typeof meterOf>>;
const text = (one: Told, name = '') => String(one.properties[name] ?? '');
const number = (one: Told, name = '') =>
  /^-?\d+(\.\d+)?$/.test(text(one, name)) ? new Decimal(text(one, name)) : null;

/** The events that count, in the order of time, each with what it is worth. */
function fittingIn(world: World, meter: Meter, stretch: Stretch): { one: Told; value: Decimal }[] {
  const worth = (one: Told) => {
    if (meter.aggregation === 'count' || meter.aggregation === 'unique_count') return new Decimal(1);
    const value = number(one, meter.property);
    if (meter.aggregation !== 'sum_product') return value;
    return value && number(one, meter.factor_property)?.times(value);
  };
  return countedNow(world, meter.event_name, stretch)
    .filter((one) => meter.filters.every(({ property, values }) => values.includes(text(one, property))))
    .sort((a, b) => a.at - b.at)
    .flatMap((one) => {
      const value = worth(one);
      return value ? [{ one, value }] : [];
    });
}

/** What a count saw: how many events, and what they came to. */
function seenIn(world: World, item: Pick<Item, 'price'>, stretch: Stretch): string {
  const meter = meterOf(world, item);
  const events = meter ? fittingIn(world, meter, stretch).length : 0;
  return JSON.stringify([events, counted(world, item, stretch)]);
}

/** What a meter counted in a stretch by what is known now: each group or event that is priced. Null: no meter counts. */
export function counted(world: World, item: Pick<Item, 'price'>, stretch: Stretch): Used[] | null {
  const meter = meterOf(world, item);
  if (!meter) return null;
  if (meter.bucket) throw new Unclear('hours and days that are priced alone');
  const { model } = item.price.terms;
  const fitting = fittingIn(world, meter, stretch);
  const region = (one: Told) => text(one, 'region');
  if (model === 'percentage')
    return fitting.map(({ one, value }) => ({
      at: one.at,
      quantity: value,
      properties: { region: region(one) },
    }));
  const groups = Map.groupBy(fitting, ({ one }) => (model === 'matrix' ? region(one) : ''));
  return [...groups].map(([group, own]) => ({
    at: stretch.start,
    quantity: rounded(
      aggregated(
        meter.aggregation,
        own.map(({ value }) => value),
        own.map(({ one }) => text(one, meter.property)),
      ),
      meter.rounding,
    ),
    properties: { region: group },
  }));
}

function aggregated(how: string, values: readonly Decimal[], texts: readonly string[]): Decimal {
  const [first = zero] = values;
  if (how === 'unique_count') return new Decimal(new Set(texts).size);
  if (how === 'latest') return values.at(-1) ?? zero;
  if (how === 'max') return values.reduce((a, b) => (b.gt(a) ? b : a), first);
  if (how === 'min') return values.reduce((a, b) => (b.lt(a) ? b : a), first);
  return values.reduce((a, b) => a.plus(b), zero);
}

function rounded(
  quantity: Decimal,
  how: { mode: 'round' | 'ceil' | 'floor'; digits: number } | null,
): Decimal {
  if (!how) return quantity;
  const step = new Decimal(10).pow(-how.digits);
  const steps = quantity.div(step);
  return (how.mode === 'ceil' ? steps.ceil() : how.mode === 'floor' ? steps.floor() : steps.round()).times(
    step,
  );
}

const countedNow = ({ told }: World, name: string, { start, end }: Stretch) =>
  told.filter((one) => one.name === name && one.until === Infinity && one.at >= start && one.at < end);

/** Remembers what was billed of a stretch, and what was known then. */
export function close(
  world: World,
  sub: Sub,
  closed: Pick<Closed, 'item' | 'stretch' | 'part' | 'billed'>,
): void {
  const seen = seenIn(world, closed.item, closed.stretch);
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
      one.name === meterOf(world, item)?.event_name &&
      one.at >= stretch.start &&
      one.at < stretch.end &&
      (one.from > known || (one.until > known && one.until < Infinity)),
  );

/** What everything that was closed comes to now, less what was billed of it. */
export function lateLines(world: World, sub: Sub): Lines {
  return sub.closed.flatMap((closed) => {
    if (closed.isDone || !changed(world, closed)) return [];
    const { item, stretch, part, seen: before } = closed;
    const used = counted(world, item, stretch) ?? [];
    const total = amountOf(item.price, item.quantity, used, part);
    const amount = total.minus(closed.billed);
    const seen = seenIn(world, item, stretch);
    // Whatever no meter counts is not known, and looked at again.
    if (amount.isZero() && before === seen) return [];
    if (sub.items.some(({ price }) => price.terms.model === 'minimum_commitment'))
      throw new Unclear('what is late for a stretch that is committed to');
    Object.assign(closed, { billed: total, seen, known: world.words, looked: world.now });
    return [{ line: newFee(sub, item, amount, stretch, part.whole).line, fee: null }];
  });
}

export const isMetered = (sub: Sub) => sub.items.some(({ price }) => price.meter !== null);

const over = (world: World, { stretch }: Closed) => stretch.end + lateWindow(world) + HOUR;

/** Whoever bills a metered stretch has looked; for what is older than all that is taken nothing can come any more. */
export function forget(world: World): void {
  for (const { closed } of world.subs) {
    const billedAt = Math.max(...closed.map(({ closedAt }) => closedAt));
    for (const one of closed) if (over(world, one) <= billedAt) one.isDone = true;
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
