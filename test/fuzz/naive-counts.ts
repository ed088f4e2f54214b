import { Decimal } from '../../src/domain/money.ts';
import { DAY, dayOf, type Stretch, startOfDay, wallTime } from './naive-calendar.ts';
import type { Told } from './naive-events.ts';
import { type Counted, type Item, type Sub, zero } from './naive-life.ts';
import type { World } from './naive-world.ts';

/** What meters make of events (billing rules 19b and 29b), as simply as it can be said. */

const HOUR = 3_600_000;
type Priced = Pick<Item, 'price'>;
type Body = World['body']['catalogue']['meters'][number];
type Meter = Omit<Body['versions'][number], 'effective_at'> & { version: number };

const bodyOf = ({ body }: World, { price }: Priced): Body | undefined =>
  body.catalogue.meters.find(({ id }) => price.meter === `external:${id}`);

/** The events that are counted of an item. */
export const nameOf = (world: World, item: Priced) => bodyOf(world, item)?.event_name;

/** All the ways in which it was ever counted. */
const versionsOf = (body: Body, zone: string): (Meter & { from: number })[] => [
  { ...body, version: 1, from: -Infinity },
  ...body.versions.map((one, n) => ({ ...one, version: n + 2, from: instantOf(one.effective_at, zone) })),
];

/** A date is its midnight where the customer is. */
const instantOf = (when: string, zone: string) =>
  when.length > 10 ? Date.parse(when) : startOfDay(Date.parse(when) / DAY, zone);

const text = (one: Told, name = '') => String(one.properties[name] ?? '');
const number = (one: Told, name = '') =>
  /^-?\d+(\.\d+)?$/.test(text(one, name)) ? new Decimal(text(one, name)) : null;

/** What an event is worth to a meter; null: it does not count. */
function worthOf(meter: Meter, one: Told): Decimal | null {
  if (!meter.filters.every(({ property, values }) => values.includes(text(one, property)))) return null;
  if (meter.aggregation === 'count' || meter.aggregation === 'unique_count') return new Decimal(1);
  const value = number(one, meter.property);
  if (meter.aggregation !== 'sum_product') return value;
  return value && (number(one, meter.factor_property)?.times(value) ?? null);
}

type Fitting = { one: Told; value: Decimal };

/** The events that count, in the order of time, each with what it is worth. */
function fittingIn(world: World, sub: Sub, item: Priced, meter: Meter, { start, end }: Stretch): Fitting[] {
  const isOwn = ({ subscription }: Told) =>
    subscription === sub.name || (subscription === null && sub.usageScope === 'customer');
  return world.told
    .filter((one) => one.name === nameOf(world, item) && one.until === Infinity && isOwn(one))
    .filter(({ at }) => at >= start && at < end)
    .sort((a, b) => a.at - b.at)
    .flatMap((one) => {
      const value = worthOf(meter, one);
      return value ? [{ one, value }] : [];
    });
}

/** What a count saw: how many events, and what they came to. */
export function seenIn(world: World, sub: Sub, item: Priced, stretch: Stretch): string {
  return JSON.stringify(counted(world, sub, item, stretch));
}

/**
 * What a meter counted in a stretch by what is known now, as it counts what begins then: each hour, day, group or event
 * that is priced. Null: no meter counts.
 */
export function counted(world: World, sub: Sub, item: Priced, stretch: Stretch): Counted | null {
  const body = bodyOf(world, item);
  const meter = body && versionsOf(body, sub.zone).findLast(({ from }) => from <= stretch.start);
  if (!meter) return null;
  const fitting = fittingIn(world, sub, item, meter, stretch);
  const { model } = item.price.terms;
  const counts = { events: fitting.length, version: meter.version };
  if (model === 'percentage') {
    const used = fitting.map(({ one, value }) => ({ at: one.at, quantity: value, properties: {} }));
    return { ...counts, used, apart: false };
  }
  const groupOf = ({ one }: Fitting) => {
    if (meter.bucket === 'hour')
      return `${Math.floor(wallTime(one.at, sub.zone) / HOUR)} ${wallTime(one.at, sub.zone) - one.at}`;
    if (meter.bucket === 'day') return String(dayOf(one.at, sub.zone));
    return model === 'matrix' ? text(one, 'region') : '';
  };
  const used = [...Map.groupBy(fitting, groupOf)].map(([group, own]) => ({
    at: stretch.start,
    quantity: rounded(aggregated(meter, own), meter.rounding),
    properties: { region: group },
  }));
  return { ...counts, used, apart: meter.bucket !== null };
}

function aggregated({ aggregation, property }: Meter, own: readonly Fitting[]): Decimal {
  const values = own.map(({ value }) => value);
  const [first = zero] = values;
  if (aggregation === 'unique_count')
    return new Decimal(new Set(own.map(({ one }) => text(one, property))).size);
  if (aggregation === 'latest') return values.at(-1) ?? zero;
  if (aggregation === 'max') return values.reduce((a, b) => (b.gt(a) ? b : a), first);
  if (aggregation === 'min') return values.reduce((a, b) => (b.lt(a) ? b : a), first);
  return values.reduce((a, b) => a.plus(b), zero);
}

function rounded(quantity: Decimal, how: Meter['rounding']): Decimal {
  if (!how) return quantity;
  const step = new Decimal(10).pow(-how.digits);
  const steps = quantity.div(step);
  return (how.mode === 'ceil' ? steps.ceil() : how.mode === 'floor' ? steps.floor() : steps.round()).times(
    step,
  );
}

/**
 * Whether the last word about a key may have changed what a meter of a subscription counts: somebody then looks at its
 * thresholds. What a meter cannot read changes nothing by coming.
 */
export function isTouched(
  world: World,
  sub: Sub,
  { idempotency_key: key }: { idempotency_key: string },
): boolean {
  const fresh = world.told.filter(
    (one) => one.key === key && (one.from === world.words || one.until === world.words),
  );
  return sub.items.some((item) => {
    const body = bodyOf(world, item);
    const reads = (one: Told) =>
      one.until < Infinity ||
      (body &&
        versionsOf(body, sub.zone).some(
          (meter) => meter.aggregation === 'unique_count' || worthOf(meter, one) !== null,
        ));
    return body !== undefined && fresh.some((one) => one.name === body.event_name && reads(one));
  });
}
