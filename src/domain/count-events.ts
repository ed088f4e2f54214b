import type { CountingRule, UsageCount } from './meter.ts';
import { namedValues } from './meter.ts';
import { Decimal, sum } from './money.ts';
import { bucketStarts } from './usage-buckets.ts';
import type { UsageProperties } from './usage-event.ts';

/** An event that counts, as far as a meter looks at it. */
export type CountedEvent = { key: string; revision: number; at: Date; properties: UsageProperties };

export type CountQuestion = {
  /** Half-open, at exact instants. */
  start: Date;
  end: Date;
  /** Where the meter prices by hours or days, those of this zone. */
  timeZone: string;
  /** The quantity apart by these properties. */
  by: readonly string[];
  /** Every event with what it is worth, in the order of time. */
  perEvent: boolean;
};

/**
 * Counts events in memory, for simulations, by the same rules by which the database counts its own (billing rule 19b).
 * `events` are those of the meter's name that are the subscription's own; those outside of the stretch do not count.
 */
export function countEvents(
  rule: CountingRule,
  events: readonly CountedEvent[],
  { start, end, timeZone, by, perEvent }: CountQuestion,
): Omit<UsageCount, 'snapshot'> {
  const counted = events
    .filter(({ at, properties }) => at >= start && at < end && fits(rule, properties))
    .flatMap((event) => valued(rule, event))
    .sort(inOrder);
  const apart = (keyOf: (event: Valued) => string) =>
    [...Map.groupBy(counted, keyOf)].sort(([a], [b]) => (a < b ? -1 : 1));
  const starts = rule.bucket && bucketStarts({ start, end }, rule.bucket, timeZone);
  const bucketOf = ({ event: { at } }: Valued) =>
    String(starts?.filter((from) => from <= at).length ?? 0).padStart(6, '0');
  const buckets = starts && apart(bucketOf).map(([, own]) => totalOf(rule, own));
  const groupOf = ({ event: { properties } }: Valued) =>
    JSON.stringify(by.map((property) => textOf(properties, property) ?? ''));
  return {
    quantity: buckets ? sum(buckets) : totalOf(rule, counted),
    eventCount: counted.length,
    groups:
      by.length === 0
        ? null
        : apart(groupOf).map(([group, own]) => ({
            values: JSON.parse(group) as string[],
            quantity: totalOf(rule, own),
          })),
    buckets,
    events: perEvent
      ? counted.map(({ event, worth }) => ({
          at: event.at,
          quantity: asQuantity(worth),
          properties: namedValues(
            by,
            by.map((property) => textOf(event.properties, property) ?? ''),
          ),
        }))
      : null,
  };
}

/** `text` tells distinct values apart, `worth` is what is added up or compared. */
type Valued = { event: CountedEvent; worth: Decimal; text: string };

function valued({ aggregation, property, factorProperty }: CountingRule, event: CountedEvent): Valued[] {
  const { properties } = event;
  const text = property === null ? null : textOf(properties, property);
  if (aggregation === 'count') return [{ event, worth: ONE, text: '' }];
  if (aggregation === 'unique_count') return text === null ? [] : [{ event, worth: ONE, text }];
  const number = property === null ? null : numberOf(properties, property);
  const factor = factorProperty === null ? ONE : numberOf(properties, factorProperty);
  return number && factor ? [{ event, worth: number.times(factor), text: '' }] : [];
}

/** What nothing is counted of is zero. `counted` are in their order. */
function totalOf({ aggregation }: CountingRule, counted: readonly Valued[]): Decimal {
  const worths = counted.map(({ worth }) => worth);
  const [first = ZERO] = worths;
  switch (aggregation) {
    case 'count':
    case 'sum':
    case 'sum_product':
      return asQuantity(worths.length === 0 ? ZERO : sum(worths));
    case 'max':
      return asQuantity(Decimal.max(first, ...worths));
    case 'min':
      return asQuantity(Decimal.min(first, ...worths));
    case 'latest':
      return asQuantity(worths.at(-1) ?? ZERO);
    case 'unique_count':
      return new Decimal(new Set(counted.map(({ text }) => text)).size);
  }
}

function fits({ filters }: CountingRule, properties: UsageProperties): boolean {
  return filters.every(({ property, values }) => values.includes(textOf(properties, property) ?? NO_VALUE));
}

/** A property as a text; null where it is missing. */
function textOf(properties: UsageProperties, name: string): string | null {
  const value = Object.hasOwn(properties, name) ? properties[name] : undefined;
  if (value === undefined) return null;
  return typeof value === 'number' ? new Decimal(value).toFixed() : String(value);
}

const NUMBER = /^-?[0-9]{1,18}(\.[0-9]{1,12})?$/;

/** A property as a number; null where it is none, and such an event does not count. */
function numberOf(properties: UsageProperties, name: string): Decimal | null {
  const value = Object.hasOwn(properties, name) ? properties[name] : undefined;
  if (typeof value === 'number') return new Decimal(value);
  return typeof value === 'string' && NUMBER.test(value) ? new Decimal(value) : null;
}

function inOrder({ event: a }: Valued, { event: b }: Valued): number {
  if (a.at.getTime() !== b.at.getTime()) return a.at.getTime() - b.at.getTime();
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  return a.revision - b.revision;
}

/** At most twelve decimals, half away from zero. */
const asQuantity = (value: Decimal) => value.toDecimalPlaces(12, Decimal.ROUND_HALF_UP);

const ZERO = new Decimal(0);
const ONE = new Decimal(1);
/** Stands for a value that no filter names. */
const NO_VALUE = '\0';
